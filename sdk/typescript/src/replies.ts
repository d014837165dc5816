// Replies of OpenAI, Anthropic, Google, LangChain and the AI SDK, read into one form.
import { count, fields, list, text, type Fields } from "./json.js";
import {
  assistantParts,
  contentParts,
  textPart,
  toolCall,
  type Message,
  type Part,
} from "./messages.js";

/** Token counts and cost of one call. Input includes cached tokens, output those of reasoning. */
export interface Usage {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cachedTokens?: number | undefined;
  cacheWriteTokens?: number | undefined;
  reasoningTokens?: number | undefined;
  costUsd?: number | undefined;
}

/** What a reply says, whichever provider it is from. */
export interface Reply {
  messages: Message[];
  id?: string | undefined;
  model?: string | undefined;
  /** In the provider's words. */
  finishReasons: string[];
  usage?: Usage | undefined;
}

const FINISH_REASONS: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  completed: "stop",
  max_tokens: "length",
  max_output_tokens: "length",
  tool_calls: "tool_call",
  "tool-calls": "tool_call",
  tool_use: "tool_call",
  function_call: "tool_call",
  safety: "content_filter",
  refusal: "content_filter",
};

/** The reply in one form. A value of unknown shape has no messages and no usage. */
export function readReply(value: unknown): Reply {
  if (typeof value === "string") return reply([assistant([textPart(value)])]);
  const from = fields(value);
  if (from === undefined) return reply([]);
  if (Array.isArray(from["choices"])) return openAiChat(from);
  if (from["object"] === "response") return openAiResponse(from);
  if (from["type"] === "message" && Array.isArray(from["content"])) return anthropic(from);
  if (Array.isArray(from["candidates"])) return google(from);
  if (typeof from["getType"] === "function" || typeof from["_getType"] === "function") {
    return langChain(from);
  }
  if ("toolCalls" in from && "text" in from) return aiSdk(from);
  if (Array.isArray(from["data"]) && fields(from["usage"]) !== undefined) {
    return { ...reply([]), model: text(from["model"]), usage: openAiUsage(from["usage"]) };
  }
  if (typeof from["role"] === "string") {
    const parts = Array.isArray(from["parts"]) ? contentParts(from["parts"]) : assistantParts(from);
    return reply([assistant(parts, from["finish_reason"])]);
  }
  return reply([]);
}

function reply(messages: Message[]): Reply {
  return { messages, finishReasons: [] };
}

/** A message of the model, with the reason why it ended in the conventions' words. */
export function assistant(parts: Part[], reason?: unknown): Message {
  const given = text(reason)?.toLowerCase();
  const made: Message = { role: "assistant", parts };
  if (given !== undefined) made.finish_reason = FINISH_REASONS[given] ?? given;
  return made;
}

function openAiChat(from: Fields): Reply {
  const choices = list(from["choices"]).map((choice) => fields(choice) ?? {});
  return {
    messages: choices.map((choice) => {
      const message = fields(choice["message"]);
      const parts = message ? assistantParts(message) : contentParts(choice["text"]);
      return assistant(parts, choice["finish_reason"]);
    }),
    id: text(from["id"]),
    model: text(from["model"]),
    finishReasons: choices.flatMap((choice) => text(choice["finish_reason"]) ?? []),
    usage: openAiUsage(from["usage"]),
  };
}

/** Usage of OpenAI's chat and responses APIs. */
export function openAiUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const input = fields(usage["prompt_tokens_details"] ?? usage["input_tokens_details"]);
  const output = fields(usage["completion_tokens_details"] ?? usage["output_tokens_details"]);
  return {
    inputTokens: count(usage["prompt_tokens"]) ?? count(usage["input_tokens"]),
    outputTokens: count(usage["completion_tokens"]) ?? count(usage["output_tokens"]),
    cachedTokens: count(input?.["cached_tokens"]),
    reasoningTokens: count(output?.["reasoning_tokens"]),
  };
}

function openAiResponse(from: Fields): Reply {
  const parts: Part[] = [];
  for (const item of list(from["output"]).map((entry) => fields(entry) ?? {})) {
    if (item["type"] === "message") parts.push(...contentParts(item["content"]));
    else if (item["type"] === "reasoning") {
      const summary = contentParts(item["summary"]);
      parts.push(...summary.map((part) => ({ ...part, type: "reasoning" })));
    } else if (item["type"] === "function_call") {
      parts.push(toolCall(item, text(item["call_id"])));
    } else parts.push({ ...item, type: text(item["type"]) ?? "unknown" });
  }
  const reason = text(fields(from["incomplete_details"])?.["reason"]) ?? text(from["status"]);
  return {
    messages: [assistant(parts, reason)],
    id: text(from["id"]),
    model: text(from["model"]),
    finishReasons: reason === undefined ? [] : [reason],
    usage: openAiUsage(from["usage"]),
  };
}

function anthropic(from: Fields): Reply {
  const reason = text(from["stop_reason"]);
  return {
    messages: [assistant(contentParts(from["content"]), reason)],
    id: text(from["id"]),
    model: text(from["model"]),
    finishReasons: reason === undefined ? [] : [reason],
    usage: anthropicUsage(from["usage"]),
  };
}

/** Anthropic counts cached tokens beside the input; here, as in the conventions, input has them. */
export function anthropicUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const input = count(usage["input_tokens"]);
  const cached = count(usage["cache_read_input_tokens"]);
  const written = count(usage["cache_creation_input_tokens"]);
  return {
    inputTokens: input === undefined ? undefined : input + (cached ?? 0) + (written ?? 0),
    outputTokens: count(usage["output_tokens"]),
    cachedTokens: cached,
    cacheWriteTokens: written,
  };
}

function google(from: Fields): Reply {
  const candidates = list(from["candidates"]).map((candidate) => fields(candidate) ?? {});
  return {
    messages: candidates.map((candidate) =>
      assistant(contentParts(fields(candidate["content"])?.["parts"]), candidate["finishReason"]),
    ),
    id: text(from["responseId"]),
    model: text(from["modelVersion"]),
    finishReasons: candidates.flatMap((candidate) => text(candidate["finishReason"]) ?? []),
    usage: googleUsage(from["usageMetadata"]),
  };
}

/** Google counts thoughts beside the candidates; here, as in the conventions, output has them. */
export function googleUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const candidates = count(usage["candidatesTokenCount"]);
  const thoughts = count(usage["thoughtsTokenCount"]);
  return {
    inputTokens: count(usage["promptTokenCount"]),
    outputTokens:
      candidates === undefined && thoughts === undefined
        ? undefined
        : (candidates ?? 0) + (thoughts ?? 0),
    cachedTokens: count(usage["cachedContentTokenCount"]),
    reasoningTokens: thoughts,
  };
}

function langChain(from: Fields): Reply {
  const metadata = fields(from["response_metadata"]);
  const reason = text(metadata?.["finish_reason"]) ?? text(metadata?.["stop_reason"]);
  return {
    messages: [assistant(assistantParts(from), reason)],
    id: text(from["id"]),
    model: text(metadata?.["model_name"]) ?? text(metadata?.["model"]),
    finishReasons: reason === undefined ? [] : [reason],
    usage: langChainUsage(from["usage_metadata"]),
  };
}

/** Usage as LangChain gives it for every provider; input includes cached tokens. */
export function langChainUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const input = fields(usage["input_token_details"]);
  return {
    inputTokens: count(usage["input_tokens"]),
    outputTokens: count(usage["output_tokens"]),
    cachedTokens: count(input?.["cache_read"]),
    cacheWriteTokens: count(input?.["cache_creation"]),
    reasoningTokens: count(fields(usage["output_token_details"])?.["reasoning"]),
  };
}

function aiSdk(from: Fields): Reply {
  const reason = text(from["finishReason"]);
  const response = fields(from["response"]);
  const parts = [
    ...contentParts(from["text"]),
    ...list(from["toolCalls"]).map((call) => toolCall(fields(call) ?? {})),
  ];
  return {
    messages: [assistant(parts, reason)],
    id: text(response?.["id"]),
    model: text(response?.["modelId"]),
    finishReasons: reason === undefined ? [] : [reason],
    usage: aiSdkUsage(from["totalUsage"] ?? from["usage"]),
  };
}

/** Usage of Vercel's AI SDK. */
export function aiSdkUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  return {
    inputTokens: count(usage["inputTokens"]),
    outputTokens: count(usage["outputTokens"]),
    cachedTokens: count(usage["cachedInputTokens"]),
    reasoningTokens: count(usage["reasoningTokens"]),
  };
}
