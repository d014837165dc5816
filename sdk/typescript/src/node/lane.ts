// A queue of one signal (spans, or log events) and its sender: batches, retries, and what `flush`
// waits for. All that is kept is bounded in bytes by a budget that the lanes share.
import type { Drops } from "./drops.js";
import type { Answer, Requests } from "./request.js";
import { MAX_REQUEST_BYTES } from "../conventions.js";

/** Requests are sent from this size on; one request may grow to MAX_REQUEST_BYTES. */
const TARGET_REQUEST_BYTES = 1024 * 1024;
const MAX_REQUEST_ITEMS = 2048;
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
/** After this time a batch that the server keeps refusing for now is dropped. */
const MAX_RETRY_AGE_MS = 10 * 60_000;
const RETRYABLE = new Set([429, 502, 503, 504]);

/** Bytes that may wait, of all lanes together. */
export class ByteBudget {
  #free: number;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Takes so many bytes if they are free. */
  take(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  /** Gives bytes back. */
  release(bytes: number): void {
    this.#free += bytes;
  }
}

interface Item<T> {
  value: T;
  bytes: number;
}

/** How the values of one signal are written and their answers read. */
export interface Signal<T> {
  name: string;
  /** Waiting time in which items gather. */
  delayMs: number;
  serialize: (values: T[]) => Uint8Array | undefined;
  /** How many values a successful answer refused. */
  rejected: (body: Uint8Array) => number;
}

/** The queue and sender of one signal. */
export class Lane<T> {
  readonly #signal: Signal<T>;
  readonly #requests: Requests;
  readonly #budget: ByteBudget;
  readonly #drops: Drops;
  #queue: Item<T>[] = [];
  #queuedBytes = 0;
  #sending: Item<T>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #draining = false;
  #stopped = false;
  #wakeRetry: (() => void) | undefined;
  #added = 0;
  #settled = 0;
  #lost = 0;
  #waiters = new Set<() => void>();

  constructor(signal: Signal<T>, requests: Requests, budget: ByteBudget, drops: Drops) {
    this.#signal = signal;
    this.#requests = requests;
    this.#budget = budget;
    this.#drops = drops;
  }

  /** Whether something waits or is being sent. */
  get pending(): boolean {
    return this.#settled < this.#added;
  }

  /** Queues a value of about so many bytes; without room for it, it is dropped and counted. */
  add(value: T, bytes: number): void {
    if (this.#stopped) return;
    this.#added += 1;
    if (!this.#budget.take(bytes)) {
      this.#settle(1, 1, "the queue is full");
      return;
    }
    this.#queue.push({ value, bytes });
    this.#queuedBytes += bytes;
    if (this.#queuedBytes >= TARGET_REQUEST_BYTES) this.#wake(0);
    else this.#wake(this.#signal.delayMs);
  }

  /** Whether all that is queued now arrives within the time. Never rejects. */
  async flush(timeoutMs: number): Promise<boolean> {
    const target = this.#added;
    const lostBefore = this.#lost;
    this.#wake(0);
    let timedOut = false;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!timedOut && this.#settled < target) return;
        clearTimeout(timer);
        this.#waiters.delete(check);
        resolve();
      };
      // This timer keeps the process alive until the delivery is done or late.
      const timer = setTimeout(() => {
        timedOut = true;
        check();
      }, timeoutMs);
      this.#waiters.add(check);
      check();
    });
    return this.#settled >= target && this.#lost === lostBefore;
  }

  /** Request bodies of all that has not been delivered, for a last synchronous delivery. */
  remainingBodies(): Uint8Array[] {
    const rest = [...this.#sending, ...this.#queue];
    const bodies: Uint8Array[] = [];
    while (rest.length > 0) {
      bodies.push(...this.#bodies(takeBatch(rest)).map(({ body }) => body));
    }
    return bodies;
  }

  /** Takes nothing more, and drops what is left; when exiting also what is being sent. */
  stop(reason: string, exiting = false): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const rest = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#release(rest);
    const lost = rest.length + (exiting ? this.#sending.length : 0);
    if (lost > 0) this.#settle(lost, lost, reason);
    this.#wakeRetry?.();
  }

  #wake(delayMs: number): void {
    if (this.#draining || this.#queue.length === 0) return;
    if (this.#timer !== undefined && delayMs > 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#drain();
    }, delayMs).unref();
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#queue.length > 0) {
      this.#sending = takeBatch(this.#queue);
      const bytes = sizeOf(this.#sending);
      this.#queuedBytes -= bytes;
      for (const { items, body } of this.#bodies(this.#sending)) {
        const refused = await this.#deliver(items, body);
        this.#settle(items.length, refused.items, refused.reason);
      }
      this.#release(this.#sending);
      this.#sending = [];
    }
    this.#draining = false;
  }

  /** The batch as request bodies, none above the limit. What cannot be written is dropped. */
  #bodies(items: Item<T>[]): { items: Item<T>[]; body: Uint8Array }[] {
    let body: Uint8Array | undefined;
    try {
      body = this.#signal.serialize(items.map((item) => item.value));
    } catch {
      body = undefined;
    }
    if (body !== undefined && body.length <= MAX_REQUEST_BYTES) return [{ items, body }];
    if (items.length > 1) {
      const half = items.length >> 1;
      return [...this.#bodies(items.slice(0, half)), ...this.#bodies(items.slice(half))];
    }
    this.#settle(1, 1, body === undefined ? "not serialisable" : "larger than a request may be");
    return [];
  }

  /** Sends until it is answered for good. Resolves to how many items were lost, and why. */
  async #deliver(items: Item<T>[], body: Uint8Array): Promise<{ items: number; reason: string }> {
    const giveUpAt = performance.now() + MAX_RETRY_AGE_MS;
    let waitMs = FIRST_RETRY_MS;
    for (;;) {
      const answer = await this.#requests.post(body);
      if (answer.status !== undefined && answer.status >= 200 && answer.status < 300) {
        return { items: this.#rejected(answer), reason: "refused by the server" };
      }
      const retryable = answer.status === undefined || RETRYABLE.has(answer.status);
      if (!retryable || this.#stopped || performance.now() > giveUpAt) {
        return { items: items.length, reason: `${this.#signal.name}: ${answer.reason}` };
      }
      const askedMs = (answer.retryAfterS ?? 0) * 1000;
      await this.#pause(
        Math.min(Math.max(askedMs, waitMs * (0.8 + Math.random() * 0.4)), MAX_RETRY_AGE_MS),
      );
      waitMs = Math.min(waitMs * 2, MAX_RETRY_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wakeRetry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #rejected(answer: Answer): number {
    try {
      return this.#signal.rejected(answer.body);
    } catch {
      return 0; // The answer's body is no protobuf; its status says that all is stored.
    }
  }

  #settle(items: number, lost: number, reason: string): void {
    this.#settled += items;
    this.#lost += lost;
    this.#drops.add(reason, lost);
    for (const check of this.#waiters) check();
  }

  #release(items: Item<T>[]): void {
    this.#budget.release(sizeOf(items));
  }
}

/** Takes the next batch off the queue. */
function takeBatch<T>(queue: Item<T>[]): Item<T>[] {
  let bytes = 0;
  let items = 0;
  for (const item of queue) {
    if (items > 0 && (bytes + item.bytes > TARGET_REQUEST_BYTES || items >= MAX_REQUEST_ITEMS)) {
      break;
    }
    bytes += item.bytes;
    items += 1;
  }
  return queue.splice(0, items);
}

function sizeOf<T>(items: Item<T>[]): number {
  return items.reduce((sum, item) => sum + item.bytes, 0);
}
