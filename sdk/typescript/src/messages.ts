// Requests of providers in the parts form of the GenAI conventions:
// `[{role, parts: [{type, ...}]}]`. A shape that is not known is kept as a generic part.
import { fields, list, parsed, text, type Fields } from "./json.js";

/** One part of a message; `type` says which other fields it has. */
export type Part = { type: string } & Record<string, unknown>;

/** A message in parts form. */
export interface Message {
  role: string;
  name?: string;
  parts: Part[];
  finish_reason?: string;
}

const ROLES: Readonly<Record<string, string>> = {
  human: "user",
  ai: "assistant",
  model: "assistant",
  AIMessageChunk: "assistant",
  function: "tool",
};
const ITEM_ROLES = new Set(["human", "ai", "AIMessageChunk", "system", "tool", "function"]);

/** The input of a call: a text, one message, or a list of messages of any provider. */
export function inputMessages(input: unknown): Message[] {
  if (typeof input === "string") return [{ role: "user", parts: [textPart(input)] }];
  const items = Array.isArray(input) ? (input as unknown[]) : [input];
  return items.map(message);
}

/** A part that holds text. */
export function textPart(content: string): Part {
  return { type: "text", content };
}

/** System instructions (a text or parts of a provider) as parts. */
export function systemParts(instructions: unknown): Part[] {
  const google = fields(instructions)?.["parts"];
  return contentParts(google ?? instructions);
}

function message(given: unknown): Message {
  const value = fields(given);
  if (value === undefined) return { role: "user", parts: contentParts(given) };
  if (value["role"] === undefined && value["content"] === undefined) {
    if (!Array.isArray(value["parts"]) && value["tool_calls"] === undefined) return item(value);
  }
  const role = roleOf(value);
  const name = text(value["name"]);
  const parts = messageParts(value, role);
  return name === undefined ? { role, parts } : { role, name, parts };
}

/** An item that is no message: of OpenAI's responses API, or a bare part of Google's. */
function item(value: Fields): Message {
  const parts = outputItem(value);
  const type = text(value["type"]);
  if (type?.endsWith("_output") === true) return { role: "tool", parts };
  return { role: type === "reasoning" || type?.endsWith("_call") ? "assistant" : "user", parts };
}

/** The parts of one item that OpenAI's responses API takes and gives. */
export function outputItem(value: Fields): Part[] {
  const callId = text(value["call_id"]);
  switch (value["type"]) {
    case "message":
      return contentParts(value["content"]);
    case "reasoning": {
      const told = [...list(value["summary"]), ...list(value["content"])];
      return contentParts(told).map((part) => ({ ...part, type: "reasoning" }));
    }
    case "function_call":
    case "custom_tool_call":
      return [toolCall(value, callId)];
    case "function_call_output":
    case "custom_tool_call_output":
      return [toolResponse(callId, value["output"])];
    default:
      return contentParts([value]);
  }
}

function roleOf(value: Fields): string {
  const getType = value["getType"] ?? value["_getType"]; // messages of LangChain
  const type = text(value["type"]); // the same as JSON
  const role =
    text(value["role"]) ??
    (typeof getType === "function" ? text((getType as () => unknown).call(value)) : undefined) ??
    (type !== undefined && ITEM_ROLES.has(type) ? type : "user");
  return ROLES[role] ?? role;
}

function messageParts(value: Fields, role: string): Part[] {
  if (Array.isArray(value["parts"])) return contentParts(value["parts"]);
  const toolCallId = text(value["tool_call_id"]);
  if (role === "tool" && toolCallId !== undefined) {
    return [toolResponse(toolCallId, value["content"])];
  }
  return assistantParts(value);
}

/** Reasoning, content and tool calls of a message of OpenAI, Anthropic or LangChain. */
export function assistantParts(value: Fields): Part[] {
  const parts: Part[] = [];
  const reasoning =
    text(value["reasoning_content"]) ??
    text(value["reasoning"]) ??
    text(fields(value["additional_kwargs"])?.["reasoning_content"]);
  if (reasoning !== undefined) parts.push({ type: "reasoning", content: reasoning });
  parts.push(...contentParts(value["content"]));
  // A refusal, or what was said aloud, stands in place of the content.
  for (const said of [value["refusal"], fields(value["audio"])?.["transcript"]]) {
    const words = text(said);
    if (words !== undefined) parts.push(textPart(words));
  }
  const older = fields(value["function_call"]);
  if (older !== undefined) parts.push(toolCall(older));
  const known = new Set(parts.map((part) => part["id"]));
  for (const call of list(value["tool_calls"])) {
    const made = toolCall(fields(call) ?? {});
    // LangChain repeats Anthropic's tool calls, which are in the content already.
    if (made["id"] === undefined || !known.has(made["id"])) parts.push(made);
  }
  return parts;
}

/** A text, or a list of content blocks of any provider, as parts. */
export function contentParts(content: unknown): Part[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [textPart(content)];
  const blocks = Array.isArray(content) ? (content as unknown[]) : [content];
  return blocks.map((block) =>
    typeof block === "string" ? textPart(block) : contentPart(fields(block) ?? { value: block }),
  );
}

function contentPart(block: Fields): Part {
  const type = text(block["type"]);
  switch (type) {
    case "text":
      return textPart(text(block["text"]) ?? text(block["content"]) ?? "");
    case "input_text":
    case "output_text":
    case "summary_text":
      return textPart(text(block["text"]) ?? "");
    case "refusal":
      return textPart(text(block["refusal"]) ?? "");
    case "thinking":
      return { type: "reasoning", content: text(block["thinking"]) ?? "" };
    case "reasoning": {
      const content = block["content"] ?? block["text"] ?? block["reasoning"]; // AI SDK, LangChain
      return typeof content === "string" ? { type, content } : { ...block, type };
    }
    case "tool_use":
    case "server_tool_use":
    case "mcp_tool_use":
    case "tool-call":
      return toolCall(block);
    case "tool_result":
      return toolResponse(text(block["tool_use_id"]), block["content"]);
    case "tool-result":
      return toolResponse(text(block["toolCallId"]), block["output"] ?? block["result"]);
    case "image_url":
    case "input_image": {
      const url = text(block["image_url"]) ?? text(fields(block["image_url"])?.["url"]);
      if (url !== undefined) return media(url, "image");
      return { type: "file", modality: "image", file_id: block["file_id"] };
    }
    case "image":
    case "document":
      return source(block, type);
    case undefined:
      return googlePart(block);
    default: // already in parts form, or a kind that the conventions call generic
      return { ...block, type };
  }
}

function googlePart(block: Fields): Part {
  const content = block["text"];
  if (typeof content === "string") {
    return block["thought"] === true ? { type: "reasoning", content } : textPart(content);
  }
  const call = fields(block["functionCall"]);
  if (call !== undefined) return toolCall(call);
  const answer = fields(block["functionResponse"]);
  if (answer !== undefined) {
    return toolResponse(text(answer["id"]) ?? text(answer["name"]), answer["response"]);
  }
  const inline = fields(block["inlineData"]);
  if (inline !== undefined) return blob(text(inline["mimeType"]), inline["data"]);
  const file = fields(block["fileData"]);
  if (file !== undefined) {
    return { type: "uri", mime_type: file["mimeType"], uri: file["fileUri"] };
  }
  return { type: "unknown", ...block };
}

/** A call of a tool, as OpenAI, Anthropic, Google, LangChain or the AI SDK write it. */
export function toolCall(call: Fields, callId?: string): Part {
  const called = fields(call["function"]) ?? fields(call["custom"]) ?? call;
  const id = callId ?? text(call["id"]) ?? text(call["toolCallId"]);
  const name = text(called["name"]) ?? text(call["toolName"]) ?? "";
  const given = called["arguments"] ?? called["input"] ?? called["args"];
  const made = given === "" ? {} : parsed(given); // a stream of a call without arguments
  return { type: "tool_call", ...(id === undefined ? {} : { id }), name, arguments: made };
}

function toolResponse(id: string | undefined, response: unknown): Part {
  return { type: "tool_call_response", ...(id === undefined ? {} : { id }), response };
}

function source(block: Fields, modality: string): Part {
  const from = fields(block["source"]);
  if (from === undefined) return { ...block, type: modality };
  switch (from["type"]) {
    case "base64":
      return blob(text(from["media_type"]), from["data"]);
    case "url":
      return { type: "uri", modality, uri: from["url"] };
    case "file":
      return { type: "file", modality, file_id: from["file_id"] };
    case "text":
      return textPart(text(from["data"]) ?? "");
    default:
      return { ...block, type: modality };
  }
}

function media(url: string, modality: string): Part {
  const inline = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  return inline ? blob(inline[1], inline[2]) : { type: "uri", modality, uri: url };
}

function blob(mimeType: string | undefined, content: unknown): Part {
  const modality = mimeType?.split("/")[0] ?? "file";
  return { type: "blob", modality, mime_type: mimeType, content };
}
