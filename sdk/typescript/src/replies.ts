// Replies of OpenAI, Anthropic, Google, LangChain and the AI SDK, read into one form.
import { fields, list, text, toJson, type Fields } from "./json.js";
import {
  assistantParts,
  contentParts,
  outputItem,
  textPart,
  toolCall,
  type Message,
  type Part,
} from "./messages.js";
import {
  aiSdkUsage,
  anthropicUsage,
  googleUsage,
  langChainUsage,
  openAiUsage,
  type Usage,
} from "./usage.js";

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
  model_context_window_exceeded: "length",
  incomplete: "length",
  tool_calls: "tool_call",
  "tool-calls": "tool_call",
  tool_use: "tool_call",
  function_call: "tool_call",
  safety: "content_filter",
  refusal: "content_filter",
  "content-filter": "content_filter",
  prohibited_content: "content_filter",
  blocklist: "content_filter",
  spii: "content_filter",
  recitation: "content_filter",
  image_safety: "content_filter",
  failed: "error",
  malformed_function_call: "error",
};

/** The reply in one form; undefined if its shape is not known. */
export function readReply(value: unknown): Reply | undefined {
  if (typeof value === "string") return reply([assistant([textPart(value)])]);
  const from = fields(value);
  if (from === undefined) return undefined;
  if (Array.isArray(from["choices"])) return openAiChat(from);
  if (from["object"] === "response") return openAiResponse(from);
  if (from["type"] === "message" && Array.isArray(from["content"])) return anthropic(from);
  if (isGoogle(from)) return google(from);
  if (isLangChain(from)) return langChain(from);
  // The results of its streams are left alone: their getters begin to read the stream.
  if ("textStream" in from || "partialObjectStream" in from) return undefined;
  if ("finishReason" in from && ("text" in from || "object" in from || "content" in from)) {
    return aiSdk(from);
  }
  return wrapped(from) ?? embeddings(from) ?? message(from);
}

function isGoogle(from: Fields): boolean {
  return Array.isArray(from["candidates"]) || "usageMetadata" in from || "promptFeedback" in from;
}

/** A message of LangChain, or its JSON. */
export function isLangChain(from: Fields): boolean {
  return (
    typeof from["getType"] === "function" ||
    typeof from["_getType"] === "function" ||
    (["ai", "AIMessageChunk"].includes(String(from["type"])) && "content" in from)
  );
}

/** A reply inside another object: of Google's older client, or LangChain's `LLMResult`. */
function wrapped(from: Fields): Reply | undefined {
  const response = fields(from["response"]);
  if (response !== undefined && isGoogle(response)) return google(response);
  const generation = fields(list(list(from["generations"])[0])[0]);
  const inner = fields(generation?.["message"]);
  return inner !== undefined && isLangChain(inner) ? langChain(inner) : undefined;
}

/** Embeddings have no messages. */
function embeddings(from: Fields): Reply | undefined {
  const usage = fields(from["usage"]);
  if (Array.isArray(from["data"]) && usage !== undefined) {
    return { ...reply([]), model: text(from["model"]), usage: openAiUsage(usage) };
  }
  if (Array.isArray(from["embedding"]) || Array.isArray(from["embeddings"])) {
    return { ...reply([]), usage: aiSdkUsage(usage) };
  }
  return undefined;
}

function message(from: Fields): Reply | undefined {
  if (typeof from["role"] !== "string") return undefined;
  const parts = Array.isArray(from["parts"]) ? contentParts(from["parts"]) : assistantParts(from);
  return reply([assistant(parts, from["finish_reason"])]);
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

function openAiResponse(from: Fields): Reply {
  const parts = list(from["output"]).flatMap((entry) => outputItem(fields(entry) ?? {}));
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

function google(from: Fields): Reply {
  const candidates = list(from["candidates"]).map((candidate) => fields(candidate) ?? {});
  const blocked = text(fields(from["promptFeedback"])?.["blockReason"]);
  return {
    messages: candidates.map((candidate) =>
      assistant(contentParts(fields(candidate["content"])?.["parts"]), candidate["finishReason"]),
    ),
    id: text(from["responseId"]),
    model: text(from["modelVersion"]),
    finishReasons: [
      ...candidates.flatMap((candidate) => text(candidate["finishReason"]) ?? []),
      ...(blocked === undefined ? [] : [blocked]),
    ],
    usage: googleUsage(from["usageMetadata"]),
  };
}

function langChain(from: Fields): Reply {
  const metadata = fields(from["response_metadata"]);
  const reason = ["finish_reason", "stop_reason", "finishReason"]
    .map((key) => text(metadata?.[key]))
    .find((found) => found !== undefined);
  return {
    messages: [assistant(assistantParts(from), reason)],
    id: text(from["id"]),
    model: text(metadata?.["model_name"]) ?? text(metadata?.["model"]),
    finishReasons: reason === undefined ? [] : [reason],
    usage: langChainUsage(from["usage_metadata"]) ?? aiSdkUsage(metadata?.["tokenUsage"]),
  };
}

/** A result of `generateText` or `generateObject`, or of a model's own `doGenerate`. */
function aiSdk(from: Fields): Reply {
  const given = from["finishReason"];
  const reason = text(given) ?? text(fields(given)?.["raw"]) ?? text(fields(given)?.["unified"]);
  const response = fields(from["response"]);
  return {
    messages: [assistant(aiSdkParts(from), fields(given)?.["unified"] ?? reason)],
    id: text(response?.["id"]),
    model: text(response?.["modelId"]),
    finishReasons: reason === undefined ? [] : [reason],
    usage: aiSdkUsage(from["totalUsage"] ?? from["usage"]),
  };
}

function aiSdkParts(from: Fields): Part[] {
  if (Array.isArray(from["content"])) return contentParts(from["content"]);
  if (!("text" in from)) return [textPart(toJson(from["object"]))];
  const reasoning = text(from["reasoningText"]) ?? text(from["reasoning"]);
  return [
    ...(reasoning === undefined ? [] : [{ type: "reasoning", content: reasoning }]),
    ...contentParts(from["text"]),
    ...list(from["toolCalls"]).map((call) => toolCall(fields(call) ?? {})),
  ];
}
