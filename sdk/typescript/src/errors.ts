// An error is recorded once, on the innermost of our spans: the spans around it have its type and
// status, and no second exception event.
import { SpanStatusCode, type Span } from "@opentelemetry/api";
import { redacted } from "./content.js";
import { ERROR_TYPE } from "./conventions.js";

const recorded = new WeakSet();

/** Marks the span as failed; `seenBelow` says that a span below has recorded this error. */
export function recordError(span: Span, error: unknown, seenBelow: boolean): void {
  span.setAttribute(ERROR_TYPE, errorType(error));
  const message = redacted(errorMessage(error), "exception.message");
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  const known = typeof error === "object" && error !== null ? recorded.has(error) : seenBelow;
  if (known) return;
  if (typeof error === "object" && error !== null) recorded.add(error);
  const stack = error instanceof Error ? error.stack : undefined;
  span.recordException({
    name: errorType(error),
    message,
    ...(stack === undefined ? {} : { stack: redacted(stack, "exception.stacktrace") }),
  });
}

/** The class of the error; of a thrown value that is no error, its JavaScript type. */
export function errorType(error: unknown): string {
  if (error instanceof Error) {
    // Libraries often leave `name` at "Error" and say more by the class.
    return error.name !== "Error" ? error.name : error.constructor.name || "Error";
  }
  return typeof error;
}

/** The message of an error, or the thrown value as text. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
