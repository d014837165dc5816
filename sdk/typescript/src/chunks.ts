// Chunks of a streamed reply, added up to the reply that the same call without streaming gives.
import { count, fields, list, text, type Fields } from "./json.js";
import { contentParts, outputItem, toolCall, type Part } from "./messages.js";
import { ReplyDraft } from "./reply-draft.js";
import { isLangChain, readReply, type Reply } from "./replies.js";
import {
  aiSdkUsage,
  anthropicUsage,
  googleUsage,
  langChainUsage,
  openAiUsage,
  type Usage,
} from "./usage.js";

/** Content of LangChain's chunks that its `tool_call_chunks` have too. */
const REPEATED_BLOCKS = new Set(["tool_use", "tool_call", "function_call", "input_json_delta"]);

/** Adds up the chunks of OpenAI, Anthropic, Google, LangChain and the AI SDK, and plain text. */
export class ReplyBuilder {
  readonly #draft = new ReplyDraft();
  #whole: Reply | undefined;
  #id: string | undefined;
  #model: string | undefined;
  #usage: Usage | undefined;
  #anthropicUsage: Fields = {};
  #step = 0;

  /** Adds one chunk. A chunk of unknown shape adds nothing. */
  add(chunk: unknown): void {
    if (typeof chunk === "string") {
      this.#draft.append(0, "text", "text", chunk);
      return;
    }
    const from = fields(chunk);
    if (from === undefined) return;
    const type = text(from["type"]);
    if (Array.isArray(from["choices"])) this.#addOpenAiChat(from);
    else if (Array.isArray(from["candidates"]) || "usageMetadata" in from) this.#addGoogle(from);
    else if (type?.startsWith("response.")) this.#addOpenAiResponse(type, from);
    else if (isLangChain(from)) this.#addLangChain(from);
    else if (type !== undefined) {
      this.#addAnthropic(type, from);
      this.#addAiSdk(type, from);
    }
  }

  /** The reply so far. */
  reply(): Reply {
    return (
      this.#whole ?? {
        messages: this.#draft.messages(),
        id: this.#id,
        model: this.#model,
        finishReasons: this.#draft.finishReasons(),
        usage: this.#usage,
      }
    );
  }

  #addOpenAiChat(from: Fields): void {
    this.#id ??= text(from["id"]);
    this.#model = text(from["model"]) ?? this.#model;
    this.#usage = openAiUsage(from["usage"]) ?? this.#usage;
    for (const choice of list(from["choices"]).map((entry) => fields(entry) ?? {})) {
      const delta = fields(choice["delta"]) ?? {};
      const index = count(choice["index"]) ?? 0;
      const reasoning = text(delta["reasoning_content"]) ?? text(delta["reasoning"]);
      if (reasoning !== undefined) this.#draft.append(index, "reasoning", "reasoning", reasoning);
      const content =
        text(delta["content"]) ??
        text(delta["refusal"]) ??
        text(fields(delta["audio"])?.["transcript"]) ??
        text(choice["text"]);
      if (content !== undefined) this.#draft.append(index, "text", "text", content);
      const older = fields(delta["function_call"]);
      const calls = older === undefined ? list(delta["tool_calls"]) : [{ function: older }];
      for (const call of calls.map((entry) => fields(entry) ?? {})) {
        const called = fields(call["function"]) ?? fields(call["custom"]);
        this.#draft.appendTool(index, `tool/${count(call["index"]) ?? 0}`, {
          id: call["id"],
          name: called?.["name"],
          piece: called?.["arguments"] ?? called?.["input"],
        });
      }
      this.#draft.finish(index, choice["finish_reason"]);
    }
  }

  /** The last event has the whole reply; the pieces count where the stream ends before it. */
  #addOpenAiResponse(type: string, from: Fields): void {
    const response = fields(from["response"]);
    this.#id ??= text(response?.["id"]);
    this.#model ??= text(response?.["model"]);
    const key = `item/${count(from["output_index"]) ?? 0}`;
    const item = fields(from["item"]);
    switch (type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        this.#draft.append(0, `${key}/${count(from["content_index"]) ?? 0}`, "text", from["delta"]);
        break;
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        this.#draft.append(0, key, "reasoning", from["delta"]);
        break;
      case "response.output_item.added":
        if (item?.["type"] === "function_call" || item?.["type"] === "custom_tool_call") {
          this.#draft.appendTool(0, key, { id: item["call_id"], name: item["name"] });
        }
        break;
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        this.#draft.appendTool(0, key, { piece: from["delta"] });
        break;
      case "response.output_item.done":
        // Results of the provider's own tools come whole.
        if (item !== undefined && !this.#draft.has(0, key)) this.#addItem(key, item);
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        this.#whole = readReply({ object: "response", ...response });
    }
  }

  #addItem(key: string, item: Fields): void {
    const type = text(item["type"]);
    if (type === "message" || type === "reasoning") return; // came piece by piece
    for (const part of outputItem(item)) this.#draft.add(0, part, key);
  }

  #addAnthropic(type: string, from: Fields): void {
    const key = `block/${count(from["index"]) ?? 0}`;
    if (type === "message_start") {
      const message = fields(from["message"]);
      this.#id = text(message?.["id"]);
      this.#model = text(message?.["model"]);
      this.#addAnthropicUsage(message?.["usage"]);
    } else if (type === "content_block_start") {
      this.#startBlock(key, fields(from["content_block"]) ?? {});
    } else if (type === "content_block_delta") {
      const delta = fields(from["delta"]) ?? {};
      if (delta["type"] === "text_delta") this.#draft.append(0, key, "text", delta["text"]);
      else if (delta["type"] === "thinking_delta") {
        this.#draft.append(0, key, "reasoning", delta["thinking"]);
      } else if (delta["type"] === "input_json_delta") {
        this.#draft.appendTool(0, key, { piece: delta["partial_json"] });
      }
    } else if (type === "message_delta") {
      this.#draft.finish(0, fields(from["delta"])?.["stop_reason"]);
      this.#addAnthropicUsage(from["usage"]);
    }
  }

  /** A block of text, thought or tool call grows by deltas; any other comes whole. */
  #startBlock(key: string, block: Fields): void {
    const type = text(block["type"]);
    if (type === "text") this.#draft.append(0, key, "text", block["text"]);
    else if (type === "thinking") this.#draft.append(0, key, "reasoning", block["thinking"]);
    else if (type?.endsWith("tool_use") === true) {
      this.#draft.appendTool(0, key, { id: block["id"], name: block["name"] });
    } else for (const part of contentParts(block)) this.#draft.add(0, part, key);
  }

  /** The last event has null for counts that it does not repeat. */
  #addAnthropicUsage(given: unknown): void {
    const counts = Object.entries(fields(given) ?? {}).filter(
      (entry) => count(entry[1]) !== undefined,
    );
    this.#anthropicUsage = { ...this.#anthropicUsage, ...Object.fromEntries(counts) };
    this.#usage = anthropicUsage(this.#anthropicUsage);
  }

  #addGoogle(from: Fields): void {
    this.#id ??= text(from["responseId"]);
    this.#model ??= text(from["modelVersion"]);
    this.#usage = googleUsage(from["usageMetadata"]) ?? this.#usage;
    this.#draft.finish(0, fields(from["promptFeedback"])?.["blockReason"]);
    list(from["candidates"]).forEach((entry, position) => {
      const candidate = fields(entry) ?? {};
      const index = count(candidate["index"]) ?? position;
      this.#addParts(index, contentParts(fields(candidate["content"])?.["parts"]));
      this.#draft.finish(index, candidate["finishReason"]);
    });
  }

  #addLangChain(from: Fields): void {
    const part = readReply(from);
    this.#id ??= part?.id;
    this.#model ??= part?.model;
    this.#draft.finish(0, part?.finishReasons[0]);
    const usage = langChainUsage(from["usage_metadata"]);
    if (usage !== undefined) this.#usage = sum(this.#usage, usage);
    const content = from["content"];
    for (const block of Array.isArray(content) ? list(content) : [content]) {
      this.#addLangChainBlock(block);
    }
    for (const call of list(from["tool_call_chunks"]).map((entry) => fields(entry) ?? {})) {
      this.#draft.appendTool(0, `tool/${count(call["index"]) ?? 0}`, {
        id: call["id"],
        name: call["name"],
        piece: call["args"],
      });
    }
  }

  /** Blocks of tool calls are those of `tool_call_chunks` once more, but for the provider's own tools. */
  #addLangChainBlock(block: unknown): void {
    const from = fields(block) ?? {};
    const type = text(from["type"]) ?? "";
    const key = `block/${count(from["index"]) ?? 0}`;
    if (type === "server_tool_use") {
      this.#draft.appendTool(0, key, { id: from["id"], name: from["name"] });
    } else if (type === "input_json_delta" && this.#draft.has(0, key)) {
      this.#draft.appendTool(0, key, { piece: from["input"] ?? from["partial_json"] });
    } else if (!REPEATED_BLOCKS.has(type)) this.#addParts(0, contentParts(block));
  }

  /** Parts of `fullStream`; versions 4 to 7 have different names for some. */
  #addAiSdk(type: string, from: Fields): void {
    const key = `${this.#step}/${text(from["id"]) ?? ""}`;
    const piece = text(from["text"]) ?? text(from["delta"]) ?? text(from["textDelta"]);
    if (type === "text-delta") this.#draft.append(0, `text/${key}`, "text", piece);
    else if (type === "reasoning-delta" || type === "reasoning") {
      this.#draft.append(0, `reasoning/${key}`, "reasoning", piece);
    } else if (type === "tool-call") this.#draft.add(0, toolCall(from));
    else if (type === "start-step" || type === "step-start") this.#step += 1;
    else if (type === "response-metadata" || type === "finish-step" || type === "step-finish") {
      const response = fields(from["response"]) ?? from;
      this.#id = text(response["id"]) ?? this.#id;
      this.#model = text(response["modelId"]) ?? this.#model;
    } else if (type === "finish") {
      const reason = from["finishReason"];
      this.#usage = aiSdkUsage(from["totalUsage"] ?? from["usage"]) ?? this.#usage;
      this.#draft.finish(0, fields(reason)?.["unified"] ?? reason);
    }
  }

  /** Text joins the text right before it; other parts come whole. */
  #addParts(index: number, parts: readonly Part[]): void {
    for (const part of parts) {
      if (part.type === "text" || part.type === "reasoning") {
        this.#draft.appendToLast(index, part.type, part["content"]);
      } else this.#draft.add(index, part);
    }
  }
}

function sum(left: Usage | undefined, right: Usage): Usage {
  const added: Usage = { ...left };
  for (const key of Object.keys(right) as (keyof Usage)[]) {
    if (right[key] !== undefined) added[key] = (left?.[key] ?? 0) + right[key];
  }
  return added;
}
