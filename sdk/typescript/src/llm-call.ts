// The span of one call of a model: what was asked, what came back, tokens, time to first chunk.
import { SpanKind, type Attributes } from "@opentelemetry/api";
import { ReplyBuilder } from "./chunks.js";
import * as names from "./conventions.js";
import { count, toJson } from "./json.js";
import { inputMessages, systemParts, textPart } from "./messages.js";
import { RawChunks } from "./raw-chunks.js";
import { assistant, readReply, type Reply } from "./replies.js";
import { named, TracedSpan } from "./spans.js";
import { safely, state } from "./state.js";
import { observeStream } from "./streaming.js";
import { warnOfUnknownReply } from "./unknown-reply.js";
import type { Usage } from "./usage.js";

/** Options of `llmCall`. */
export interface LlmOptions {
  /** As the GenAI conventions name it: `openai`, `anthropic`, `gcp.gemini`, ... */
  provider?: string | undefined;
  model?: string | undefined;
  /** A text or messages, in the provider's own form. */
  input?: unknown;
  /** System instructions that are not among the messages. */
  system?: unknown;
  tools?: readonly unknown[] | undefined;
  /** Parameters of the request (temperature, max_tokens, ...), in the provider's own names. */
  parameters?: Readonly<Record<string, unknown>> | undefined;
  /** By default `chat`. */
  operation?: string | undefined;
}

/** Attribute of each parameter, under the names that providers give it in lower case. */
const PARAMETERS: Readonly<Record<string, string>> = {
  maxtokens: names.REQUEST_MAX_TOKENS,
  maxcompletiontokens: names.REQUEST_MAX_TOKENS,
  maxoutputtokens: names.REQUEST_MAX_TOKENS,
  temperature: names.REQUEST_TEMPERATURE,
  topp: names.REQUEST_TOP_P,
  topk: names.REQUEST_TOP_K,
  stop: names.REQUEST_STOP_SEQUENCES,
  stopsequences: names.REQUEST_STOP_SEQUENCES,
  seed: names.REQUEST_SEED,
  n: names.REQUEST_CHOICE_COUNT,
  candidatecount: names.REQUEST_CHOICE_COUNT,
  frequencypenalty: names.REQUEST_FREQUENCY_PENALTY,
  presencepenalty: names.REQUEST_PRESENCE_PENALTY,
  stream: names.REQUEST_STREAM,
};

/** One call of a model. No method throws. */
export class LlmCall extends TracedSpan {
  readonly #started = performance.now();
  #hasReply = false;
  #firstChunkSeen = false;

  constructor(options: LlmOptions) {
    const operation = options.operation ?? names.OPERATION_CHAT;
    const attributes: Attributes = { [names.OPERATION_NAME]: operation };
    if (options.provider !== undefined) attributes[names.PROVIDER_NAME] = options.provider;
    if (options.model !== undefined) attributes[names.REQUEST_MODEL] = options.model;
    safely(() => {
      Object.assign(attributes, parameterAttributes(options.parameters ?? {}));
    }, undefined);
    super(named(operation, options.model), SpanKind.CLIENT, attributes);
    safely(() => {
      if (options.input !== undefined) {
        this.content(names.INPUT_MESSAGES, inputMessages(options.input));
      }
      const system = systemParts(options.system);
      if (system.length > 0) this.content(names.SYSTEM_INSTRUCTIONS, system);
      if (options.tools?.length) this.content(names.TOOL_DEFINITIONS, options.tools);
      if (state().record === true) this.content(names.RAW_REQUEST, rawRequest(options));
    }, undefined);
  }

  /**
   * Records the reply: an object of OpenAI, Anthropic, Google, LangChain or the AI SDK. Of any other
   * value the JSON is recorded, with a warning, since its tokens are not known.
   */
  record(reply: unknown): void {
    safely(() => {
      this.recordRaw(reply);
      const read = readReply(reply);
      if (read === undefined) warnOfUnknownReply(reply);
      this.recordReply(read ?? asText(reply));
    }, undefined);
  }

  /** What the model answered, where it is no object that `record` knows. */
  set output(value: unknown) {
    safely(() => {
      this.recordReply(readReply(value) ?? asText(value));
    }, undefined);
  }

  /** Keeps the reply as it came, if `quickStart` was told to `record`. @internal */
  recordRaw(reply: unknown): void {
    if (state().record === true) this.content(names.RAW_RESPONSE, reply);
  }

  /** Token counts and cost; counts that are left out stay as they are. */
  usage(usage: Usage): void {
    const counts: [string, number | undefined][] = [
      [names.USAGE_INPUT_TOKENS, usage.inputTokens],
      [names.USAGE_OUTPUT_TOKENS, usage.outputTokens],
      [names.USAGE_CACHE_READ_INPUT_TOKENS, usage.cachedTokens],
      [names.USAGE_CACHE_WRITE_INPUT_TOKENS, usage.cacheWriteTokens],
      [names.USAGE_REASONING_OUTPUT_TOKENS, usage.reasoningTokens],
    ];
    for (const [key, value] of counts) {
      if (count(value) !== undefined) this.attribute(key, value ?? 0);
    }
    if (usage.costUsd !== undefined) this.attribute(names.USAGE_COST, usage.costUsd);
  }

  /** The same stream, watched: its chunks make the reply. The span ends with the call. */
  stream<S extends AsyncIterable<unknown> | Iterable<unknown>>(source: S): S {
    return safely(() => this.watch(source, () => undefined), source);
  }

  /** The same stream, watched; `ended` is called once, when nobody reads it any more. @internal */
  watch<S extends object>(source: S, ended: (error?: { thrown: unknown }) => void): S {
    const builder = new ReplyBuilder();
    const raw = new RawChunks();
    return observeStream(source, this.context, {
      chunk: (chunk) => {
        this.firstChunk();
        builder.add(chunk);
        raw.add(chunk);
      },
      end: (how) => {
        safely(() => {
          this.recordReply(builder.reply());
          this.recordChunks(raw);
          this.streamed(how.early);
        }, undefined);
        ended(how.error);
      },
    });
  }

  /** Keeps the chunks as they came, if `quickStart` was told to `record`. @internal */
  recordChunks(raw: RawChunks): void {
    const chunks = raw.json();
    if (chunks !== undefined) this.content(names.RAW_RESPONSE, chunks);
  }

  /** Says that the reply came as a stream, and whether its reader left early. @internal */
  streamed(early: boolean): void {
    this.attribute(names.REQUEST_STREAM, true);
    if (early) this.attribute(names.STREAM_ENDED_EARLY, true);
  }

  /** Notes the time to the first chunk, at the first call. @internal */
  firstChunk(): void {
    if (this.#firstChunkSeen) return;
    this.#firstChunkSeen = true;
    const seconds = (performance.now() - this.#started) / 1000;
    this.attribute(names.RESPONSE_TIME_TO_FIRST_CHUNK, seconds);
  }

  /** Records what a reply says. @internal */
  recordReply(reply: Reply): void {
    this.#hasReply = true;
    if (reply.messages.length > 0) this.content(names.OUTPUT_MESSAGES, reply.messages);
    if (reply.id !== undefined) this.attribute(names.RESPONSE_ID, reply.id);
    if (reply.model !== undefined) this.attribute(names.RESPONSE_MODEL, reply.model);
    if (reply.finishReasons.length > 0) {
      this.attribute(names.RESPONSE_FINISH_REASONS, reply.finishReasons);
    }
    if (reply.usage !== undefined) this.usage(reply.usage);
  }

  /** Ends the span of a call whose reply came whole. @internal */
  finishWithReply(reply: unknown): void {
    if (readReply(reply) === undefined) warnOfUnknownReply(reply);
    this.finish(reply);
  }

  protected override onResult(value: unknown): void {
    if (this.#hasReply || value === undefined) return;
    const reply = readReply(value);
    if (reply === undefined) return;
    this.recordRaw(value);
    this.recordReply(reply);
  }
}

/** A reply of unknown shape: the conventions have messages only, so its JSON is the text of one. */
function asText(value: unknown): Reply {
  if (value === undefined || value === null) return { messages: [], finishReasons: [] };
  return { messages: [assistant([textPart(toJson(value))])], finishReasons: [] };
}

/** The request in full, for replay; never headers. The members are those of the Python SDK. */
function rawRequest(options: LlmOptions): unknown {
  const { provider, model, input, tools, system } = options;
  const parameters = { ...(system === undefined ? {} : { system }), ...options.parameters };
  const operation = options.operation ?? names.OPERATION_CHAT;
  return { operation, provider, model, input, tools, parameters };
}

function parameterAttributes(parameters: Readonly<Record<string, unknown>>): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(parameters)) {
    const key = PARAMETERS[name.replaceAll("_", "").toLowerCase()];
    if (key === undefined) continue;
    if (key === names.REQUEST_STOP_SEQUENCES) {
      attributes[key] = (Array.isArray(value) ? value : [value]).map(String);
    } else if (typeof value === "number" || typeof value === "boolean") attributes[key] = value;
  }
  return attributes;
}
