// What `quickStart` sets and the helpers read. It lives on `globalThis`, because one process may
// load this package twice (as an ES module and as CommonJS, or again after a hot reload).
import { diag, type TracerProvider } from "@opentelemetry/api";

/** How much of prompts, replies and tool data leaves the process. */
export type Capture = "off" | "metadata" | "full";

/**
 * Replaces a text before it is recorded. `key` is the name of its attribute. If the function
 * throws, or returns something that is no text, the text is withheld.
 */
export type Redact = (value: string, key: string) => string;

/** State shared by all copies of this package in the process. */
export interface State {
  capture?: Capture | undefined;
  redact?: Redact | undefined;
  /** Raw requests and replies of model calls are kept, for replay. */
  record?: boolean | undefined;
  /** When the next warning of an unknown reply may come, on the clock of `performance.now()`. */
  nextReplyWarningMs?: number | undefined;
  /** The provider of an isolated `quickStart`; the helpers use it in place of the global one. */
  isolatedProvider?: TracerProvider | undefined;
  /** Delivers all that waits. Resolves to whether all of it arrived in time. */
  flush?: ((timeoutMs: number) => Promise<boolean>) | undefined;
  /** What the first `quickStart` returned. */
  handle?: unknown;
}

const STATE_KEY = Symbol.for("tracefoundry.sdk.state");

/** The state of this process. */
export function state(): State {
  const holder = globalThis as { [STATE_KEY]?: State };
  return (holder[STATE_KEY] ??= {});
}

/**
 * Runs instrumentation code. An error in it is reported to OpenTelemetry's diagnostic logger and
 * never reaches the agent.
 */
export function safely<T>(action: () => T, fallback: T): T {
  try {
    return action();
  } catch (error) {
    try {
      diag.error("tracefoundry: instrumentation failed", error);
    } catch {
      // A broken diagnostic logger must not reach the agent either.
    }
    return fallback;
  }
}
