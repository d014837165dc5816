"""The metadata keys of each dialect, from its public definition: names, ids, settings, counts.

On a span that a dialect claims, what is not listed here and is free text is content (see
:mod:`.free_text`). So a key that is forgotten hides something harmless from viewers, and a key that
its authors add later hides the new text from them, never the other way round. Keys whose values are
always short words or numbers need no entry, but have one where the definition has them.

A key that ends in ``*`` stands for all keys that begin so.
"""

from __future__ import annotations

from typing import Final

GENERAL: Final = """
    http.* url.* url.query server.* client.* network.* net.* user_agent.* tls.* dns.* peer.* code.*
    thread.*
    error.* exception.* rpc.* messaging.* otel.* telemetry.* service.* host.* os.* process.*
    container.* k8s.* cloud.* deployment.* faas.* device.* browser.* feature_flag.* session.* user.*
    enduser.* aws.* azure.* gcp.project_id tracefoundry.* event.name event.timestamp event.sequence
    db.system db.system.name db.name db.namespace db.operation db.operation.name db.collection.name
    db.vector.field_name db.vector.dimension_count db.vector.query.top_k db.record.id
    db.vector.query.similarity_threshold db.search.similarity_metric
    logfire.msg_template logfire.json_schema logfire.span_type logfire.level_num logfire.metrics
    logfire.tags logfire.msg logfire.scrubbed
    """
"""OpenTelemetry's general conventions, which any span may carry beside a dialect."""

BY_DIALECT: Final[dict[str, str]] = {
    "otel_genai": """
        gen_ai.operation.name gen_ai.provider.name gen_ai.system gen_ai.conversation.id
        gen_ai.session.id gen_ai.agent.id gen_ai.agent.name gen_ai.agent.description
        gen_ai.agent.version gen_ai.agent.tools gen_ai.workflow.name gen_ai.data_source.id
        gen_ai.prompt.name gen_ai.output.type gen_ai.token.type
        gen_ai.request.model gen_ai.request.max_tokens gen_ai.request.temperature
        gen_ai.request.top_p gen_ai.request.top_k gen_ai.request.stop_sequences gen_ai.request.seed
        gen_ai.request.choice.count gen_ai.request.frequency_penalty
        gen_ai.request.presence_penalty gen_ai.request.encoding_formats gen_ai.request.stream
        gen_ai.request.service_tier gen_ai.request.is_stream
        gen_ai.response.id gen_ai.response.model gen_ai.response.finish_reasons
        gen_ai.response.finish_reason gen_ai.response.time_to_first_chunk gen_ai.response.created
        gen_ai.response.service_tier gen_ai.response.system_fingerprint
        gen_ai.usage.* gen_ai.aggregated_usage.* gen_ai.cost.* gen_ai.server.* gen_ai.client.*
        gen_ai.tool.name gen_ai.tool.type gen_ai.tool.call.id gen_ai.tool.call_id gen_ai.tool.status
        gen_ai.evaluation.name gen_ai.evaluation.score.value gen_ai.evaluation.score.label
        gen_ai.embeddings.dimension.count gen_ai.event.start_time gen_ai.event.end_time
        gen_ai.memory.store.id gen_ai.memory.store.name gen_ai.memory.record.id
        gen_ai.memory.record.count gen_ai.memory.scope gen_ai.memory.type gen_ai.memory.namespace
        gen_ai.openai.request.response_format gen_ai.openai.request.seed
        gen_ai.openai.request.service_tier gen_ai.openai.response.service_tier
        gen_ai.openai.response.system_fingerprint openai.request.service_tier openai.api.type
        openai.response.service_tier openai.response.system_fingerprint gen_ai.guardrail.name
        gen_ai.guardrail.id gen_ai.guardrail.type gen_ai.guardrail.action
        gen_ai.input.messages_ref gen_ai.output.messages_ref gen_ai.system_instructions_ref
        gen_ai.tool.definitions_ref gen_ai.tool.call.arguments_ref gen_ai.tool.call.result_ref
        gen_ai.retrieval.documents_ref gcp.vertex.agent.session_id gcp.vertex.agent.invocation_id
        gcp.vertex.agent.event_id gcp.vertex.agent.associated_event_ids
        gcp.vertex.agent.tool_call_id
        """,
    "openinference": """
        openinference.span.kind llm.model_name llm.request.model_name llm.response.model_name
        llm.provider llm.system llm.token_count.* llm.cost.* llm.finish_reason
        llm.prompt_template.version agent.name graph.node.id graph.node.name graph.node.parent_id
        tool.name tool.id tool_call.id tool_call.function.name embedding.model_name
        reranker.model_name reranker.top_k input.mime_type output.mime_type tag.tags prompt.id
        prompt.vendor prompt.url
        """,
    "traceloop": """
        traceloop.span.kind traceloop.entity.name traceloop.entity.path traceloop.entity.version
        traceloop.workflow.name traceloop.correlation.id traceloop.prompt.key
        traceloop.prompt.version traceloop.prompt.version_name traceloop.prompt.version_hash
        traceloop.prompt.managed_prompt traceloop.association.properties.session_id
        traceloop.association.properties.user_id llm.request.type llm.usage.* llm.user llm.headers
        llm.top_k llm.is_streaming llm.frequency_penalty llm.presence_penalty
        llm.chat.stop_sequences llm.response.finish_reason llm.response.stop_reason llm.watsonx.*
        vector_db.vendor
        """,
    "langfuse": """
        langfuse.observation.type langfuse.observation.model.name langfuse.observation.level
        langfuse.observation.status_message langfuse.observation.usage_details
        langfuse.observation.cost_details langfuse.observation.completion_start_time
        langfuse.observation.prompt.name langfuse.observation.prompt.version langfuse.trace.name
        langfuse.trace.tags langfuse.trace.public langfuse.session.id langfuse.user.id
        langfuse.environment langfuse.release langfuse.version langfuse.internal.*
        langfuse.experiment.id langfuse.experiment.name langfuse.experiment.dataset.id
        langfuse.experiment.item.id langfuse.experiment.item.root_observation_id
        """,
    "mlflow": """
        mlflow.spanType mlflow.spanLogLevel mlflow.spanFunctionName mlflow.spanStartTimeNs
        mlflow.traceRequestId mlflow.experimentId mlflow.chat.tokenUsage mlflow.llm.model
        mlflow.llm.provider mlflow.llm.cost mlflow.message.format mlflow.trace.session
        mlflow.trace.user mlflow.trace.tokenUsage mlflow.trace.cost mlflow.trace.sizeStats
        mlflow.trace.sizeBytes mlflow.trace.infoFinalized mlflow.trace.spansLocation
        mlflow.trace.archiveLocation mlflow.trace.sourceScorer mlflow.trace_schema.version
        mlflow.traceName mlflow.modelId mlflow.sourceRun mlflow.linkedPrompts
        mlflow.eval.requestId mlflow.gateway.* mlflow.auth.userId mlflow.auth.username
        """,
    "vercel_ai": """
        ai.operationId operation.name resource.name ai.model.id ai.model.provider ai.settings.*
        ai.settings.output
        ai.usage.* ai.telemetry.functionId ai.telemetry.metadata.sessionId
        ai.telemetry.metadata.userId ai.request.headers.* ai.response.id ai.response.model
        ai.response.timestamp ai.response.finishReason ai.response.msToFirstChunk
        ai.response.msToFinish ai.response.avgCompletionTokensPerSecond
        ai.response.avgOutputTokensPerSecond ai.finishReason ai.prompt.format ai.prompt.toolChoice
        ai.toolCall.id ai.toolCall.name ai.schema.name ai.schema.description ai.ranking.type
        """,
    "laminar": """
        lmnr.span.type lmnr.span.original_type lmnr.span.path lmnr.span.ids_path
        lmnr.span.instrumentation_source lmnr.span.sdk_version lmnr.span.language_version
        lmnr.span.human_evaluator_options lmnr.internal.* lmnr.association.properties.session_id
        lmnr.association.properties.user_id lmnr.association.properties.trace_type
        lmnr.association.properties.tags lmnr.association.properties.tracing_level
        lmnr.association.properties.rollout_session_id
        """,
    "langsmith": """
        langsmith.span.kind langsmith.span.id langsmith.span.parent_id langsmith.span.tags
        langsmith.span.dotted_order langsmith.trace.id langsmith.trace.name
        langsmith.trace.session_id langsmith.trace.session_name langsmith.is_root
        langsmith.reference_example_id langsmith.request.streaming
        langsmith.metadata.usage_metadata langsmith.metadata.ls_* langsmith.metadata.session_id
        langsmith.metadata.thread_id langsmith.metadata.conversation_id langsmith.metadata.user_id
        """,
    "pydantic_ai": """
        agent_name model_name operation.cost gen_ai.agent.call.id pydantic_ai.agent.version
        """,
    "litellm": """
        metadata.usage_object metadata.user_api_key_* metadata.requester_ip_address
        metadata.model_group metadata.deployment litellm.call_id hidden_params.litellm_call_id
        hidden_params.response_cost hidden_params.model_id
        """,
    "ag2": """
        ag2.span.type ag2.chats.count ag2.chats.mode ag2.chats.recipients ag2.chats.ids
        ag2.chats.prerequisites ag2.speaker_selection.candidates ag2.speaker_selection.selected
        ag2.code_execution.exit_code ag2.usage.* gen_ai.conversation.max_turns
        gen_ai.conversation.turns gen_ai.conversation.resumed agent.remote.uri
        """,
    "spring_ai": """
        spring.ai.kind spring.ai.chat.client.stream spring.ai.chat.client.advisors
        spring.ai.chat.client.conversation.id spring.ai.chat.client.tool.names
        spring.ai.chat.client.tool.function.names spring.ai.chat.client.tool.functioncallbacks
        spring.ai.advisor.name spring.ai.advisor.order spring.ai.advisor.type
        spring.ai.tool.definition.name spring.ai.tool.call.id spring.ai.tool.type
        spring.ai.model.request.tool.names
        """,
    "genkit": """
        genkit:name genkit:type genkit:path genkit:qualifiedPath genkit:state genkit:isRoot
        genkit:isFailureSource genkit:metadata:subtype genkit:sessionId genkit:threadName
        genkit:feature genkit:model genkit:metadata:sessionId genkit:metadata:flow:name
        genkit:metadata:flow:state genkit:metadata:flow:id genkit:metadata:flow:dispatchType
        """,
    "livekit": """
        lk.speech_id lk.agent_label lk.agent_name lk.generation_id lk.parent_generation_id lk.job_id
        lk.room_name lk.room_id lk.participant_id lk.participant_identity lk.participant_kind
        lk.function_tools lk.provider_tools lk.tool_sets lk.function_tool.id lk.function_tool.name
        lk.function_tool.is_error lk.interrupted lk.retry_count lk.llm_metrics lk.tts_metrics
        lk.stt_metrics lk.realtime_model_metrics lk.response.ttft lk.response.ttfb
        lk.end_of_turn_delay lk.transcription_delay lk.transcript_confidence lk.tts.streaming
        lk.tts.label lk.eou.* lk.e2e_latency
        """,
    "bedrock_agentcore": """
        latency_ms overhead_latency_ms error_type tool.name memory.id memory.strategy.id gateway.id
        gateway.name target.id target.name toolsession.id session_duration_s actor.id event.id
        jsonrpc.error.code browser.session.id code_interpreter.session.id
        """,
    "mcp": """
        mcp.method.name mcp.method mcp.session.id mcp.protocol.version mcp.resource.uri
        mcp.request.id mcp.tool.name mcp.prompt.name jsonrpc.request.id jsonrpc.protocol.version
        jsonrpc.error.code
        """,
    "claude_code": """
        span.type model provider_name query_source speed effort llm_request.context duration_ms
        ttft_ms input_tokens output_tokens cache_read_tokens cache_creation_tokens cost_usd
        cost_usd_micros request_id client_request_id attempt attempt_count attempt_start_offsets_ms
        success status_code stop_reason response.has_tool_call tool_name tool_use_id result_tokens
        tool_result_size_bytes tool_input_size_bytes agent_id agent.name agent_name parent_agent_id
        file_path skill_name skill.name plugin.name plugin_name subagent_type hook_event hook_name
        hook_source num_hooks num_success num_blocking decision decision_source decision_type source
        prompt.id prompt_length user_prompt_length command_name command_source
        interaction.sequence interaction.duration_ms app.version terminal.type organization.id
        mcp_server.name mcp_tool.name mcp_server_scope workspace.host_paths error
        """,
    "codex": """
        event.kind conversation.id thread.id app.version auth_mode originator terminal.type model
        slug provider_name reasoning_effort reasoning_summary context_window approval_policy
        sandbox_policy mcp_servers mcp_server mcp_server_origin active_profile duration_ms attempt
        http.response.status_code error.message input_token_count output_token_count
        cached_token_count reasoning_token_count tool_token_count prompt_length tool_name call_id
        decision source success output_length output_lines arguments_length endpoint
        """,
    "gemini_cli": """
        model embedding_model prompt_id prompt_length auth_type duration_ms status_code
        input_token_count output_token_count cached_content_token_count thoughts_token_count
        tool_token_count total_token_count finish_reasons function_name success decision error
        error_type error_message tool_type tool_name mcp_server_name mcp_servers mcp_tools
        extension_name extension_id extension_ids extensions extension_version extension_source
        approval_mode active_approval_mode installation.id agent_id agent_name terminate_reason
        turn_count decision_model decision_source routing_latency_ms core_tools_enabled
        content_length subcommand operation mimetype programming_language
        output_format interactive role
        """,
}
"""By the name of the dialect."""

PARAMETERS: Final = """
    llm.invocation_parameters embedding.invocation_parameters reranker.invocation_parameters
    langfuse.observation.model.parameters langfuse.trace.metadata langfuse.observation.metadata
    invocation_params metadata options
    """
"""Keys that hold a JSON object of settings. Some libraries put the system prompt and the tools
there, too: an object with a long or nested member is content."""
