// Names on the wire and limits, shared with the Python SDK.
// Written by sdk/generate_conventions.py from sdk/conventions.toml; do not edit.

// general
export const SCOPE_NAME = "tracefoundry";

// attributes
export const OPERATION_NAME = "gen_ai.operation.name";
export const PROVIDER_NAME = "gen_ai.provider.name";
export const CONVERSATION_ID = "gen_ai.conversation.id";
export const AGENT_NAME = "gen_ai.agent.name";
export const USER_ID = "user.id";
export const DATA_SOURCE_ID = "gen_ai.data_source.id";
export const OUTPUT_TYPE = "gen_ai.output.type";
export const ERROR_TYPE = "error.type";
export const EVENT_NAME = "event.name";
export const REQUEST_MODEL = "gen_ai.request.model";
export const REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
export const REQUEST_TEMPERATURE = "gen_ai.request.temperature";
export const REQUEST_TOP_P = "gen_ai.request.top_p";
export const REQUEST_TOP_K = "gen_ai.request.top_k";
export const REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences";
export const REQUEST_SEED = "gen_ai.request.seed";
export const REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count";
export const REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty";
export const REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty";
export const REQUEST_STREAM = "gen_ai.request.stream";
export const RESPONSE_ID = "gen_ai.response.id";
export const RESPONSE_MODEL = "gen_ai.response.model";
export const RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
export const RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";
export const USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
export const USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
export const USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens";
export const USAGE_CACHE_WRITE_INPUT_TOKENS = "gen_ai.usage.cache_write.input_tokens";
export const USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens";
export const USAGE_COST = "gen_ai.usage.cost";
export const TOOL_NAME = "gen_ai.tool.name";
export const TOOL_TYPE = "gen_ai.tool.type";
export const TOOL_DESCRIPTION = "gen_ai.tool.description";
export const TOOL_CALL_ID = "gen_ai.tool.call.id";
export const INPUT_MESSAGES = "gen_ai.input.messages";
export const OUTPUT_MESSAGES = "gen_ai.output.messages";
export const SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
export const TOOL_DEFINITIONS = "gen_ai.tool.definitions";
export const TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
export const TOOL_CALL_RESULT = "gen_ai.tool.call.result";
export const RETRIEVAL_QUERY_TEXT = "gen_ai.retrieval.query.text";
export const RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents";
export const RAW_REQUEST = "tracefoundry.raw_request";
export const RAW_RESPONSE = "tracefoundry.raw_response";
export const TAGS = "tracefoundry.tags";
export const CONTENT_PREFIX = "tracefoundry.content.";
export const TRUNCATED = "tracefoundry.truncated";
export const STREAM_ENDED_EARLY = "tracefoundry.stream.ended_early";
export const RESULT_IS_TEXT = "tracefoundry.result.is_text";

// operations
export const OPERATION_CHAT = "chat";
export const OPERATION_EMBEDDINGS = "embeddings";
export const OPERATION_EXECUTE_TOOL = "execute_tool";
export const OPERATION_INVOKE_AGENT = "invoke_agent";
export const OPERATION_RETRIEVAL = "retrieval";

// events
export const EVENT_RETRY = "gen_ai.retry";
export const EVENT_TIMEOUT = "gen_ai.timeout";
export const EVENT_RUN_STARTED = "gen_ai.tracefoundry.run_started";

// event attributes
export const ATTEMPT = "attempt";
export const ERROR = "error";
export const WAIT_S = "wait_s";
export const AFTER_S = "after_s";
export const RUN_NAME = "tracefoundry.span.name";

// limits
export const MAX_QUEUE_BYTES = 67_108_864;
export const MAX_REQUEST_BYTES = 4_194_304;
export const EXIT_TIMEOUT_S = 2.0;
