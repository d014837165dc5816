BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE audit_log (
	entry_id INTEGER NOT NULL, 
	at_ns BIGINT NOT NULL, 
	action TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	actor TEXT, 
	role TEXT, 
	project TEXT, 
	target TEXT, 
	address TEXT, 
	status SMALLINT, 
	count BIGINT NOT NULL, 
	counted_key TEXT, 
	detail TEXT, 
	PRIMARY KEY (entry_id), 
	UNIQUE (counted_key)
);
INSERT INTO "audit_log" VALUES(1,1768500000000000000,'payload.read','allowed','reader','viewer','default','x',NULL,NULL,1,NULL,NULL);
CREATE TABLE exports (
	object_key TEXT NOT NULL, 
	project_id INTEGER, 
	bytes BIGINT NOT NULL, 
	sha256 BLOB NOT NULL, 
	created_at_ns BIGINT NOT NULL, 
	expires_at_ns BIGINT, 
	PRIMARY KEY (object_key)
);
CREATE TABLE imported_span_logs (
	import_day INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	span_id BLOB NOT NULL, 
	time_ns BIGINT NOT NULL, 
	content_hash BLOB NOT NULL, 
	policy_version INTEGER NOT NULL, 
	resource_id BLOB NOT NULL, 
	scope_id BLOB NOT NULL, 
	severity_number SMALLINT NOT NULL, 
	name TEXT NOT NULL, 
	severity_text TEXT, 
	attributes JSON NOT NULL, 
	body JSON, 
	extra JSON, 
	genai JSON, 
	payloads JSON, 
	redactions JSON, 
	PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash, import_day)
);
CREATE TABLE imported_spans (
	import_day INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	span_id BLOB NOT NULL, 
	start_time_ns BIGINT NOT NULL, 
	end_time_ns BIGINT NOT NULL, 
	parent_span_id BLOB, 
	kind SMALLINT NOT NULL, 
	status_code SMALLINT NOT NULL, 
	flags BIGINT NOT NULL, 
	policy_version INTEGER NOT NULL, 
	resource_id BLOB NOT NULL, 
	scope_id BLOB NOT NULL, 
	digest BLOB NOT NULL, 
	name TEXT NOT NULL, 
	status_message TEXT, 
	attributes JSON NOT NULL, 
	events JSON, 
	links JSON, 
	extra JSON, 
	payloads JSON, 
	redactions JSON, 
	genai_kind TEXT, 
	request_model TEXT, 
	response_model TEXT, 
	response_id TEXT, 
	agent TEXT, 
	tool TEXT, 
	conversation_id TEXT, 
	user_id TEXT, 
	input_tokens BIGINT, 
	output_tokens BIGINT, 
	cached_tokens BIGINT, 
	cache_write_tokens BIGINT, 
	reasoning_tokens BIGINT, 
	cost_usd DOUBLE, 
	cost_source TEXT, 
	genai JSON, 
	PRIMARY KEY (project_id, trace_id, start_time_ns, span_id, import_day)
);
CREATE TABLE payload_blobs (
	project_id INTEGER NOT NULL, 
	day INTEGER NOT NULL, 
	ref BLOB NOT NULL, 
	object BLOB NOT NULL, 
	object_offset INTEGER NOT NULL, 
	stored_bytes INTEGER NOT NULL, 
	plain_bytes INTEGER NOT NULL, 
	depth SMALLINT NOT NULL, 
	preview TEXT, 
	PRIMARY KEY (project_id, ref, day)
);
INSERT INTO "payload_blobs" VALUES(1,20468,X'0489694516F493CD5CA074CFD443DEF1E84C8A6D404F3B2AE2B64AA1EB7FDE18',X'FB19DB626025677CC27B5EC699E186A256D8AFBAE48B795A0402E70A1A74AA3C',60,20,40,1,NULL);
INSERT INTO "payload_blobs" VALUES(1,20468,X'539C01AD56E229E063ABE8AE7893164C5C33F86F761ECF0F4FB1C3343ED7FF65',X'FB19DB626025677CC27B5EC699E186A256D8AFBAE48B795A0402E70A1A74AA3C',0,60,72,0,'Where is my order?');
CREATE TABLE payload_days (
	project_id INTEGER NOT NULL, 
	day INTEGER NOT NULL, 
	expired_at_ns BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (project_id, day)
);
INSERT INTO "payload_days" VALUES(1,20400,1768500000000000000,'retention');
CREATE TABLE payload_list_parts (
	project_id INTEGER NOT NULL, 
	day INTEGER NOT NULL, 
	part BLOB NOT NULL, 
	list BLOB NOT NULL, 
	PRIMARY KEY (project_id, part, list, day)
);
INSERT INTO "payload_list_parts" VALUES(1,20468,X'539C01AD56E229E063ABE8AE7893164C',X'0489694516F493CD5CA074CFD443DEF1');
CREATE TABLE payload_tombstones (
	project_id INTEGER NOT NULL, 
	ref BLOB NOT NULL, 
	deleted_at_ns BIGINT NOT NULL, 
	keep_until_ns BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (project_id, ref)
);
INSERT INTO "payload_tombstones" VALUES(1,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',1768500000000000000,1768600000000000000,'deleted');
CREATE TABLE project_usage (
	project_id INTEGER NOT NULL, 
	day INTEGER NOT NULL, 
	slot SMALLINT NOT NULL, 
	spans BIGINT NOT NULL, 
	content_bytes BIGINT NOT NULL, 
	PRIMARY KEY (project_id, day, slot)
);
CREATE TABLE projects (
	project_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	created_at_ns BIGINT NOT NULL, 
	redaction TEXT, 
	retention_spans_ns BIGINT, 
	retention_payloads_ns BIGINT, quota_spans_per_second BIGINT, quota_bytes_per_second BIGINT, quota_spans_per_day BIGINT, quota_content_bytes_per_day BIGINT, personal_data TEXT, export_key BLOB, 
	PRIMARY KEY (project_id), 
	UNIQUE (name)
);
INSERT INTO "projects" VALUES(1,'default',1795845372385604731,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "projects" VALUES(2,'team',1768500000000000000,'strict',604800000000000,259200000000000,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE resources (
	project_id INTEGER NOT NULL, 
	resource_id BLOB NOT NULL, 
	service TEXT, 
	environment TEXT, 
	attributes JSON NOT NULL, 
	extra JSON, 
	last_used_day INTEGER NOT NULL, 
	PRIMARY KEY (project_id, resource_id)
);
INSERT INTO "resources" VALUES(1,X'C20EC6E14C775C9CCE19FEA32DC1DCEE','agent','production','{"service.name":"agent","deployment.environment.name":"production","n":{"k":[1,null]}}','{"schema_url":"https://opentelemetry.io/schemas/1.38.0","dropped_attributes_count":1,"mended_strings":1}',20785);
INSERT INTO "resources" VALUES(1,X'812B76817906557D96F72805EF94670B','worker',NULL,'{"service.name":"worker"}',NULL,20785);
CREATE TABLE scopes (
	project_id INTEGER NOT NULL, 
	scope_id BLOB NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	attributes JSON NOT NULL, 
	extra JSON, 
	last_used_day INTEGER NOT NULL, 
	PRIMARY KEY (project_id, scope_id)
);
INSERT INTO "scopes" VALUES(1,X'EC6576C677EA23C99E7F41926C2B347D','tracer','1.2.3','{"k":true}','{"dropped_attributes_count":2}',20785);
INSERT INTO "scopes" VALUES(1,X'107F727547269D035040F1FF7D2DFEF7','','','{}',NULL,20785);
CREATE TABLE span_logs (
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	span_id BLOB NOT NULL, 
	time_ns BIGINT NOT NULL, 
	content_hash BLOB NOT NULL, 
	policy_version INTEGER NOT NULL, 
	resource_id BLOB NOT NULL, 
	scope_id BLOB NOT NULL, 
	severity_number SMALLINT NOT NULL, 
	name TEXT NOT NULL, 
	severity_text TEXT, 
	attributes JSON NOT NULL, 
	body JSON, 
	extra JSON, 
	payloads JSON, 
	redactions JSON, genai JSON, 
	PRIMARY KEY (project_id, trace_id, span_id, time_ns, content_hash)
);
INSERT INTO "span_logs" VALUES(1,X'00000000000000000000000000000001',X'0000000000000002',1768521600000000000,X'732CEDECCE673B3251EEA2727D9B670C',7,X'C20EC6E14C775C9CCE19FEA32DC1DCEE',X'EC6576C677EA23C99E7F41926C2B347D',9,'gen_ai.choice','INFO','{"gen_ai.system":"openai"}','{"index":0}','{"observed_time_ns":"1768521601000000000","flags":1,"dropped_attributes_count":2,"mended_strings":1}','[{"slot":"input_messages","place":"span","key":"gen_ai.input.messages","type":"string","ref":"sha256:0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18","bytes":40,"media_type":"application/json","state":"present"}]','[{"rule":"email","count":1}]',NULL);
INSERT INTO "span_logs" VALUES(1,X'00000000000000000000000000000003',X'0000000000000004',1768521598000000001,X'A07DDD741EFD60B47C2A795B9242A63D',7,X'812B76817906557D96F72805EF94670B',X'107F727547269D035040F1FF7D2DFEF7',0,'gen_ai.user.message',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE span_payload_refs (
	project_id INTEGER NOT NULL, 
	day INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	ref BLOB NOT NULL, 
	PRIMARY KEY (project_id, trace_id, ref, day)
);
INSERT INTO "span_payload_refs" VALUES(1,20468,X'00000000000000000000000000000001',X'0489694516F493CD5CA074CFD443DEF1E84C8A6D404F3B2AE2B64AA1EB7FDE18');
INSERT INTO "span_payload_refs" VALUES(1,20469,X'00000000000000000000000000000001',X'0489694516F493CD5CA074CFD443DEF1E84C8A6D404F3B2AE2B64AA1EB7FDE18');
CREATE TABLE spans (
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	span_id BLOB NOT NULL, 
	start_time_ns BIGINT NOT NULL, 
	end_time_ns BIGINT NOT NULL, 
	parent_span_id BLOB, 
	kind SMALLINT NOT NULL, 
	status_code SMALLINT NOT NULL, 
	flags BIGINT NOT NULL, 
	policy_version INTEGER NOT NULL, 
	resource_id BLOB NOT NULL, 
	scope_id BLOB NOT NULL, 
	digest BLOB NOT NULL, 
	name TEXT NOT NULL, 
	status_message TEXT, 
	attributes JSON NOT NULL, 
	events JSON, 
	links JSON, 
	extra JSON, 
	payloads JSON, 
	redactions JSON, 
	genai_kind TEXT, 
	request_model TEXT, 
	response_model TEXT, 
	response_id TEXT, 
	agent TEXT, 
	tool TEXT, 
	conversation_id TEXT, 
	user_id TEXT, 
	input_tokens BIGINT, 
	output_tokens BIGINT, 
	cached_tokens BIGINT, 
	cache_write_tokens BIGINT, 
	reasoning_tokens BIGINT, 
	cost_usd DOUBLE, 
	cost_source TEXT, 
	genai JSON, 
	PRIMARY KEY (project_id, trace_id, start_time_ns, span_id)
);
INSERT INTO "spans" VALUES(1,X'00000000000000000000000000000001',X'0000000000000001',1768521598000000000,1768521602000000000,NULL,1,1,0,7,X'C20EC6E14C775C9CCE19FEA32DC1DCEE',X'EC6576C677EA23C99E7F41926C2B347D',X'5A71F5B130404FA791E651ABAD4CC391','invoke_agent planner',NULL,'{"gen_ai.operation.name":"invoke_agent","double":0.1,"big":{"$double":"1e+300"}}',NULL,NULL,'{"trace_state":"vendor=value","dropped_attributes_count":1,"dropped_events_count":2,"dropped_links_count":3,"mended_strings":4}',NULL,NULL,'agent',NULL,NULL,NULL,'planner',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"dialect":"otel_genai","version":3,"operation":"invoke_agent"}');
INSERT INTO "spans" VALUES(1,X'00000000000000000000000000000001',X'0000000000000002',1768521599000000000,1768521601000000000,X'0000000000000001',3,2,257,7,X'C20EC6E14C775C9CCE19FEA32DC1DCEE',X'EC6576C677EA23C99E7F41926C2B347D',X'20FB8B2833108FE93D354C8A0FE105AC','chat m-large','rate limited','{"gen_ai.operation.name":"chat","text":"naïve"}','[{"name":"exception","time_ns":"1768521600000000000","attributes":{"exception.type":"RateLimit"},"dropped_attributes_count":1},{"name":"retry","time_ns":"18446744073709551615","attributes":{}}]','[{"trace_id":"00000000000000000000000000000002","span_id":"0000000000000009","attributes":{"why":"caused"},"trace_state":"a=b","flags":1,"dropped_attributes_count":2},{"trace_id":"","span_id":"ff","attributes":{}}]',NULL,'[{"slot":"input_messages","place":"span","key":"gen_ai.input.messages","type":"string","ref":"sha256:0489694516f493cd5ca074cfd443def1e84c8a6d404f3b2ae2b64aa1eb7fde18","bytes":40,"media_type":"application/json","state":"present"},{"slot":"attribute","place":"resource","key":"secret.name","type":"string","ref":null,"bytes":null,"media_type":null,"state":"redacted"}]','[{"rule":"aws_access_key","count":2},{"rule":"email","count":1}]','llm','m-large','m-large-1','resp-1','planner','search','conversation-1','user-1',1000,200,800,10,50,0.0125,'computed','{"dialect":"otel_genai","version":3,"operation":"chat","provider":"openai","finish_reasons":["stop","length"],"tool_call_id":"call-1","price_version":"2026-01-10"}');
INSERT INTO "spans" VALUES(1,X'00000000000000000000000000000001',X'0000000000000003',1768521601000000000,1768521601000000000,X'000000000000004D',2,0,0,7,X'812B76817906557D96F72805EF94670B',X'107F727547269D035040F1FF7D2DFEF7',X'9ACE0DA977C30C83AE14641058ABE949','after midnight',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "spans" VALUES(1,X'00000000000000000000000000000002',X'0000000000000009',1768521598000000000,1768521598000000005,NULL,2,0,0,7,X'812B76817906557D96F72805EF94670B',X'107F727547269D035040F1FF7D2DFEF7',X'52C5B6A4406E44F16A0DCE3BD99B2F92','GET /orders',NULL,'{"http.response.status_code":200}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE staged_imports (
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	import_day INTEGER NOT NULL, 
	started_at_ns BIGINT NOT NULL, 
	PRIMARY KEY (project_id, trace_id)
);
CREATE TABLE tokens (
	token_id INTEGER NOT NULL, 
	token_hash BLOB NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	project_id INTEGER, 
	created_at_ns BIGINT NOT NULL, 
	expires_at_ns BIGINT, 
	revoked_at_ns BIGINT, 
	PRIMARY KEY (token_id), 
	UNIQUE (token_hash), 
	UNIQUE (name)
);
INSERT INTO "tokens" VALUES(1,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F','reader','viewer',1,1768500000000000000,1769500000000000000,NULL);
CREATE TABLE tombstones (
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	deleted_at_ns BIGINT NOT NULL, 
	keep_until_ns BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (project_id, trace_id)
);
INSERT INTO "tombstones" VALUES(1,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',1768500000000000000,1768600000000000000,'deleted');
CREATE TABLE traces (
	project_id INTEGER NOT NULL, 
	trace_id BLOB NOT NULL, 
	source TEXT DEFAULT 'otlp' NOT NULL, 
	import_day INTEGER, 
	span_count BIGINT NOT NULL, 
	error_count BIGINT NOT NULL, 
	start_time_ns BIGINT NOT NULL, 
	last_start_ns BIGINT NOT NULL, 
	end_time_ns BIGINT NOT NULL, 
	root_span_id BLOB NOT NULL, 
	root_name TEXT NOT NULL, 
	service TEXT, 
	environment TEXT, 
	status SMALLINT NOT NULL, 
	services JSON NOT NULL, 
	models JSON NOT NULL, 
	tools JSON NOT NULL, 
	agent TEXT, 
	conversation_id TEXT, 
	user_id TEXT, 
	input_tokens BIGINT, 
	output_tokens BIGINT, 
	cached_tokens BIGINT, 
	reasoning_tokens BIGINT, 
	cost_usd DOUBLE, 
	cost_source TEXT, 
	missing_roots BOOLEAN NOT NULL, 
	missing_parents BIGINT NOT NULL, 
	missing_expired BOOLEAN DEFAULT 0 NOT NULL, 
	totals_pending BOOLEAN DEFAULT 0 NOT NULL, 
	recomputed_at_ns BIGINT NOT NULL, started_ns BIGINT, last_started_ns BIGINT, original_environment TEXT, import_digest BLOB, 
	PRIMARY KEY (project_id, trace_id)
);
INSERT INTO "traces" VALUES(1,X'00000000000000000000000000000001','otlp',NULL,3,1,1768521598000000000,1768521601000000000,1768521602000000000,X'0000000000000001','invoke_agent planner','agent','production',1,'["agent","worker"]','["m-large","m-large-1"]','["search"]','planner','conversation-1','user-1',1000,200,800,50,0.0125,'computed',0,1,0,0,1795845372422773957,NULL,NULL,NULL,NULL);
INSERT INTO "traces" VALUES(1,X'00000000000000000000000000000002','otlp',NULL,1,0,1768521598000000000,1768521598000000000,1768521598000000005,X'0000000000000009','GET /orders','worker',NULL,0,'["worker"]','[]','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0,1795845372422773957,NULL,NULL,NULL,NULL);
CREATE INDEX traces_newest ON traces (project_id, start_time_ns, trace_id);
CREATE INDEX traces_slowest ON traces (project_id, (end_time_ns - start_time_ns), start_time_ns, trace_id);
CREATE INDEX traces_expensive ON traces (project_id, (coalesce(cost_usd, -1)), start_time_ns, trace_id);
CREATE INDEX traces_pending ON traces (recomputed_at_ns) WHERE totals_pending;
CREATE INDEX payload_blobs_object ON payload_blobs (object);
CREATE INDEX span_payload_refs_ref ON span_payload_refs (project_id, ref, day);
CREATE INDEX ix_audit_log_at_ns ON audit_log (at_ns);
CREATE INDEX span_logs_views ON span_logs (project_id, trace_id) WHERE genai IS NOT NULL;
CREATE INDEX traces_running ON traces (project_id, start_time_ns, trace_id) WHERE last_started_ns IS NOT NULL;
CREATE INDEX imported_span_logs_views ON imported_span_logs (project_id, trace_id) WHERE genai IS NOT NULL;
CREATE INDEX exports_expiry ON exports (expires_at_ns);
COMMIT;
