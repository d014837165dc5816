// Content (messages, tool data, documents): the one place where it becomes span attributes, so that
// the capture setting and the redaction hook hold for all of it.
import type { Attributes, AttributeValue, Span } from "@opentelemetry/api";
import { CONTENT_PREFIX } from "./conventions.js";
import { fields, list, text, toJson } from "./json.js";
import { safely, state, type Capture } from "./state.js";

/** Stands for a value whose redaction hook threw, or gave something that is no text. */
export const WITHHELD = "[withheld: the redaction hook failed]";

const encoder = new TextEncoder();

/** Values of OpenTelemetry's own variable. This SDK has no content events. */
const STANDARD: Readonly<Record<string, Capture>> = {
  true: "full",
  span_only: "full",
  span_and_event: "full",
  false: "off",
  no_content: "off",
  event_only: "off",
};

/**
 * The setting in force: that of `quickStart`, else `TRACEFOUNDRY_CAPTURE`, else OpenTelemetry's own
 * variable, else `full` (the server redacts what it receives). An unknown word counts as `off`: a
 * typing mistake must not send what somebody wanted kept.
 */
export function captureInForce(): Capture {
  return (state().capture ??= captureFromEnvironment());
}

function captureFromEnvironment(): Capture {
  const environment = typeof process === "undefined" ? {} : process.env;
  const own = environment["TRACEFOUNDRY_CAPTURE"]?.trim();
  if (own) return captureWord(own, "TRACEFOUNDRY_CAPTURE");
  const variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
  const standard = environment[variable]?.trim();
  return standard ? (STANDARD[standard.toLowerCase()] ?? unknownWord(standard, variable)) : "full";
}

/** The capture setting that a word names. */
export function captureWord(word: string, source: string): Capture {
  const known = word.toLowerCase();
  if (known === "off" || known === "metadata" || known === "full") return known;
  return unknownWord(word, source);
}

function unknownWord(word: string, source: string): Capture {
  process.emitWarning(
    `${source} is "${word}", which is none of off, metadata and full: no content is sent.`,
    { code: "TRACEFOUNDRY_CAPTURE" },
  );
  return "off";
}

/**
 * Records content under an attribute key: its text, or in `metadata` its size and roles, or
 * nothing. It is serialised now, so that later changes of the object do not show. A string is
 * recorded as it is, anything else as JSON.
 */
export function setContent(span: Span, key: string, value: unknown): void {
  const capture = captureInForce();
  if (value === undefined || capture === "off" || !span.isRecording()) return;
  const whole = typeof value === "string" ? value : toJson(value);
  if (capture === "full") {
    span.setAttribute(key, redacted(whole, key));
    return;
  }
  const slot = key.replace(/^gen_ai\./, "").replaceAll(".", "_");
  span.setAttribute(`${CONTENT_PREFIX}${slot}.bytes`, encoder.encode(whole).length);
  const roles = list(value).flatMap((message) => text(fields(message)?.["role"]) ?? []);
  if (roles.length > 0) span.setAttribute(`${CONTENT_PREFIX}${slot}.roles`, roles);
}

/** The text that may leave the process, as the redaction hook gives it. */
export function redacted(value: string, key: string): string {
  const { redact } = state();
  if (redact === undefined) return value;
  const answer: unknown = safely(() => redact(value, key), undefined);
  return typeof answer === "string" ? answer : WITHHELD;
}

/** An attribute that the agent chose itself: its texts go through the redaction hook too. */
export function plain(key: string, value: AttributeValue): AttributeValue {
  if (state().redact === undefined) return value;
  if (typeof value === "string") return redacted(value, key);
  if (!Array.isArray(value)) return value;
  return (value as unknown[]).map((item) =>
    typeof item === "string" ? redacted(item, key) : item,
  );
}

/** The same for several attributes. */
export function plainAttributes(given: Attributes | undefined): Attributes {
  const attributes: Attributes = {};
  for (const [key, value] of Object.entries(given ?? {})) {
    if (value !== undefined) attributes[key] = plain(key, value);
  }
  return attributes;
}
