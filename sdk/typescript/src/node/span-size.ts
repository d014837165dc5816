// How large a span will be on the wire, and how a span that is too large is cut.
import type { Attributes, AttributeValue } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { MAX_REQUEST_BYTES, TRUNCATED } from "../conventions.js";

/** Ids, times, status and the framing of a span. */
const SPAN_BYTES = 256;
/** Key, type and framing of one attribute beside its text. */
const ATTRIBUTE_BYTES = 16;
/** Room for the resource, the scope and the framing of a request that holds one span. */
const REQUEST_ROOM_BYTES = 128 * 1024;

/** The span's size in bytes, about. */
export function spanBytes(span: ReadableSpan): number {
  let bytes = SPAN_BYTES + span.name.length + attributesBytes(span.attributes);
  for (const event of span.events) {
    bytes += 32 + event.name.length + attributesBytes(event.attributes ?? {});
  }
  for (const link of span.links) bytes += 64 + attributesBytes(link.attributes ?? {});
  return bytes;
}

function attributesBytes(attributes: Attributes): number {
  let bytes = 0;
  for (const key in attributes) {
    bytes += ATTRIBUTE_BYTES + key.length + valueBytes(attributes[key]);
  }
  return bytes;
}

function valueBytes(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) {
    return value.reduce((sum: number, item) => sum + 4 + valueBytes(item), 0);
  }
  return 8;
}

/**
 * The span itself if it fits in a request; else one whose longest texts are cut to one common
 * length, with their keys in `tracefoundry.truncated`.
 */
export function fittingSpan(span: ReadableSpan, bytes: number): ReadableSpan {
  const budget = MAX_REQUEST_BYTES - REQUEST_ROOM_BYTES;
  if (bytes <= budget) return span;
  const texts = [span.attributes, ...span.events.map((event) => event.attributes ?? {})]
    .flatMap((attributes) => Object.values(attributes))
    .flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter((value) => typeof value === "string")
    .map((value) => Buffer.byteLength(value));
  const limit = commonLimit(texts, budget - (bytes - texts.reduce((sum, size) => sum + size, 0)));
  const keys = new Set<string>();
  const cut = (attributes: Attributes): Attributes => {
    const made: Attributes = {};
    for (const [key, value] of Object.entries(attributes)) made[key] = cutValue(key, value);
    return made;
  };
  const cutValue = (key: string, value: AttributeValue | undefined): AttributeValue | undefined => {
    if (Array.isArray(value)) {
      return (value as unknown[]).map((item) =>
        typeof item === "string" ? cutText(key, item) : item,
      );
    }
    return typeof value === "string" ? cutText(key, value) : value;
  };
  const cutText = (key: string, value: string): string => {
    const encoded = Buffer.from(value);
    if (encoded.length <= limit) return value;
    keys.add(key);
    // Not in the middle of a character of several bytes.
    let end = limit;
    while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    return encoded.toString("utf8", 0, end);
  };
  const attributes = cut(span.attributes);
  const events = span.events.map((event) => ({
    ...event,
    attributes: cut(event.attributes ?? {}),
  }));
  attributes[TRUNCATED] = [...keys];
  // The other members are the span's own, through the prototype.
  return Object.create(span, {
    attributes: { value: attributes },
    events: { value: events },
  }) as ReadableSpan;
}

/** The largest length to which texts may be cut so that all together fit into the budget. */
function commonLimit(sizes: number[], budget: number): number {
  const ascending = sizes.toSorted((left, right) => left - right);
  let left = Math.max(0, budget);
  for (const [index, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index));
    if (size > share) return share;
    left -= size;
  }
  return Number.MAX_SAFE_INTEGER;
}
