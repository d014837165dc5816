// An OTLP receiver in this process: keeps what arrives, answers as a test says.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  path: string;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

export type Answer = { status: number; headers?: Record<string, string> } | "silence";

export class Receiver {
  readonly requests: Received[] = [];
  readonly #server: Server;
  url = "";

  constructor(answer: (received: Received, index: number) => Answer = () => ({ status: 200 })) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const received = {
          path: request.url ?? "",
          headers: request.headers,
          body: Buffer.concat(chunks),
        };
        this.requests.push(received);
        const given = answer(received, this.requests.length - 1);
        if (given !== "silence") response.writeHead(given.status, given.headers).end();
      });
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  /** All bodies sent to a path, as text. */
  text(path: string): string {
    const bodies = this.requests.filter((received) => received.path === path);
    return bodies.map(({ body }) => body.toString("latin1")).join("");
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
