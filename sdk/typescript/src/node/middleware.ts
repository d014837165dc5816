import { context } from "@opentelemetry/api";
import type { IncomingMessage, ServerResponse } from "node:http";
import { serverSpan } from "./server-span.js";

/**
 * Wraps a handler of `node:http` (or a middleware of Express and the like), so that what it does
 * is part of the caller's trace.
 */
export function nodeMiddleware<Q extends IncomingMessage, S extends ServerResponse, R>(
  handler: (request: Q, response: S, ...rest: unknown[]) => R,
): (request: Q, response: S, ...rest: unknown[]) => R {
  return (request, response, ...rest) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const server = serverSpan(request.method ?? "GET", path, request.headers, {
      keys: (headers) => Object.keys(headers),
      get: (headers, key) => headers[key],
    });
    response.once("close", () => {
      server.end(response.statusCode);
    });
    return context.with(server.context, () => handler(request, response, ...rest));
  };
}
