// `@tracefoundry/sdk`: the helpers. Needs `@opentelemetry/api` alone and starts nothing; spans go
// to the provider that is there, for instance that of `quickStart` from `@tracefoundry/sdk/node`.
export { flush } from "./flush.js";
export { llmCall, retrieval, toolCall, traceAgentRun, type Traced } from "./helpers.js";
export type { LlmCall, LlmOptions } from "./llm-call.js";
export type { Usage } from "./usage.js";
export {
  active,
  type AgentRun,
  type Retrieval,
  type RetrievalOptions,
  type RunOptions,
  type ToolCall,
  type ToolOptions,
  type TracedSpan,
} from "./spans.js";
export type { Capture, Redact } from "./state.js";
export { VERSION } from "./version.js";
