// Chunks of a streamed reply, added up to the reply that the same call without streaming gives.
import { count, fields, list, text, type Fields } from "./json.js";
import { textPart, toolCall, type Part } from "./messages.js";
import {
  aiSdkUsage,
  anthropicUsage,
  assistant,
  googleUsage,
  langChainUsage,
  openAiUsage,
  readReply,
  type Reply,
  type Usage,
} from "./replies.js";
import { contentParts } from "./messages.js";

/** Characters kept of one reply; the export would cut what is beyond. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

interface Draft {
  kind: "text" | "reasoning" | "tool";
  content: string;
  id?: string | undefined;
  name?: string | undefined;
}

/** Adds up the chunks of OpenAI, Anthropic, Google, LangChain and the AI SDK, and plain text. */
export class ReplyBuilder {
  #drafts = new Map<string, Draft>();
  #finished: Part[] = [];
  #whole: Reply | undefined;
  #id: string | undefined;
  #model: string | undefined;
  #finishReasons: string[] = [];
  #usage: Usage | undefined;
  #anthropicUsage: Fields = {};
  #characters = 0;

  /** Adds one chunk. A chunk of unknown shape adds nothing. */
  add(chunk: unknown): void {
    if (typeof chunk === "string") {
      this.#append("text", "text", chunk);
      return;
    }
    const from = fields(chunk);
    if (from === undefined) return;
    const type = text(from["type"]);
    if (Array.isArray(from["choices"])) this.#addOpenAiChat(from);
    else if (Array.isArray(from["candidates"]) || "usageMetadata" in from) this.#addGoogle(from);
    else if (type?.startsWith("response.")) this.#addOpenAiResponse(type, from);
    else if (typeof from["getType"] === "function" || typeof from["_getType"] === "function") {
      this.#addLangChain(from);
    } else if (type !== undefined) {
      this.#addAnthropic(type, from);
      this.#addAiSdk(type, from);
    }
  }

  /** The reply so far. */
  reply(): Reply {
    if (this.#whole !== undefined) return this.#whole;
    const parts = [...this.#finished, ...[...this.#drafts.values()].map(finishedPart)];
    const reason = this.#finishReasons[0];
    return {
      messages: parts.length > 0 || reason !== undefined ? [assistant(parts, reason)] : [],
      id: this.#id,
      model: this.#model,
      finishReasons: this.#finishReasons,
      usage: this.#usage ?? anthropicUsage(this.#anthropicUsage),
    };
  }

  #append(key: string, kind: Draft["kind"], content: string | undefined): Draft {
    let draft = this.#drafts.get(key);
    if (draft === undefined) {
      draft = { kind, content: "" };
      this.#drafts.set(key, draft);
    }
    if (content !== undefined && this.#characters < MAX_CHARACTERS) {
      draft.content += content;
      this.#characters += content.length;
    }
    return draft;
  }

  #finish(reason: unknown): void {
    const given = text(reason);
    if (given !== undefined) this.#finishReasons = [...this.#finishReasons, given];
  }

  #addOpenAiChat(from: Fields): void {
    this.#id ??= text(from["id"]);
    this.#model = text(from["model"]) ?? this.#model;
    this.#usage = openAiUsage(from["usage"]) ?? this.#usage;
    for (const choice of list(from["choices"]).map((entry) => fields(entry) ?? {})) {
      const delta = fields(choice["delta"]) ?? {};
      const index = String(count(choice["index"]) ?? 0);
      const reasoning = text(delta["reasoning_content"]) ?? text(delta["reasoning"]);
      if (reasoning !== undefined) this.#append(`${index}/reasoning`, "reasoning", reasoning);
      const content = text(delta["content"]) ?? text(delta["refusal"]) ?? text(choice["text"]);
      if (content !== undefined) this.#append(`${index}/text`, "text", content);
      for (const call of list(delta["tool_calls"]).map((entry) => fields(entry) ?? {})) {
        const called = fields(call["function"]);
        const key = `${index}/tool/${count(call["index"]) ?? 0}`;
        const draft = this.#append(key, "tool", text(called?.["arguments"]));
        draft.id ??= text(call["id"]);
        draft.name ??= text(called?.["name"]);
      }
      this.#finish(choice["finish_reason"]);
    }
  }

  #addOpenAiResponse(type: string, from: Fields): void {
    const response = fields(from["response"]);
    if (response !== undefined) {
      this.#id ??= text(response["id"]);
      this.#model ??= text(response["model"]);
    }
    if (type === "response.output_text.delta") {
      this.#append(`text/${count(from["output_index"]) ?? 0}`, "text", text(from["delta"]));
    } else if (/^response\.(completed|incomplete|failed)$/.test(type)) {
      this.#whole = readReply({ object: "response", ...response });
    }
  }

  #addAnthropic(type: string, from: Fields): void {
    const key = `block/${count(from["index"]) ?? 0}`;
    if (type === "message_start") {
      const message = fields(from["message"]);
      this.#id = text(message?.["id"]);
      this.#model = text(message?.["model"]);
      this.#anthropicUsage = fields(message?.["usage"]) ?? {};
    } else if (type === "content_block_start") {
      const block = fields(from["content_block"]);
      if (block?.["type"] === "tool_use") {
        const draft = this.#append(key, "tool", undefined);
        draft.id = text(block["id"]);
        draft.name = text(block["name"]);
      }
    } else if (type === "content_block_delta") {
      const delta = fields(from["delta"]);
      if (delta?.["type"] === "text_delta") this.#append(key, "text", text(delta["text"]));
      else if (delta?.["type"] === "thinking_delta") {
        this.#append(key, "reasoning", text(delta["thinking"]));
      } else if (delta?.["type"] === "input_json_delta") {
        this.#append(key, "tool", text(delta["partial_json"]));
      }
    } else if (type === "message_delta") {
      this.#finish(fields(from["delta"])?.["stop_reason"]);
      this.#anthropicUsage = { ...this.#anthropicUsage, ...fields(from["usage"]) };
    }
  }

  #addGoogle(from: Fields): void {
    const part = readReply({ candidates: [], ...from });
    this.#id ??= part.id;
    this.#model ??= part.model;
    this.#usage = googleUsage(from["usageMetadata"]) ?? this.#usage;
    this.#finishReasons.push(...part.finishReasons);
    part.messages.forEach((message, index) => {
      this.#addParts(`${index}`, message.parts);
    });
  }

  #addLangChain(from: Fields): void {
    const part = readReply(from);
    this.#id ??= part.id;
    this.#model ??= part.model;
    this.#finishReasons.push(...part.finishReasons);
    const usage = langChainUsage(from["usage_metadata"]);
    if (usage !== undefined) this.#usage = sum(this.#usage, usage);
    this.#addParts("0", contentParts(from["content"]));
    for (const call of list(from["tool_call_chunks"]).map((entry) => fields(entry) ?? {})) {
      const key = `tool/${count(call["index"]) ?? 0}`;
      const draft = this.#append(key, "tool", text(call["args"]));
      draft.id ??= text(call["id"]);
      draft.name ??= text(call["name"]);
    }
  }

  #addAiSdk(type: string, from: Fields): void {
    if (type === "text-delta") {
      this.#append("text", "text", text(from["text"]) ?? text(from["delta"]));
    } else if (type === "reasoning-delta") {
      this.#append("reasoning", "reasoning", text(from["text"]) ?? text(from["delta"]));
    } else if (type === "tool-call") this.#finished.push(toolCall(from));
    else if (type === "finish") {
      this.#usage = aiSdkUsage(from["totalUsage"] ?? from["usage"]) ?? this.#usage;
      this.#finish(from["finishReason"]);
    }
  }

  /** Text joins the text before it; other parts come whole. */
  #addParts(key: string, parts: readonly Part[]): void {
    for (const part of parts) {
      if (part.type === "text" || part.type === "reasoning") {
        this.#append(`${key}/${part.type}`, part.type, text(part["content"]));
      } else this.#finished.push(part);
    }
  }
}

function finishedPart(draft: Draft): Part {
  if (draft.kind === "text") return textPart(draft.content);
  if (draft.kind === "reasoning") return { type: "reasoning", content: draft.content };
  return toolCall({ id: draft.id, name: draft.name, arguments: draft.content });
}

function sum(left: Usage | undefined, right: Usage): Usage {
  const added: Usage = { ...left };
  for (const key of Object.keys(right) as (keyof Usage)[]) {
    if (right[key] !== undefined) added[key] = (left?.[key] ?? 0) + right[key];
  }
  return added;
}
