// Says that a reply was not understood, so that a trace without tokens does not stay unnoticed.
import { state } from "./state.js";

const WARNING_INTERVAL_MS = 3_600_000;
const MAX_KEYS = 8;

/** Warns, at most once an hour, with the names of the reply's members and none of its values. */
export function warnOfUnknownReply(reply: unknown): void {
  const shared = state();
  const now = performance.now();
  if (now < (shared.nextReplyWarningMs ?? 0) || typeof process === "undefined") return;
  shared.nextReplyWarningMs = now + WARNING_INTERVAL_MS;
  process.emitWarning(
    `TraceFoundry: a model's reply (${described(reply)}) is of no known shape, so its tokens are not ` +
      "recorded. Set them with call.usage(), and the answer with call.output. Give a stream to " +
      "call.stream(), of the AI SDK its fullStream.",
    { code: "TRACEFOUNDRY_REPLY" },
  );
}

function described(reply: unknown): string {
  if (typeof reply !== "object" || reply === null) return typeof reply;
  const keys = Object.keys(reply);
  const named = keys.slice(0, MAX_KEYS).join(", ");
  return `members ${named || "none"}${keys.length > MAX_KEYS ? ", ..." : ""}`;
}
