// A `fetch` whose requests to models and tools are spans with their input, output and tokens.
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { ReplyBuilder } from "../chunks.js";
import { parsed } from "../json.js";
import { LlmCall } from "../llm-call.js";
import { RawChunks } from "../raw-chunks.js";
import { readReply } from "../replies.js";
import { active, ToolCall, type TracedSpan } from "../spans.js";
import { safely } from "../state.js";
import { warnOfUnknownReply } from "../unknown-reply.js";
import { llmRequest, requestBody, toolRequest } from "./gateway-request.js";
import {
  BoundedText,
  EventStreamParser,
  watchedResponse,
  type BodyWatcher,
} from "./gateway-response.js";
import { injectHeaders } from "./server-span.js";

/** Options of `tracedFetch`. */
export interface FetchOptions {
  /** What the requests go to: models, or tools. */
  kind: "llm" | "tool";
}

/** An answer of a gateway that says that the call failed. */
class HttpStatusError extends Error {
  constructor(status: number) {
    super(`The gateway answered with status ${status}`);
    this.name = String(status);
  }
}

/**
 * The same `fetch`, traced. Requests carry `traceparent`, and other instrumentations of HTTP make
 * no span of them. Inside `llmCall` a request to a model makes no span of its own: its reply goes
 * to that call. A request that is none of a known model API passes untouched.
 */
export function tracedFetch(
  fetch: typeof globalThis.fetch,
  options: FetchOptions,
): typeof globalThis.fetch {
  return async (input, init) => {
    const opened = await open(input, init, options.kind);
    if (opened === undefined) return fetch(input, init);
    const { span, ours, headers } = opened;
    let response: Response;
    try {
      injectHeaders(headers, span.context);
      const quiet = suppressTracing(span.context);
      response = await context.with(quiet, () => fetch(input, { ...init, headers }));
    } catch (error) {
      if (ours) span.fail(error);
      throw error;
    }
    return safely(() => watch(span, ours, response), response);
  };
}

interface Opened {
  span: TracedSpan;
  /** The span belongs to this request, not to an `llmCall` around it. */
  ours: boolean;
  headers: Headers;
}

async function open(
  input: RequestInfo | URL,
  init: RequestInit | undefined,
  kind: FetchOptions["kind"],
): Promise<Opened | undefined> {
  try {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : {}));
    const body = await requestBody(input, init);
    if (kind === "tool") {
      const asked = toolRequest(url, body);
      return { span: new ToolCall(asked.name, asked, undefined), ours: true, headers };
    }
    const around = active();
    const asked = llmRequest(url, headers, body);
    if (asked === undefined) return undefined;
    if (around instanceof LlmCall) return { span: around, ours: false, headers };
    return { span: new LlmCall(asked), ours: true, headers };
  } catch {
    return undefined; // An address that is not absolute, a body that cannot be read: let fetch say.
  }
}

function watch(span: TracedSpan, ours: boolean, response: Response): Response {
  span.attribute("http.response.status_code", response.status);
  const streams = response.headers.get("content-type")?.includes("text/event-stream") === true;
  const reader =
    span instanceof LlmCall && streams ? replyEvents(span) : wholeBody(span, response.ok);
  let ended = false;
  return watchedResponse(response, {
    text: (piece) => {
      safely(() => {
        reader.text(piece);
      }, undefined);
    },
    end: (how) => {
      if (ended) return;
      ended = true;
      safely(() => {
        reader.end(how);
      }, undefined);
      if (!ours) return;
      if (how.error !== undefined) span.fail(how.error.thrown);
      else if (response.ok) span.finish();
      else span.fail(new HttpStatusError(response.status));
    },
  });
}

function replyEvents(call: LlmCall): BodyWatcher {
  const builder = new ReplyBuilder();
  const raw = new RawChunks();
  const events = new EventStreamParser((data) => {
    if (data === "[DONE]") return;
    call.firstChunk();
    const chunk = parsed(data);
    builder.add(chunk);
    raw.add(chunk);
  });
  return {
    text: (piece) => {
      events.add(piece);
    },
    end: ({ early }) => {
      events.add("\n");
      call.recordReply(builder.reply());
      call.recordChunks(raw);
      call.streamed(early);
    },
  };
}

function wholeBody(span: TracedSpan, ok: boolean): BodyWatcher {
  const body = new BoundedText();
  return {
    text: (piece) => {
      body.add(piece);
    },
    end: () => {
      const value = parsed(body.toString());
      if (span instanceof ToolCall) span.result = value;
      else if (span instanceof LlmCall && ok) {
        span.recordRaw(value);
        const reply = readReply(value);
        if (reply === undefined) warnOfUnknownReply(value);
        else span.recordReply(reply);
      }
    },
  };
}
