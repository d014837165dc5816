// The objects that the helpers hand to the agent's functions: one class for each kind of span.
import {
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
  type Span,
} from "@opentelemetry/api";
import { plain, plainAttributes, setContent } from "./content.js";
import * as names from "./conventions.js";
import { errorMessage, errorType, recordError } from "./errors.js";
import { toJson } from "./json.js";
import { safely } from "./state.js";
import { inputMessages, textPart } from "./messages.js";
import { readReply, type Reply } from "./replies.js";
import { conversationOf, startSpan, withConversation, withSpan } from "./span-context.js";

const ACTIVE = createContextKey("tracefoundry active span");

/** The innermost of our spans around this code; undefined outside of all. */
export function active(): TracedSpan | undefined {
  return safely(() => context.active().getValue(ACTIVE) as TracedSpan | undefined, undefined);
}

/** What all spans of the helpers can do. No method throws. */
export class TracedSpan {
  /** The span of OpenTelemetry. */
  readonly span: Span;
  /** The context in which the agent's function runs. @internal */
  readonly context: Context;
  readonly #parent: TracedSpan | undefined;
  #failedBelow: unknown;
  #ended = false;

  constructor(name: string, kind: SpanKind, attributes: Attributes, conversation?: string) {
    const outer = safely(() => context.active(), undefined);
    this.#parent = active();
    const inherited = conversation ?? (outer && conversationOf(outer));
    const inheriting = kind === SpanKind.CLIENT || attributes[names.TOOL_NAME] !== undefined;
    if (inherited !== undefined && (inheriting || conversation !== undefined)) {
      attributes[names.CONVERSATION_ID] = inherited;
    }
    this.span = safely(
      () => startSpan(name, kind, attributes),
      trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
    );
    let inner = withSpan(outer ?? context.active(), this.span).setValue(ACTIVE, this);
    if (conversation !== undefined) inner = withConversation(inner, conversation);
    this.context = inner;
  }

  /** Adds an event with attributes. */
  event(name: string, attributes?: Attributes): void {
    safely(() => this.span.addEvent(name, plainAttributes(attributes)), undefined);
  }

  /** Says that attempt number `attempt` failed, and after how many seconds the next one starts. */
  retry(attempt: number, { error, waitS }: { error?: unknown; waitS?: number } = {}): void {
    const attributes: Attributes = { [names.ATTEMPT]: attempt };
    if (error !== undefined) {
      attributes[names.ERROR] =
        error instanceof Error
          ? `${errorType(error)}: ${errorMessage(error)}`
          : errorMessage(error);
    }
    if (waitS !== undefined) attributes[names.WAIT_S] = waitS;
    this.event(names.EVENT_RETRY, attributes);
  }

  /** Says that something was given up after so many seconds. */
  timeout(afterS: number): void {
    this.event(names.EVENT_TIMEOUT, { [names.AFTER_S]: afterS });
  }

  /** Sets an attribute of the span. */
  attribute(key: string, value: AttributeValue): void {
    safely(() => this.span.setAttribute(key, plain(key, value)), undefined);
  }

  /** Ends the span; `value` is what the agent's function returned. @internal */
  finish(value?: unknown): void {
    if (this.#ended) return;
    safely(() => {
      this.onResult(value);
    }, undefined);
    this.#end();
  }

  /** Ends the span with an error. @internal */
  fail(error: unknown): void {
    if (this.#ended) return;
    safely(() => {
      recordError(this.span, error, this.#failedBelow === error);
    }, undefined);
    if (this.#parent !== undefined) this.#parent.#failedBelow = error;
    this.#end();
  }

  /** Records content, as far as the capture setting allows. */
  protected content(key: string, value: unknown): void {
    safely(() => {
      setContent(this.span, key, value);
    }, undefined);
  }

  /** Takes what the agent's function returned, where the agent did not say it itself. */
  protected onResult(_value: unknown): void {
    // Each kind of span decides.
  }

  #end(): void {
    this.#ended = true;
    safely(() => {
      this.span.end();
    }, undefined);
  }
}

/** A run of an agent. */
export class AgentRun extends TracedSpan {
  #hasOutput = false;

  constructor(options: RunOptions) {
    const attributes: Attributes = { [names.OPERATION_NAME]: names.OPERATION_INVOKE_AGENT };
    if (options.name !== undefined) attributes[names.AGENT_NAME] = options.name;
    if (options.userId !== undefined) attributes[names.USER_ID] = options.userId;
    if (options.tags !== undefined) attributes[names.TAGS] = [...options.tags];
    super(
      named(names.OPERATION_INVOKE_AGENT, options.name),
      SpanKind.INTERNAL,
      { ...safely(() => plainAttributes(options.attributes), {}), ...attributes },
      options.conversationId,
    );
    if (options.input !== undefined) this.input = options.input;
  }

  /** What the run was asked: a text or messages. */
  set input(value: unknown) {
    this.content(
      names.INPUT_MESSAGES,
      safely(() => inputMessages(value), undefined),
    );
  }

  /** What the run answered: a text, messages, or any value. */
  set output(value: unknown) {
    this.#hasOutput = true;
    this.content(
      names.OUTPUT_MESSAGES,
      safely(() => outputMessages(value), undefined),
    );
  }

  protected override onResult(value: unknown): void {
    if (!this.#hasOutput && isData(value)) this.output = value;
  }
}

/** A call of a tool. */
export class ToolCall extends TracedSpan {
  #hasResult = false;

  constructor(name: string, options: ToolOptions, given: unknown) {
    const attributes: Attributes = {
      [names.OPERATION_NAME]: names.OPERATION_EXECUTE_TOOL,
      [names.TOOL_NAME]: name,
    };
    if (options.callId !== undefined) attributes[names.TOOL_CALL_ID] = options.callId;
    if (options.description !== undefined) {
      attributes[names.TOOL_DESCRIPTION] = options.description;
    }
    super(named(names.OPERATION_EXECUTE_TOOL, name), SpanKind.INTERNAL, attributes);
    this.content(names.TOOL_CALL_ARGUMENTS, options.arguments ?? given);
  }

  /** What the tool answered; by default what its function returns. */
  set result(value: unknown) {
    this.#hasResult = true;
    this.content(names.TOOL_CALL_RESULT, value);
  }

  protected override onResult(value: unknown): void {
    if (!this.#hasResult && isData(value)) this.result = value;
  }
}

/** A search for documents. */
export class Retrieval extends TracedSpan {
  #hasDocuments = false;

  constructor(options: RetrievalOptions) {
    const attributes: Attributes = { [names.OPERATION_NAME]: names.OPERATION_RETRIEVAL };
    if (options.source !== undefined) attributes[names.DATA_SOURCE_ID] = options.source;
    super(named(names.OPERATION_RETRIEVAL, options.source), SpanKind.CLIENT, attributes);
    this.content(names.RETRIEVAL_QUERY_TEXT, options.query);
  }

  /** What was found; by default the list that the function returns. */
  set documents(value: readonly unknown[]) {
    this.#hasDocuments = true;
    this.content(names.RETRIEVAL_DOCUMENTS, value);
  }

  protected override onResult(value: unknown): void {
    if (!this.#hasDocuments && Array.isArray(value)) this.documents = value as unknown[];
  }
}

/** Options of `traceAgentRun`. */
export interface RunOptions {
  name?: string | undefined;
  conversationId?: string | undefined;
  userId?: string | undefined;
  input?: unknown;
  tags?: readonly string[] | undefined;
  attributes?: Attributes | undefined;
}

/** Options of `toolCall`. */
export interface ToolOptions {
  callId?: string | undefined;
  description?: string | undefined;
  /** By default the arguments of the call. */
  arguments?: unknown;
}

/** Options of `retrieval`. */
export interface RetrievalOptions {
  source?: string | undefined;
  query?: string | undefined;
}

/** The span name of the conventions: the operation, then what it is done with. */
export function named(operation: string, target: string | undefined): string {
  return target === undefined ? operation : `${operation} ${target}`;
}

/** A value that may be recorded unasked: text, numbers, lists and plain objects, no live objects. */
function isData(value: unknown): boolean {
  if (typeof value !== "object" || value === null) {
    return ["string", "number", "boolean", "bigint"].includes(typeof value);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function outputMessages(value: unknown): Reply["messages"] {
  const messages = readReply(value)?.messages ?? [];
  if (messages.length > 0) return messages;
  const items: unknown[] = Array.isArray(value) ? value : [];
  const each = items.map((item) => readReply(item)?.messages ?? []);
  if (each.length > 0 && each.every((found) => found.length > 0)) return each.flat();
  // Some other value: the conventions have messages only, so its JSON is the text of one.
  return [{ role: "assistant", parts: [textPart(jsonText(value))] }];
}

function jsonText(value: unknown): string {
  return typeof value === "string" ? value : toJson(value);
}
