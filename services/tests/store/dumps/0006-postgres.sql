SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.audit_log (
    entry_id bigint NOT NULL,
    at_ns bigint NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    actor text,
    role text,
    project text,
    target text,
    address text,
    status smallint,
    count bigint NOT NULL,
    counted_key text,
    detail text
);

CREATE SEQUENCE public.audit_log_entry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.audit_log_entry_id_seq OWNED BY public.audit_log.entry_id;

CREATE TABLE public.exports (
    object_key text NOT NULL,
    project_id integer,
    bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    created_at_ns bigint NOT NULL,
    expires_at_ns bigint
);

CREATE TABLE public.imported_span_logs (
    import_day integer NOT NULL,
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    time_ns bigint NOT NULL,
    content_hash bytea NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    severity_number smallint NOT NULL,
    name text NOT NULL,
    severity_text text,
    attributes jsonb NOT NULL,
    body jsonb,
    extra jsonb,
    genai jsonb,
    payloads jsonb,
    redactions jsonb
)
PARTITION BY RANGE (import_day);

CREATE TABLE public.imported_span_logs_20260115 (
    import_day integer NOT NULL,
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    time_ns bigint NOT NULL,
    content_hash bytea NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    severity_number smallint NOT NULL,
    name text NOT NULL,
    severity_text text,
    attributes jsonb NOT NULL,
    body jsonb,
    extra jsonb,
    genai jsonb,
    payloads jsonb,
    redactions jsonb
);

CREATE TABLE public.imported_span_logs_20260116 (
    import_day integer NOT NULL,
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    time_ns bigint NOT NULL,
    content_hash bytea NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    severity_number smallint NOT NULL,
    name text NOT NULL,
    severity_text text,
    attributes jsonb NOT NULL,
    body jsonb,
    extra jsonb,
    genai jsonb,
    payloads jsonb,
    redactions jsonb
);

CREATE TABLE public.imported_spans (
    import_day integer NOT NULL,
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    parent_span_id bytea,
    kind smallint NOT NULL,
    status_code smallint NOT NULL,
    flags bigint NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    status_message text,
    attributes jsonb NOT NULL,
    events jsonb,
    links jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai_kind text,
    request_model text,
    response_model text,
    response_id text,
    agent text,
    tool text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    genai jsonb
)
PARTITION BY RANGE (import_day);

CREATE TABLE public.imported_spans_20260115 (
    import_day integer NOT NULL,
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    parent_span_id bytea,
    kind smallint NOT NULL,
    status_code smallint NOT NULL,
    flags bigint NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    status_message text,
    attributes jsonb NOT NULL,
    events jsonb,
    links jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai_kind text,
    request_model text,
    response_model text,
    response_id text,
    agent text,
    tool text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    genai jsonb
);

CREATE TABLE public.imported_spans_20260116 (
    import_day integer NOT NULL,
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    parent_span_id bytea,
    kind smallint NOT NULL,
    status_code smallint NOT NULL,
    flags bigint NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    status_message text,
    attributes jsonb NOT NULL,
    events jsonb,
    links jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai_kind text,
    request_model text,
    response_model text,
    response_id text,
    agent text,
    tool text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    genai jsonb
);

CREATE TABLE public.payload_blobs (
    project_id integer NOT NULL,
    day integer NOT NULL,
    ref bytea NOT NULL,
    object bytea NOT NULL,
    object_offset integer NOT NULL,
    stored_bytes integer NOT NULL,
    plain_bytes integer NOT NULL,
    depth smallint NOT NULL,
    preview text
)
PARTITION BY RANGE (day);

CREATE TABLE public.payload_blobs_20260115 (
    project_id integer NOT NULL,
    day integer NOT NULL,
    ref bytea NOT NULL,
    object bytea NOT NULL,
    object_offset integer NOT NULL,
    stored_bytes integer NOT NULL,
    plain_bytes integer NOT NULL,
    depth smallint NOT NULL,
    preview text
);

CREATE TABLE public.payload_blobs_20260116 (
    project_id integer NOT NULL,
    day integer NOT NULL,
    ref bytea NOT NULL,
    object bytea NOT NULL,
    object_offset integer NOT NULL,
    stored_bytes integer NOT NULL,
    plain_bytes integer NOT NULL,
    depth smallint NOT NULL,
    preview text
);

CREATE TABLE public.payload_days (
    project_id integer NOT NULL,
    day integer NOT NULL,
    expired_at_ns bigint NOT NULL,
    reason text NOT NULL
);

CREATE TABLE public.payload_list_parts (
    project_id integer NOT NULL,
    day integer NOT NULL,
    part bytea NOT NULL,
    list bytea NOT NULL
)
PARTITION BY RANGE (day);

CREATE TABLE public.payload_list_parts_20260115 (
    project_id integer NOT NULL,
    day integer NOT NULL,
    part bytea NOT NULL,
    list bytea NOT NULL
);

CREATE TABLE public.payload_list_parts_20260116 (
    project_id integer NOT NULL,
    day integer NOT NULL,
    part bytea NOT NULL,
    list bytea NOT NULL
);

CREATE TABLE public.payload_tombstones (
    project_id integer NOT NULL,
    ref bytea NOT NULL,
    deleted_at_ns bigint NOT NULL,
    keep_until_ns bigint NOT NULL,
    reason text NOT NULL
);

CREATE TABLE public.project_usage (
    project_id integer NOT NULL,
    day integer NOT NULL,
    slot smallint NOT NULL,
    spans bigint NOT NULL,
    content_bytes bigint NOT NULL
);

CREATE TABLE public.projects (
    project_id integer NOT NULL,
    name text NOT NULL,
    created_at_ns bigint NOT NULL,
    redaction text,
    retention_spans_ns bigint,
    retention_payloads_ns bigint,
    quota_spans_per_second bigint,
    quota_bytes_per_second bigint,
    quota_spans_per_day bigint,
    quota_content_bytes_per_day bigint,
    personal_data text,
    export_key bytea
);

CREATE SEQUENCE public.projects_project_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.projects_project_id_seq OWNED BY public.projects.project_id;

CREATE TABLE public.resources (
    project_id integer NOT NULL,
    resource_id bytea NOT NULL,
    service text,
    environment text,
    attributes jsonb NOT NULL,
    extra jsonb,
    last_used_day integer NOT NULL
);

CREATE TABLE public.scopes (
    project_id integer NOT NULL,
    scope_id bytea NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    attributes jsonb NOT NULL,
    extra jsonb,
    last_used_day integer NOT NULL
);

CREATE TABLE public.span_logs (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    time_ns bigint NOT NULL,
    content_hash bytea NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    severity_number smallint NOT NULL,
    name text NOT NULL,
    severity_text text,
    attributes jsonb NOT NULL,
    body jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai jsonb
)
PARTITION BY RANGE (time_ns);

CREATE TABLE public.span_logs_20260115 (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    time_ns bigint NOT NULL,
    content_hash bytea NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    severity_number smallint NOT NULL,
    name text NOT NULL,
    severity_text text,
    attributes jsonb NOT NULL,
    body jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai jsonb
);

CREATE TABLE public.span_logs_20260116 (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    time_ns bigint NOT NULL,
    content_hash bytea NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    severity_number smallint NOT NULL,
    name text NOT NULL,
    severity_text text,
    attributes jsonb NOT NULL,
    body jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai jsonb
);

CREATE TABLE public.span_payload_refs (
    project_id integer NOT NULL,
    day integer NOT NULL,
    trace_id bytea NOT NULL,
    ref bytea NOT NULL
)
PARTITION BY RANGE (day);

CREATE TABLE public.span_payload_refs_20260115 (
    project_id integer NOT NULL,
    day integer NOT NULL,
    trace_id bytea NOT NULL,
    ref bytea NOT NULL
);

CREATE TABLE public.span_payload_refs_20260116 (
    project_id integer NOT NULL,
    day integer NOT NULL,
    trace_id bytea NOT NULL,
    ref bytea NOT NULL
);

CREATE TABLE public.spans (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    parent_span_id bytea,
    kind smallint NOT NULL,
    status_code smallint NOT NULL,
    flags bigint NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    status_message text,
    attributes jsonb NOT NULL,
    events jsonb,
    links jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai_kind text,
    request_model text,
    response_model text,
    response_id text,
    agent text,
    tool text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    genai jsonb
)
PARTITION BY RANGE (start_time_ns);

CREATE TABLE public.spans_20260115 (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    parent_span_id bytea,
    kind smallint NOT NULL,
    status_code smallint NOT NULL,
    flags bigint NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    status_message text,
    attributes jsonb NOT NULL,
    events jsonb,
    links jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai_kind text,
    request_model text,
    response_model text,
    response_id text,
    agent text,
    tool text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    genai jsonb
);

CREATE TABLE public.spans_20260116 (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    parent_span_id bytea,
    kind smallint NOT NULL,
    status_code smallint NOT NULL,
    flags bigint NOT NULL,
    policy_version integer NOT NULL,
    resource_id bytea NOT NULL,
    scope_id bytea NOT NULL,
    digest bytea NOT NULL,
    name text NOT NULL,
    status_message text,
    attributes jsonb NOT NULL,
    events jsonb,
    links jsonb,
    extra jsonb,
    payloads jsonb,
    redactions jsonb,
    genai_kind text,
    request_model text,
    response_model text,
    response_id text,
    agent text,
    tool text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    genai jsonb
);

CREATE TABLE public.staged_imports (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    import_day integer NOT NULL,
    started_at_ns bigint NOT NULL
);

CREATE TABLE public.tokens (
    token_id integer NOT NULL,
    token_hash bytea NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    project_id integer,
    created_at_ns bigint NOT NULL,
    expires_at_ns bigint,
    revoked_at_ns bigint
);

CREATE SEQUENCE public.tokens_token_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.tokens_token_id_seq OWNED BY public.tokens.token_id;

CREATE TABLE public.tombstones (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    deleted_at_ns bigint NOT NULL,
    keep_until_ns bigint NOT NULL,
    reason text NOT NULL
);

CREATE TABLE public.traces (
    project_id integer NOT NULL,
    trace_id bytea NOT NULL,
    source text DEFAULT 'otlp'::text NOT NULL,
    import_day integer,
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    start_time_ns bigint NOT NULL,
    last_start_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    root_span_id bytea NOT NULL,
    root_name text NOT NULL,
    service text,
    environment text,
    status smallint NOT NULL,
    services jsonb NOT NULL,
    models jsonb NOT NULL,
    tools jsonb NOT NULL,
    agent text,
    conversation_id text,
    user_id text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    reasoning_tokens bigint,
    cost_usd double precision,
    cost_source text,
    missing_roots boolean NOT NULL,
    missing_parents bigint NOT NULL,
    missing_expired boolean DEFAULT false NOT NULL,
    totals_pending boolean DEFAULT false NOT NULL,
    recomputed_at_ns bigint NOT NULL,
    started_ns bigint,
    last_started_ns bigint,
    original_environment text,
    import_digest bytea
);

ALTER TABLE ONLY public.imported_span_logs ATTACH PARTITION public.imported_span_logs_20260115 FOR VALUES FROM (20468) TO (20469);

ALTER TABLE ONLY public.imported_span_logs ATTACH PARTITION public.imported_span_logs_20260116 FOR VALUES FROM (20469) TO (20470);

ALTER TABLE ONLY public.imported_spans ATTACH PARTITION public.imported_spans_20260115 FOR VALUES FROM (20468) TO (20469);

ALTER TABLE ONLY public.imported_spans ATTACH PARTITION public.imported_spans_20260116 FOR VALUES FROM (20469) TO (20470);

ALTER TABLE ONLY public.payload_blobs ATTACH PARTITION public.payload_blobs_20260115 FOR VALUES FROM (20468) TO (20469);

ALTER TABLE ONLY public.payload_blobs ATTACH PARTITION public.payload_blobs_20260116 FOR VALUES FROM (20469) TO (20470);

ALTER TABLE ONLY public.payload_list_parts ATTACH PARTITION public.payload_list_parts_20260115 FOR VALUES FROM (20468) TO (20469);

ALTER TABLE ONLY public.payload_list_parts ATTACH PARTITION public.payload_list_parts_20260116 FOR VALUES FROM (20469) TO (20470);

ALTER TABLE ONLY public.span_logs ATTACH PARTITION public.span_logs_20260115 FOR VALUES FROM ('1768435200000000000') TO ('1768521600000000000');

ALTER TABLE ONLY public.span_logs ATTACH PARTITION public.span_logs_20260116 FOR VALUES FROM ('1768521600000000000') TO ('1768608000000000000');

ALTER TABLE ONLY public.span_payload_refs ATTACH PARTITION public.span_payload_refs_20260115 FOR VALUES FROM (20468) TO (20469);

ALTER TABLE ONLY public.span_payload_refs ATTACH PARTITION public.span_payload_refs_20260116 FOR VALUES FROM (20469) TO (20470);

ALTER TABLE ONLY public.spans ATTACH PARTITION public.spans_20260115 FOR VALUES FROM ('1768435200000000000') TO ('1768521600000000000');

ALTER TABLE ONLY public.spans ATTACH PARTITION public.spans_20260116 FOR VALUES FROM ('1768521600000000000') TO ('1768608000000000000');

ALTER TABLE ONLY public.audit_log ALTER COLUMN entry_id SET DEFAULT nextval('public.audit_log_entry_id_seq'::regclass);

ALTER TABLE ONLY public.projects ALTER COLUMN project_id SET DEFAULT nextval('public.projects_project_id_seq'::regclass);

ALTER TABLE ONLY public.tokens ALTER COLUMN token_id SET DEFAULT nextval('public.tokens_token_id_seq'::regclass);

INSERT INTO public.alembic_version VALUES ('0006');

INSERT INTO public.audit_log VALUES (1, 1768500000000000000, 'payload.read', 'allowed', 'reader', 'viewer', 'default', 'x', NULL, NULL, 1, NULL, NULL);

INSERT INTO public.payload_blobs_20260115 VALUES (1, 20468, '\x0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18', '\xfb19db626025677cc27b5ec699e186a256d8afbae48b795a0402e70a1a74aa3c', 60, 20, 40, 1, NULL);
INSERT INTO public.payload_blobs_20260115 VALUES (1, 20468, '\x539c01ad56e229e063abe8ae7893164c5c33f86f761ecf0f4fb1c3343ed7ff65', '\xfb19db626025677cc27b5ec699e186a256d8afbae48b795a0402e70a1a74aa3c', 0, 60, 72, 0, 'Where is my order?');

INSERT INTO public.payload_days VALUES (1, 20400, 1768500000000000000, 'retention');

INSERT INTO public.payload_list_parts_20260115 VALUES (1, 20468, '\x539c01ad56e229e063abe8ae7893164c', '\x0489694516f493cd5ca074cfd443def1');

INSERT INTO public.payload_tombstones VALUES (1, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 1768500000000000000, 1768600000000000000, 'deleted');

INSERT INTO public.projects VALUES (1, 'default', 1795845373087684903, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.projects VALUES (2, 'team', 1768500000000000000, 'strict', 604800000000000, 259200000000000, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.resources VALUES (1, '\xc20ec6e14c775c9cce19fea32dc1dcee', 'agent', 'production', '{"n": {"k": [1, null]}, "service.name": "agent", "deployment.environment.name": "production"}', '{"schema_url": "https://opentelemetry.io/schemas/1.38.0", "mended_strings": 1, "dropped_attributes_count": 1}', 20785);
INSERT INTO public.resources VALUES (1, '\x812b76817906557d96f72805ef94670b', 'worker', NULL, '{"service.name": "worker"}', NULL, 20785);

INSERT INTO public.scopes VALUES (1, '\xec6576c677ea23c99e7f41926c2b347d', 'tracer', '1.2.3', '{"k": true}', '{"dropped_attributes_count": 2}', 20785);
INSERT INTO public.scopes VALUES (1, '\x107f727547269d035040f1ff7d2dfef7', '', '', '{}', NULL, 20785);

INSERT INTO public.span_logs_20260115 VALUES (1, '\x00000000000000000000000000000003', '\x0000000000000004', 1768521598000000001, '\x4a1d3afc19e2c61b6cb76765bba51136', 7, '\x812b76817906557d96f72805ef94670b', '\x107f727547269d035040f1ff7d2dfef7', 0, 'gen_ai.user.message', NULL, '{}', NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.span_logs_20260116 VALUES (1, '\x00000000000000000000000000000001', '\x0000000000000002', 1768521600000000000, '\xad67b9205aa40e280fbc7b3e6c343309', 7, '\xc20ec6e14c775c9cce19fea32dc1dcee', '\xec6576c677ea23c99e7f41926c2b347d', 9, 'gen_ai.choice', 'INFO', '{"gen_ai.system": "openai"}', '{"index": 0}', '{"flags": 1, "mended_strings": 1, "observed_time_ns": "1768521601000000000", "dropped_attributes_count": 2}', '[{"key": "gen_ai.input.messages", "ref": "sha256:0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18", "slot": "input_messages", "type": "string", "bytes": 40, "place": "span", "state": "present", "media_type": "application/json"}]', '[{"rule": "email", "count": 1}]', NULL);

INSERT INTO public.span_payload_refs_20260115 VALUES (1, 20468, '\x00000000000000000000000000000001', '\x0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18');

INSERT INTO public.span_payload_refs_20260116 VALUES (1, 20469, '\x00000000000000000000000000000001', '\x0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18');

INSERT INTO public.spans_20260115 VALUES (1, '\x00000000000000000000000000000001', '\x0000000000000001', 1768521598000000000, 1768521602000000000, NULL, 1, 1, 0, 7, '\xc20ec6e14c775c9cce19fea32dc1dcee', '\xec6576c677ea23c99e7f41926c2b347d', '\xf733800ee5de8ac5253d3adede47bc5c', 'invoke_agent planner', NULL, '{"big": {"$double": "1e+300"}, "double": 0.1, "gen_ai.operation.name": "invoke_agent"}', NULL, NULL, '{"trace_state": "vendor=value", "mended_strings": 4, "dropped_links_count": 3, "dropped_events_count": 2, "dropped_attributes_count": 1}', NULL, NULL, 'agent', NULL, NULL, NULL, 'planner', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"dialect": "otel_genai", "version": 3, "operation": "invoke_agent"}');
INSERT INTO public.spans_20260115 VALUES (1, '\x00000000000000000000000000000001', '\x0000000000000002', 1768521599000000000, 1768521601000000000, '\x0000000000000001', 3, 2, 257, 7, '\xc20ec6e14c775c9cce19fea32dc1dcee', '\xec6576c677ea23c99e7f41926c2b347d', '\x4cf1f645c543bb5c881154a5a8e8c244', 'chat m-large', 'rate limited', '{"text": "naïve", "gen_ai.operation.name": "chat"}', '[{"name": "exception", "time_ns": "1768521600000000000", "attributes": {"exception.type": "RateLimit"}, "dropped_attributes_count": 1}, {"name": "retry", "time_ns": "18446744073709551615", "attributes": {}}]', '[{"flags": 1, "span_id": "0000000000000009", "trace_id": "00000000000000000000000000000002", "attributes": {"why": "caused"}, "trace_state": "a=b", "dropped_attributes_count": 2}, {"span_id": "ff", "trace_id": "", "attributes": {}}]', NULL, '[{"key": "gen_ai.input.messages", "ref": "sha256:0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18", "slot": "input_messages", "type": "string", "bytes": 40, "place": "span", "state": "present", "media_type": "application/json"}, {"key": "secret.name", "ref": null, "slot": "attribute", "type": "string", "bytes": null, "place": "resource", "state": "redacted", "media_type": null}]', '[{"rule": "aws_access_key", "count": 2}, {"rule": "email", "count": 1}]', 'llm', 'm-large', 'm-large-1', 'resp-1', 'planner', 'search', 'conversation-1', 'user-1', 1000, 200, 800, 10, 50, 0.0125, 'computed', '{"dialect": "otel_genai", "version": 3, "provider": "openai", "operation": "chat", "tool_call_id": "call-1", "price_version": "2026-01-10", "finish_reasons": ["stop", "length"]}');
INSERT INTO public.spans_20260115 VALUES (1, '\x00000000000000000000000000000002', '\x0000000000000009', 1768521598000000000, 1768521598000000005, NULL, 2, 0, 0, 7, '\x812b76817906557d96f72805ef94670b', '\x107f727547269d035040f1ff7d2dfef7', '\x79d981286f7581997c26b256e4327228', 'GET /orders', NULL, '{"http.response.status_code": 200}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.spans_20260116 VALUES (1, '\x00000000000000000000000000000001', '\x0000000000000003', 1768521601000000000, 1768521601000000000, '\x000000000000004d', 2, 0, 0, 7, '\x812b76817906557d96f72805ef94670b', '\x107f727547269d035040f1ff7d2dfef7', '\x3cd980e4ba989265655ae006dd30a5ec', 'after midnight', NULL, '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.tokens VALUES (1, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'reader', 'viewer', 1, 1768500000000000000, 1769500000000000000, NULL);

INSERT INTO public.tombstones VALUES (1, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 1768500000000000000, 1768600000000000000, 'deleted');

INSERT INTO public.traces VALUES (1, '\x00000000000000000000000000000002', 'otlp', NULL, 1, 0, 1768521598000000000, 1768521598000000000, 1768521598000000005, '\x0000000000000009', 'GET /orders', 'worker', NULL, 0, '["worker"]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, 0, false, false, 1795845373165454071, NULL, NULL, NULL, NULL);
INSERT INTO public.traces VALUES (1, '\x00000000000000000000000000000001', 'otlp', NULL, 3, 1, 1768521598000000000, 1768521601000000000, 1768521602000000000, '\x0000000000000001', 'invoke_agent planner', 'agent', 'production', 1, '["agent", "worker"]', '["m-large", "m-large-1"]', '["search"]', 'planner', 'conversation-1', 'user-1', 1000, 200, 800, 50, 0.0125, 'computed', false, 1, false, false, 1795845373165454071, NULL, NULL, NULL, NULL);

SELECT pg_catalog.setval('public.audit_log_entry_id_seq', 1, true);

SELECT pg_catalog.setval('public.projects_project_id_seq', 2, true);

SELECT pg_catalog.setval('public.tokens_token_id_seq', 1, true);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_counted_key_key UNIQUE (counted_key);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (entry_id);

ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (object_key);

ALTER TABLE ONLY public.imported_span_logs
    ADD CONSTRAINT imported_span_logs_pkey PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash, import_day);

ALTER TABLE ONLY public.imported_span_logs_20260115
    ADD CONSTRAINT imported_span_logs_20260115_pkey PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash, import_day);

ALTER TABLE ONLY public.imported_span_logs_20260116
    ADD CONSTRAINT imported_span_logs_20260116_pkey PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash, import_day);

ALTER TABLE ONLY public.imported_spans
    ADD CONSTRAINT imported_spans_pkey PRIMARY KEY (project_id, trace_id, start_time_ns, span_id, import_day);

ALTER TABLE ONLY public.imported_spans_20260115
    ADD CONSTRAINT imported_spans_20260115_pkey PRIMARY KEY (project_id, trace_id, start_time_ns, span_id, import_day);

ALTER TABLE ONLY public.imported_spans_20260116
    ADD CONSTRAINT imported_spans_20260116_pkey PRIMARY KEY (project_id, trace_id, start_time_ns, span_id, import_day);

ALTER TABLE ONLY public.payload_blobs
    ADD CONSTRAINT payload_blobs_pkey PRIMARY KEY (project_id, ref, day);

ALTER TABLE ONLY public.payload_blobs_20260115
    ADD CONSTRAINT payload_blobs_20260115_pkey PRIMARY KEY (project_id, ref, day);

ALTER TABLE ONLY public.payload_blobs_20260116
    ADD CONSTRAINT payload_blobs_20260116_pkey PRIMARY KEY (project_id, ref, day);

ALTER TABLE ONLY public.payload_days
    ADD CONSTRAINT payload_days_pkey PRIMARY KEY (project_id, day);

ALTER TABLE ONLY public.payload_list_parts
    ADD CONSTRAINT payload_list_parts_pkey PRIMARY KEY (project_id, part, list, day);

ALTER TABLE ONLY public.payload_list_parts_20260115
    ADD CONSTRAINT payload_list_parts_20260115_pkey PRIMARY KEY (project_id, part, list, day);

ALTER TABLE ONLY public.payload_list_parts_20260116
    ADD CONSTRAINT payload_list_parts_20260116_pkey PRIMARY KEY (project_id, part, list, day);

ALTER TABLE ONLY public.payload_tombstones
    ADD CONSTRAINT payload_tombstones_pkey PRIMARY KEY (project_id, ref);

ALTER TABLE ONLY public.project_usage
    ADD CONSTRAINT project_usage_pkey PRIMARY KEY (project_id, day, slot);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_name_key UNIQUE (name);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_pkey PRIMARY KEY (project_id, resource_id);

ALTER TABLE ONLY public.scopes
    ADD CONSTRAINT scopes_pkey PRIMARY KEY (project_id, scope_id);

ALTER TABLE ONLY public.span_logs
    ADD CONSTRAINT span_logs_pkey PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash);

ALTER TABLE ONLY public.span_logs_20260115
    ADD CONSTRAINT span_logs_20260115_pkey PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash);

ALTER TABLE ONLY public.span_logs_20260116
    ADD CONSTRAINT span_logs_20260116_pkey PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash);

ALTER TABLE ONLY public.span_payload_refs
    ADD CONSTRAINT span_payload_refs_pkey PRIMARY KEY (project_id, trace_id, ref, day);

ALTER TABLE ONLY public.span_payload_refs_20260115
    ADD CONSTRAINT span_payload_refs_20260115_pkey PRIMARY KEY (project_id, trace_id, ref, day);

ALTER TABLE ONLY public.span_payload_refs_20260116
    ADD CONSTRAINT span_payload_refs_20260116_pkey PRIMARY KEY (project_id, trace_id, ref, day);

ALTER TABLE ONLY public.spans
    ADD CONSTRAINT spans_pkey PRIMARY KEY (project_id, trace_id, start_time_ns, span_id);

ALTER TABLE ONLY public.spans_20260115
    ADD CONSTRAINT spans_20260115_pkey PRIMARY KEY (project_id, trace_id, start_time_ns, span_id);

ALTER TABLE ONLY public.spans_20260116
    ADD CONSTRAINT spans_20260116_pkey PRIMARY KEY (project_id, trace_id, start_time_ns, span_id);

ALTER TABLE ONLY public.staged_imports
    ADD CONSTRAINT staged_imports_pkey PRIMARY KEY (project_id, trace_id);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_name_key UNIQUE (name);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.tombstones
    ADD CONSTRAINT tombstones_pkey PRIMARY KEY (project_id, trace_id);

ALTER TABLE ONLY public.traces
    ADD CONSTRAINT traces_pkey PRIMARY KEY (project_id, trace_id);

CREATE INDEX exports_expiry ON public.exports USING btree (expires_at_ns);

CREATE INDEX imported_span_logs_views ON ONLY public.imported_span_logs USING btree (project_id, trace_id) WHERE (genai IS NOT NULL);

CREATE INDEX imported_span_logs_20260115_project_id_trace_id_idx ON public.imported_span_logs_20260115 USING btree (project_id, trace_id) WHERE (genai IS NOT NULL);

CREATE INDEX imported_span_logs_20260116_project_id_trace_id_idx ON public.imported_span_logs_20260116 USING btree (project_id, trace_id) WHERE (genai IS NOT NULL);

CREATE INDEX ix_audit_log_at_ns ON public.audit_log USING btree (at_ns);

CREATE INDEX payload_blobs_object ON ONLY public.payload_blobs USING btree (object);

CREATE INDEX payload_blobs_20260115_object_idx ON public.payload_blobs_20260115 USING btree (object);

CREATE INDEX payload_blobs_20260116_object_idx ON public.payload_blobs_20260116 USING btree (object);

CREATE INDEX span_logs_views ON ONLY public.span_logs USING btree (project_id, trace_id) WHERE (genai IS NOT NULL);

CREATE INDEX span_logs_20260115_project_id_trace_id_idx ON public.span_logs_20260115 USING btree (project_id, trace_id) WHERE (genai IS NOT NULL);

CREATE INDEX span_logs_20260116_project_id_trace_id_idx ON public.span_logs_20260116 USING btree (project_id, trace_id) WHERE (genai IS NOT NULL);

CREATE INDEX span_payload_refs_ref ON ONLY public.span_payload_refs USING btree (project_id, ref, day);

CREATE INDEX span_payload_refs_20260115_project_id_ref_day_idx ON public.span_payload_refs_20260115 USING btree (project_id, ref, day);

CREATE INDEX span_payload_refs_20260116_project_id_ref_day_idx ON public.span_payload_refs_20260116 USING btree (project_id, ref, day);

CREATE INDEX traces_expensive ON public.traces USING btree (project_id, COALESCE(cost_usd, ('-1'::integer)::double precision), start_time_ns, trace_id);

CREATE INDEX traces_newest ON public.traces USING btree (project_id, start_time_ns, trace_id);

CREATE INDEX traces_pending ON public.traces USING btree (recomputed_at_ns) WHERE totals_pending;

CREATE INDEX traces_running ON public.traces USING btree (project_id, start_time_ns, trace_id) WHERE (last_started_ns IS NOT NULL);

CREATE INDEX traces_slowest ON public.traces USING btree (project_id, ((end_time_ns - start_time_ns)), start_time_ns, trace_id);

ALTER INDEX public.imported_span_logs_pkey ATTACH PARTITION public.imported_span_logs_20260115_pkey;

ALTER INDEX public.imported_span_logs_views ATTACH PARTITION public.imported_span_logs_20260115_project_id_trace_id_idx;

ALTER INDEX public.imported_span_logs_pkey ATTACH PARTITION public.imported_span_logs_20260116_pkey;

ALTER INDEX public.imported_span_logs_views ATTACH PARTITION public.imported_span_logs_20260116_project_id_trace_id_idx;

ALTER INDEX public.imported_spans_pkey ATTACH PARTITION public.imported_spans_20260115_pkey;

ALTER INDEX public.imported_spans_pkey ATTACH PARTITION public.imported_spans_20260116_pkey;

ALTER INDEX public.payload_blobs_object ATTACH PARTITION public.payload_blobs_20260115_object_idx;

ALTER INDEX public.payload_blobs_pkey ATTACH PARTITION public.payload_blobs_20260115_pkey;

ALTER INDEX public.payload_blobs_object ATTACH PARTITION public.payload_blobs_20260116_object_idx;

ALTER INDEX public.payload_blobs_pkey ATTACH PARTITION public.payload_blobs_20260116_pkey;

ALTER INDEX public.payload_list_parts_pkey ATTACH PARTITION public.payload_list_parts_20260115_pkey;

ALTER INDEX public.payload_list_parts_pkey ATTACH PARTITION public.payload_list_parts_20260116_pkey;

ALTER INDEX public.span_logs_pkey ATTACH PARTITION public.span_logs_20260115_pkey;

ALTER INDEX public.span_logs_views ATTACH PARTITION public.span_logs_20260115_project_id_trace_id_idx;

ALTER INDEX public.span_logs_pkey ATTACH PARTITION public.span_logs_20260116_pkey;

ALTER INDEX public.span_logs_views ATTACH PARTITION public.span_logs_20260116_project_id_trace_id_idx;

ALTER INDEX public.span_payload_refs_pkey ATTACH PARTITION public.span_payload_refs_20260115_pkey;

ALTER INDEX public.span_payload_refs_ref ATTACH PARTITION public.span_payload_refs_20260115_project_id_ref_day_idx;

ALTER INDEX public.span_payload_refs_pkey ATTACH PARTITION public.span_payload_refs_20260116_pkey;

ALTER INDEX public.span_payload_refs_ref ATTACH PARTITION public.span_payload_refs_20260116_project_id_ref_day_idx;

ALTER INDEX public.spans_pkey ATTACH PARTITION public.spans_20260115_pkey;

ALTER INDEX public.spans_pkey ATTACH PARTITION public.spans_20260116_pkey;
