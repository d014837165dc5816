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
};

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

function message(item: unknown): Message {
  const value = fields(item);
  if (value === undefined) {
    return { role: "user", parts: contentParts(item) };
  }
  const type = text(value["type"]);
  const callId = text(value["call_id"]);
  if (type === "function_call") return { role: "assistant", parts: [toolCall(value, callId)] };
  if (type === "function_call_output") {
    return { role: "tool", parts: [toolResponse(callId, value["output"])] };
  }
  const role = roleOf(value);
  const name = text(value["name"]);
  const parts = messageParts(value, role);
  return name === undefined ? { role, parts } : { role, name, parts };
}

function roleOf(value: Fields): string {
  const getType = value["getType"] ?? value["_getType"]; // messages of LangChain
  const role =
    text(value["role"]) ??
    (typeof getType === "function" ? text((getType as () => unknown).call(value)) : undefined) ??
    "user";
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
  const reasoning = text(value["reasoning_content"]) ?? text(value["reasoning"]);
  if (reasoning !== undefined) parts.push({ type: "reasoning", content: reasoning });
  parts.push(...contentParts(value["content"]));
  const refusal = text(value["refusal"]);
  if (refusal !== undefined) parts.push(textPart(refusal));
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
    case "thinking":
      return { type: "reasoning", content: text(block["thinking"]) ?? "" };
    case "tool_use":
    case "tool-call":
      return toolCall(block);
    case "tool_result":
      return toolResponse(text(block["tool_use_id"]), block["content"]);
    case "tool-result":
      return toolResponse(text(block["toolCallId"]), block["output"] ?? block["result"]);
    case "image_url":
    case "input_image": {
      const url = block["image_url"];
      return media(text(url) ?? text(fields(url)?.["url"]) ?? "", "image");
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
  const called = fields(call["function"]) ?? call;
  const id = callId ?? text(call["id"]) ?? text(call["toolCallId"]);
  const name = text(called["name"]) ?? text(call["toolName"]) ?? "";
  const given = called["arguments"] ?? called["input"] ?? called["args"];
  return { type: "tool_call", ...(id === undefined ? {} : { id }), name, arguments: parsed(given) };
}

function toolResponse(id: string | undefined, response: unknown): Part {
  return { type: "tool_call_response", ...(id === undefined ? {} : { id }), response };
}

function source(block: Fields, modality: string): Part {
  const from = fields(block["source"]);
  if (from === undefined) return { ...block, type: modality };
  if (from["type"] === "base64") return blob(text(from["media_type"]), from["data"]);
  return { type: "uri", modality, uri: from["url"] ?? from["file_id"] };
}

function media(url: string, modality: string): Part {
  const inline = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  return inline ? blob(inline[1], inline[2]) : { type: "uri", modality, uri: url };
}

function blob(mimeType: string | undefined, content: unknown): Part {
  const modality = mimeType?.split("/")[0] ?? "file";
  return { type: "blob", modality, mime_type: mimeType, content };
}
