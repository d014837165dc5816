"""The SQL of the write path, by name."""

from __future__ import annotations

PUT_RESOURCES = """
INSERT INTO resources (project_id, resource_id, service, environment, attributes, extra,
                       last_used_day)
SELECT p, r, s, e, a::jsonb, x::jsonb, %(day)s
FROM unnest(%(projects)s::int[], %(ids)s::bytea[], %(services)s::text[], %(environments)s::text[],
            %(attributes)s::text[], %(extras)s::text[]) AS t(p, r, s, e, a, x)
ON CONFLICT (project_id, resource_id) DO UPDATE SET last_used_day = excluded.last_used_day
WHERE resources.last_used_day < excluded.last_used_day
"""

PUT_SCOPES = """
INSERT INTO scopes (project_id, scope_id, name, version, attributes, extra, last_used_day)
SELECT p, r, n, v, a::jsonb, x::jsonb, %(day)s
FROM unnest(%(projects)s::int[], %(ids)s::bytea[], %(names)s::text[], %(versions)s::text[],
            %(attributes)s::text[], %(extras)s::text[]) AS t(p, r, n, v, a, x)
ON CONFLICT (project_id, scope_id) DO UPDATE SET last_used_day = excluded.last_used_day
WHERE scopes.last_used_day < excluded.last_used_day
"""

PROJECTS = """
SELECT project_id, name, created_at_ns, redaction, retention_spans_ns, retention_payloads_ns
FROM projects
"""

# LATERAL with a LIMIT is looked up key by key. A plain join may be planned the other way round
# while a partition is new and thought to be empty, and then reads all of it for every commit.
STORED_PAYLOADS = """
SELECT k.r, b.depth
FROM unnest(%(refs)b::bytea[]) AS k(r)
CROSS JOIN LATERAL (
    SELECT depth FROM payload_blobs
    WHERE project_id = %(project)s AND ref = k.r AND day = %(day)s LIMIT 1) AS b
"""

PUT_BLOBS = """
INSERT INTO payload_blobs (project_id, day, ref, object, object_offset, stored_bytes, plain_bytes,
                           depth, preview)
SELECT * FROM unnest(%(projects)b::int[], %(days)b::int[], %(refs)b::bytea[], %(objects)b::bytea[],
                     %(offsets)b::int[], %(stored)b::int[], %(plain)b::int[],
                     %(depths)b::smallint[], %(previews)b::text[]) AS t(p, d, r, o, f, s, b, h, v)
ORDER BY p, r, d
ON CONFLICT DO NOTHING
RETURNING project_id, ref, day
"""

LOCK_BLOBS = """
SELECT k.p, k.r, k.d
FROM unnest(%(projects)b::int[], %(refs)b::bytea[], %(days)b::int[]) AS k(p, r, d)
CROSS JOIN LATERAL (
    SELECT 1 FROM payload_blobs
    WHERE project_id = k.p AND ref = k.r AND day = k.d LIMIT 1 FOR KEY SHARE) AS b
"""

PUT_LIST_PARTS = """
INSERT INTO payload_list_parts (project_id, part, list, day)
SELECT * FROM unnest(%b::int[], %b::bytea[], %b::bytea[], %b::int[])
ON CONFLICT DO NOTHING
"""

PUT_REFS = """
INSERT INTO span_payload_refs (project_id, trace_id, ref, day)
SELECT * FROM unnest(%b::int[], %b::bytea[], %b::bytea[], %b::int[]) AS t(p, t, r, d)
ORDER BY p, t, r, d
ON CONFLICT DO NOTHING
"""

COPY_SPANS = "COPY spans FROM STDIN (FORMAT BINARY)"
COPY_LOGS = "COPY span_logs FROM STDIN (FORMAT BINARY)"

STAGING = """
CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table}) ON COMMIT DELETE ROWS
"""
COPY_STAGING = "COPY {staging} FROM STDIN (FORMAT BINARY)"
INSERT_STAGED_SPANS = """
INSERT INTO spans SELECT * FROM pg_temp.span_in
ORDER BY project_id, trace_id, span_id, start_time_ns
ON CONFLICT DO NOTHING
RETURNING project_id, trace_id, span_id, start_time_ns
"""
INSERT_STAGED_LOGS = """
INSERT INTO span_logs SELECT * FROM pg_temp.log_in
ORDER BY project_id, trace_id, span_id, time_ns, content_hash
ON CONFLICT DO NOTHING
RETURNING project_id, trace_id, span_id, time_ns, content_hash
"""

STORED_DIGESTS = """
SELECT s.project_id, s.trace_id, s.span_id, s.start_time_ns, s.digest, s.policy_version
FROM unnest(%(projects)s::int[], %(traces)s::bytea[], %(spans)s::bytea[], %(starts)s::bigint[])
     AS k(p, t, i, b)
JOIN spans s ON s.project_id = k.p AND s.trace_id = k.t AND s.span_id = k.i
            AND s.start_time_ns = k.b
WHERE s.start_time_ns BETWEEN %(first)s AND %(last)s
"""

UPSERT_TRACES = """
INSERT INTO traces (
    project_id, trace_id, span_count, error_count, start_time_ns, last_start_ns, end_time_ns,
    root_span_id, root_name, service, environment, status, services, models, tools, agent,
    conversation_id, user_id, input_tokens, output_tokens, cached_tokens, reasoning_tokens,
    cost_usd, cost_source, missing_roots, missing_parents, recomputed_at_ns)
SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13::jsonb, c14::jsonb, c15::jsonb,
       c16, c17, c18, c19, c20, c21, c22, c23, c24, c25, c26, %s
FROM unnest(%s::int[], %s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::text[], %s::smallint[],
            %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::text[], %s::bool[],
            %s::bigint[])
     AS t(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19,
          c20, c21, c22, c23, c24, c25, c26)
ORDER BY c1, c2
ON CONFLICT (project_id, trace_id) DO UPDATE SET
    span_count = traces.span_count + excluded.span_count,
    error_count = traces.error_count + excluded.error_count,
    start_time_ns = least(traces.start_time_ns, excluded.start_time_ns),
    last_start_ns = greatest(traces.last_start_ns, excluded.last_start_ns),
    end_time_ns = greatest(traces.end_time_ns, excluded.end_time_ns)
RETURNING project_id, trace_id, (xmax = 0) AS created, span_count, recomputed_at_ns,
          missing_expired
"""

TOMBSTONED = """
SELECT t.project_id, t.trace_id
FROM unnest(%(projects)s::int[], %(traces)s::bytea[]) AS k(p, t)
JOIN tombstones t ON t.project_id = k.p AND t.trace_id = k.t
WHERE t.keep_until_ns > %(now)s
"""

LOCK_TRACES = """
SELECT 1 FROM traces t
JOIN unnest(%(projects)s::int[], %(traces)s::bytea[]) AS k(p, i)
  ON t.project_id = k.p AND t.trace_id = k.i
ORDER BY t.project_id, t.trace_id FOR SHARE OF t
"""

PURGE_TOMBSTONES = """
DELETE FROM tombstones WHERE (project_id, trace_id) IN (
    SELECT project_id, trace_id FROM tombstones WHERE keep_until_ns <= %s LIMIT 10000)
"""

REMOVE_SPANS = """
DELETE FROM spans s
USING unnest(%(projects)s::int[], %(traces)s::bytea[], %(spans)s::bytea[], %(starts)s::bigint[])
      AS k(p, t, i, b)
WHERE s.project_id = k.p AND s.trace_id = k.t AND s.span_id = k.i AND s.start_time_ns = k.b
"""

REMOVE_LOGS = """
DELETE FROM span_logs s
USING unnest(%(projects)s::int[], %(traces)s::bytea[], %(spans)s::bytea[], %(times)s::bigint[],
             %(hashes)s::bytea[]) AS k(p, t, i, b, h)
WHERE s.project_id = k.p AND s.trace_id = k.t AND s.span_id = k.i AND s.time_ns = k.b
  AND s.content_hash = k.h
"""

REMOVE_TRACES = """
DELETE FROM traces t USING unnest(%(projects)s::int[], %(traces)s::bytea[]) AS k(p, i)
WHERE t.project_id = k.p AND t.trace_id = k.i
"""

TRACE_BOUNDS = """
SELECT min(t.start_time_ns), max(t.last_start_ns)
FROM unnest(%(projects)s::int[], %(traces)s::bytea[]) AS k(p, i)
JOIN traces t ON t.project_id = k.p AND t.trace_id = k.i
"""

FACTS = """
SELECT s.project_id, s.trace_id, s.span_id, coalesce(s.parent_span_id, ''), s.start_time_ns,
       s.end_time_ns, s.status_code, s.name, r.service, r.environment, s.genai_kind,
       s.request_model, s.response_model, s.response_id, s.agent, s.tool, s.conversation_id,
       s.user_id, s.input_tokens, s.output_tokens, s.cached_tokens, s.cache_write_tokens,
       s.reasoning_tokens, s.cost_usd, s.cost_source
FROM unnest(%(projects)s::int[], %(traces)s::bytea[]) AS k(p, t)
JOIN spans s ON s.project_id = k.p AND s.trace_id = k.t
LEFT JOIN resources r ON r.project_id = s.project_id AND r.resource_id = s.resource_id
WHERE s.start_time_ns BETWEEN %(first)s AND %(last)s
"""

REWRITE_SUMMARIES = """
UPDATE traces t SET
    start_time_ns = c5, last_start_ns = c6, end_time_ns = c7,
    root_span_id = c8, root_name = c9, service = c10, environment = c11, status = c12,
    services = c13::jsonb, models = c14::jsonb, tools = c15::jsonb, agent = c16,
    conversation_id = c17, user_id = c18, input_tokens = c19, output_tokens = c20,
    cached_tokens = c21, reasoning_tokens = c22, cost_usd = c23, cost_source = c24,
    missing_roots = c25, missing_parents = c26, recomputed_at_ns = %s, totals_pending = false
FROM unnest(%s::int[], %s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::text[], %s::smallint[],
            %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::text[], %s::bool[],
            %s::bigint[])
     AS k(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19,
          c20, c21, c22, c23, c24, c25, c26)
WHERE t.project_id = c1 AND t.trace_id = c2
"""

PUT_OFF = """
UPDATE traces t SET totals_pending = true
FROM unnest(%(projects)s::int[], %(traces)s::bytea[]) AS k(p, i)
WHERE t.project_id = k.p AND t.trace_id = k.i AND NOT t.totals_pending
"""

PENDING = """
SELECT project_id, trace_id, span_count, recomputed_at_ns, missing_expired
FROM traces WHERE totals_pending AND recomputed_at_ns <= %s AND span_count <= %s
ORDER BY project_id, trace_id LIMIT 10 FOR UPDATE SKIP LOCKED
"""
