// The context and the span of an incoming HTTP request. Frameworks and official instrumentations
// make a span of their own; ours is made only where no span is active yet.
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type TextMapGetter,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { activeSpan, startSpan, withSpan } from "../span-context.js";
import { safely } from "../state.js";

const w3c = new W3CTraceContextPropagator();

/** The work of a request: run code in `context`, then end it with the response's status. */
export interface ServerSpan {
  context: Context;
  end: (status: number | undefined, error?: unknown) => void;
}

/** The caller's trace (header `traceparent`) with a span below it. */
export function serverSpan<C>(
  method: string,
  path: string,
  carrier: C,
  getter: TextMapGetter<C>,
): ServerSpan {
  const outer = context.active();
  const nothing = { context: outer, end: () => undefined };
  return safely(() => {
    if (activeSpan(outer) !== undefined) return nothing;
    const extracted = propagation.extract(w3c.extract(outer, carrier, getter), carrier, getter);
    const remote = trace.getSpan(extracted);
    const parent = remote === undefined ? extracted : withSpan(extracted, remote);
    const attributes = { "http.request.method": method, "url.path": path };
    const span = context.with(parent, () => startSpan(method, SpanKind.SERVER, attributes));
    return { context: withSpan(parent, span), end: once(span) };
  }, nothing);
}

function once(span: Span): ServerSpan["end"] {
  return (status, error) => {
    safely(() => {
      if (!span.isRecording()) return;
      if (status !== undefined) span.setAttribute("http.response.status_code", status);
      if (error !== undefined || (status !== undefined && status >= 500)) {
        span.setAttribute("error.type", error instanceof Error ? error.name : String(status));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    }, undefined);
  };
}

/** The `traceparent` of the active span, and what the global propagator adds, for a request. */
export function injectHeaders(headers: Headers, of: Context): void {
  safely(() => {
    const span = activeSpan(of);
    const sent = span === undefined ? of : trace.setSpan(ROOT_CONTEXT, span);
    const setter = {
      set: (carrier: Headers, key: string, value: string) => {
        carrier.set(key, value);
      },
    };
    propagation.inject(of, headers, setter);
    w3c.inject(sent, headers, setter);
  }, undefined);
}
