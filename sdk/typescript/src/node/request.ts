// One HTTP request of the exporter. It uses node:http, not `fetch`, which frameworks patch, and
// never keeps the process alive.
import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import * as http from "node:http";
import * as https from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ExportSettings } from "./settings.js";

const compress = promisify(gzip);
const MAX_RESPONSE_BYTES = 64 * 1024;

/** What became of a request: its status, or nothing if there was no answer. */
export interface Answer {
  status: number | undefined;
  body: Buffer;
  /** Seconds, from Retry-After. */
  retryAfterS: number | undefined;
  /** Why there was no answer. */
  reason: string;
}

/** Sends bodies to one address, one connection kept open. */
export class Requests {
  readonly #url: URL;
  readonly #settings: ExportSettings;
  readonly #agent: http.Agent;

  constructor(url: URL, settings: ExportSettings) {
    this.#url = url;
    this.#settings = settings;
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent = url.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
  }

  /** Posts a protobuf body. Never rejects. */
  async post(body: Uint8Array): Promise<Answer> {
    try {
      const sent = this.#settings.gzip ? await compress(body) : body;
      return await context.with(suppressTracing(ROOT_CONTEXT), () => this.#send(sent));
    } catch (error) {
      return noAnswer(error);
    }
  }

  /** Headers of every request. */
  headers(): Record<string, string> {
    return {
      ...this.#settings.headers,
      "content-type": "application/x-protobuf",
      ...(this.#settings.gzip ? { "content-encoding": "gzip" } : {}),
    };
  }

  /** Closes the connection; a request under way fails. */
  close(): void {
    this.#agent.destroy();
  }

  #send(body: Uint8Array): Promise<Answer> {
    const send = this.#url.protocol === "https:" ? https.request : http.request;
    return new Promise((resolve) => {
      const request = send(this.#url, {
        method: "POST",
        agent: this.#agent,
        headers: { ...this.headers(), "content-length": body.length },
      });
      const timer = setTimeout(() => {
        request.destroy(new Error(`no answer in ${this.#settings.timeoutMs} ms`));
      }, this.#settings.timeoutMs).unref();
      const done = (answer: Answer): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      request.on("socket", (socket) => socket.unref());
      request.on("error", (error) => {
        done(noAnswer(error));
      });
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          if (size < MAX_RESPONSE_BYTES) chunks.push(chunk);
          size += chunk.length;
        });
        response.on("error", (error) => {
          done(noAnswer(error));
        });
        response.on("end", () => {
          done({
            status: response.statusCode,
            body: Buffer.concat(chunks),
            retryAfterS: retryAfterS(response.headers["retry-after"]),
            reason: `status ${response.statusCode ?? 0}`,
          });
        });
      });
      request.end(body);
    });
  }
}

function noAnswer(error: unknown): Answer {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  return { status: undefined, body: Buffer.alloc(0), retryAfterS: undefined, reason };
}

/** Seconds of a Retry-After header, which holds seconds or a date. */
export function retryAfterS(header: string | undefined, nowMs = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header.trim())
    ? Number(header)
    : (Date.parse(header) - nowMs) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
