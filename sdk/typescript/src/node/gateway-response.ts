// Watches the body of a response while the agent reads it, without reading ahead of it.

/** Characters of a body that are kept; the rest passes unwatched. */
const MAX_KEPT_CHARACTERS = 4 * 1024 * 1024;

/** What is told about a body. `end` is called once. */
export interface BodyWatcher {
  /** A piece of the text. */
  text: (piece: string) => void;
  end: (how: { early: boolean; error?: { thrown: unknown } }) => void;
}

const abandoned = new FinalizationRegistry<BodyWatcher>((watcher) => {
  watcher.end({ early: true });
});

/** The same response with its body watched. */
export function watchedResponse(response: Response, watcher: BodyWatcher): Response {
  if (response.body === null) {
    watcher.end({ early: false });
    return response;
  }
  const source = response.body.getReader();
  const decoder = new TextDecoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await source.read();
          if (done) {
            watcher.text(decoder.decode());
            watcher.end({ early: false });
            controller.close();
            return;
          }
          watcher.text(decoder.decode(value, { stream: true }));
          controller.enqueue(value);
        } catch (thrown) {
          watcher.end({ early: false, error: { thrown } });
          controller.error(thrown);
        }
      },
      async cancel(reason) {
        watcher.end({ early: true });
        await source.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  const watched = new Response(body, response);
  // The constructor cannot set these.
  for (const key of ["url", "redirected", "type"] as const) {
    Object.defineProperty(watched, key, { value: response[key] });
  }
  // The body, not the response: a reader may keep the body alone.
  abandoned.register(body, watcher);
  return watched;
}

/** Collects a text up to a bound. */
export class BoundedText {
  #pieces: string[] = [];
  #characters = 0;

  add(piece: string): void {
    if (this.#characters >= MAX_KEPT_CHARACTERS) return;
    this.#characters += piece.length;
    this.#pieces.push(piece);
  }

  toString(): string {
    return this.#pieces.join("");
  }
}

/** Cuts server-sent events out of a text that comes in pieces, and gives their data. */
export class EventStreamParser {
  #rest = "";
  readonly #data: (data: string) => void;

  constructor(data: (data: string) => void) {
    this.#data = data;
  }

  add(piece: string): void {
    this.#rest += piece;
    const lines = this.#rest.split(/\r?\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_KEPT_CHARACTERS) this.#rest = "";
    for (const line of lines) {
      if (line.startsWith("data:")) this.#data(line.slice(5).trim());
    }
  }
}
