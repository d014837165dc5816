"""Names on the wire and limits, shared with the TypeScript SDK.

Written by sdk/generate_conventions.py from sdk/conventions.toml; do not edit.
"""

from __future__ import annotations

from typing import Final

# general
SCOPE_NAME: Final = "tracefoundry"

# attributes
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
AGENT_NAME: Final = "gen_ai.agent.name"
USER_ID: Final = "user.id"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"
ERROR_TYPE: Final = "error.type"
EVENT_NAME: Final = "event.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_COST: Final = "gen_ai.usage.cost"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RAW_REQUEST: Final = "tracefoundry.raw_request"
RAW_RESPONSE: Final = "tracefoundry.raw_response"
TAGS: Final = "tracefoundry.tags"
CONTENT_PREFIX: Final = "tracefoundry.content."
TRUNCATED: Final = "tracefoundry.truncated"
STREAM_ENDED_EARLY: Final = "tracefoundry.stream.ended_early"
RESULT_IS_TEXT: Final = "tracefoundry.result.is_text"

# operations
OPERATION_CHAT: Final = "chat"
OPERATION_EMBEDDINGS: Final = "embeddings"
OPERATION_EXECUTE_TOOL: Final = "execute_tool"
OPERATION_INVOKE_AGENT: Final = "invoke_agent"
OPERATION_RETRIEVAL: Final = "retrieval"

# events
EVENT_RETRY: Final = "gen_ai.retry"
EVENT_TIMEOUT: Final = "gen_ai.timeout"
EVENT_RUN_STARTED: Final = "gen_ai.tracefoundry.run_started"

# event attributes
ATTEMPT: Final = "attempt"
ERROR: Final = "error"
WAIT_S: Final = "wait_s"
AFTER_S: Final = "after_s"
RUN_NAME: Final = "tracefoundry.span.name"

# limits
MAX_QUEUE_BYTES: Final = 67_108_864
MAX_REQUEST_BYTES: Final = 4_194_304
EXIT_TIMEOUT_S: Final = 2.0
