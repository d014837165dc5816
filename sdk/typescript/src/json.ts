// Guarded access to values of unknown shape, and JSON that never throws.

/** An object whose fields are unknown. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value as an object with fields; undefined for anything else, arrays included. */
export function fields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

/** The value as an array; empty for anything else. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The value if it is a string that is not empty. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The value if it is a count: a whole number, zero or more. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
}

/** The parsed JSON, or the text itself if it is no JSON. */
export function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/**
 * The value as JSON. A bigint becomes a decimal string, bytes a note of their length, an error its
 * name and message, and a reference to an enclosing object "[circular]".
 */
export function toJson(value: unknown): string {
  try {
    // Fast path: nothing special inside.
    return JSON.stringify(value, replaceSpecial) ?? "null";
  } catch {
    const ancestors: object[] = [];
    return (
      JSON.stringify(value, function (this: unknown, _key: string, member: unknown): unknown {
        if (typeof member !== "object" || member === null) return replaceSpecial("", member);
        while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
        if (ancestors.includes(member)) return "[circular]";
        ancestors.push(member);
        return replaceSpecial("", member);
      }) ?? "null"
    );
  }
}

function replaceSpecial(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>);
  if (value instanceof Set) return [...(value as Set<unknown>)];
  return value;
}
