import { trace } from "@opentelemetry/api";
import { state } from "./state.js";

/**
 * Delivers the spans that have ended, waiting at most `timeoutMs`. Resolves to true only if all of
 * them arrived in time. Never rejects. Without `quickStart` it asks the provider that is there.
 */
export async function flush(timeoutMs = 2000): Promise<boolean> {
  try {
    const ours = state().flush;
    if (ours !== undefined) return await ours(timeoutMs);
    return await flushProvider(timeoutMs);
  } catch {
    return false;
  }
}

async function flushProvider(timeoutMs: number): Promise<boolean> {
  const proxy = trace.getTracerProvider() as { getDelegate?: () => unknown };
  const provider = (proxy.getDelegate?.() ?? proxy) as { forceFlush?: () => Promise<void> };
  if (typeof provider.forceFlush !== "function") return false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([provider.forceFlush().then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
