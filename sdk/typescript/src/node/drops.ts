// Counts what could not be delivered, and says so: at most once a minute, on standard error.
import { writeSync } from "node:fs";

const REPORT_INTERVAL_MS = 60_000;

/** Counts of lost spans and events by reason. */
export class Drops {
  #counts = new Map<string, number>();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #total = 0;
  /** No event loop runs any more, so a warning would come too late: write at once. */
  exiting = false;

  /** All that was lost since the start. */
  get total(): number {
    return this.#total;
  }

  /** Counts a loss; it is reported now, or when a minute has passed since the last report. */
  add(reason: string, items: number): void {
    if (items === 0) return;
    this.#total += items;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + items);
    const wait = this.#reportedAt + REPORT_INTERVAL_MS - performance.now();
    if (wait <= 0) this.report();
    else {
      this.#timer ??= setTimeout(() => {
        this.report();
      }, wait).unref();
    }
  }

  /** Reports what has not been reported. */
  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#counts.size === 0) return;
    const lost = [...this.#counts].map(([reason, items]) => `${items} (${reason})`).join(", ");
    this.#counts.clear();
    this.#reportedAt = performance.now();
    const message = `TraceFoundry dropped spans or events: ${lost}.`;
    if (this.exiting) writeSync(process.stderr.fd, `(node:${process.pid}) Warning: ${message}\n`);
    else process.emitWarning(message, { code: "TRACEFOUNDRY_DROPPED" });
  }
}
