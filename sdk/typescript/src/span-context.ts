// Which span is the parent. As a rule that is OpenTelemetry's active span. With an isolated
// `quickStart` our spans have a place of their own in the context, so that they are neither
// children nor parents of other libraries' spans.
import {
  context,
  createContextKey,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Span,
} from "@opentelemetry/api";
import { SCOPE_NAME } from "./conventions.js";
import { state } from "./state.js";
import { VERSION } from "./version.js";

const ISOLATED_SPAN = createContextKey("tracefoundry isolated span");
const CONVERSATION = createContextKey("tracefoundry conversation id");

/** The span that a new span of ours is a child of. */
export function activeSpan(of: Context = context.active()): Span | undefined {
  return state().isolatedProvider === undefined
    ? trace.getSpan(of)
    : (of.getValue(ISOLATED_SPAN) as Span | undefined);
}

/** The context with this span as the parent of ours. */
export function withSpan(of: Context, span: Span): Context {
  return state().isolatedProvider === undefined
    ? trace.setSpan(of, span)
    : of.setValue(ISOLATED_SPAN, span);
}

/** Starts a span below the active one. */
export function startSpan(name: string, kind: SpanKind, attributes: Attributes): Span {
  const provider = state().isolatedProvider;
  const active = context.active();
  if (provider === undefined) {
    return trace.getTracer(SCOPE_NAME, VERSION).startSpan(name, { kind, attributes }, active);
  }
  const parent = activeSpan(active);
  const below = parent === undefined ? trace.deleteSpan(active) : trace.setSpan(active, parent);
  return provider.getTracer(SCOPE_NAME, VERSION).startSpan(name, { kind, attributes }, below);
}

/** The conversation that calls of models and tools inherit from the run around them. */
export function conversationOf(of: Context): string | undefined {
  return of.getValue(CONVERSATION) as string | undefined;
}

/** The context with a conversation for what runs in it. */
export function withConversation(of: Context, id: string): Context {
  return of.setValue(CONVERSATION, id);
}
