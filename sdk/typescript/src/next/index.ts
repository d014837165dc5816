// `@tracefoundry/sdk/next`: route handlers of Next.js.
import { context } from "@opentelemetry/api";
import { flush } from "../flush.js";
import { serverSpan } from "../node/server-span.js";

/**
 * Wraps a route handler of the app router: what it does is part of the caller's trace, and the
 * spans are delivered after the response (`after` of Next.js 15.1 or newer).
 */
export function withTracing<R extends Request, A extends unknown[], T>(
  handler: (request: R, ...rest: A) => T | Promise<T>,
): (request: R, ...rest: A) => Promise<T> {
  return async (request, ...rest) => {
    const server = serverSpan(request.method, new URL(request.url).pathname, request.headers, {
      keys: (headers) => [...headers.keys()],
      get: (headers, key) => headers.get(key) ?? undefined,
    });
    try {
      const response = await context.with(server.context, () => handler(request, ...rest));
      server.end(response instanceof Response ? response.status : undefined);
      return response;
    } catch (error) {
      server.end(undefined, error);
      throw error;
    } finally {
      await flushAfterResponse();
    }
  };
}

async function flushAfterResponse(): Promise<void> {
  try {
    // With its extension, which Node needs: the package has no map of exports.
    const next = await import("next/server.js");
    next.after(() => flush());
  } catch {
    await flush(); // No Next.js, or no request of it around this call.
  }
}
