// The delivery of one `quickStart`: a lane for spans and one for log events, under one bound.
import { isSpanContextValid, TraceFlags } from "@opentelemetry/api";
import { ProtobufLogsSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import * as names from "../conventions.js";
import { VERSION } from "../version.js";
import { Drops } from "./drops.js";
import { ByteBudget, Lane } from "./lane.js";
import { Requests } from "./request.js";
import type { ExportSettings } from "./settings.js";
import { fittingSpan, spanBytes } from "./span-size.js";

type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number];

const LOG_BYTES = 1024;
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- OTLP gives the number, 9
const SEVERITY_INFO = 9 as LogRecord["severityNumber"] & number;
const SPAN_DELAY_MS = 1000;
/** A run that starts is to be seen at once. */
const EVENT_DELAY_MS = 20;

/** Queues and sends spans and log events. No method throws or rejects. */
export class Exporter {
  readonly drops = new Drops();
  readonly #traces: Requests;
  readonly #logs: Requests;
  readonly #spanLane: Lane<ReadableSpan>;
  readonly #eventLane: Lane<LogRecord>;
  readonly #settings: ExportSettings;

  constructor(settings: ExportSettings) {
    this.#settings = settings;
    const budget = new ByteBudget(names.MAX_QUEUE_BYTES);
    this.#traces = new Requests(settings.tracesUrl, settings);
    this.#logs = new Requests(settings.logsUrl, settings);
    this.#spanLane = new Lane(
      {
        name: "traces",
        delayMs: SPAN_DELAY_MS,
        serialize: (spans) => ProtobufTraceSerializer.serializeRequest(spans),
        rejected: (body) =>
          ProtobufTraceSerializer.deserializeResponse(body).partialSuccess?.rejectedSpans ?? 0,
      },
      this.#traces,
      budget,
      this.drops,
    );
    this.#eventLane = new Lane(
      {
        name: "logs",
        delayMs: EVENT_DELAY_MS,
        serialize: (records) => ProtobufLogsSerializer.serializeRequest(records),
        rejected: () => 0,
      },
      this.#logs,
      budget,
      this.drops,
    );
  }

  /** Whether something waits or is being sent. */
  get pending(): boolean {
    return this.#spanLane.pending || this.#eventLane.pending;
  }

  /** Queues a span that has ended. */
  addSpan(span: ReadableSpan): void {
    const bytes = spanBytes(span);
    const fitting = fittingSpan(span, bytes);
    this.#spanLane.add(fitting, Math.min(bytes, names.MAX_REQUEST_BYTES));
  }

  /** Sends the event that says that a run has begun, if its span is sampled. */
  addRunStarted(span: ReadableSpan): void {
    const where = span.spanContext();
    if (!isSpanContextValid(where) || !(where.traceFlags & TraceFlags.SAMPLED)) return;
    const kept = [names.AGENT_NAME, names.CONVERSATION_ID, names.OPERATION_NAME];
    const attributes = Object.fromEntries(
      kept.flatMap((key) => {
        const value = span.attributes[key];
        return value === undefined ? [] : [[key, value]];
      }),
    );
    this.#eventLane.add(
      {
        hrTime: span.startTime,
        hrTimeObserved: span.startTime,
        spanContext: where,
        severityNumber: SEVERITY_INFO,
        eventName: names.EVENT_RUN_STARTED,
        resource: span.resource,
        instrumentationScope: { name: names.SCOPE_NAME, version: VERSION },
        // Receivers older than the event name's field of its own read the attribute.
        attributes: {
          ...attributes,
          [names.EVENT_NAME]: names.EVENT_RUN_STARTED,
          [names.RUN_NAME]: span.name,
        },
        droppedAttributesCount: 0,
      },
      LOG_BYTES,
    );
  }

  /** Whether all that is queued now arrives within the time. */
  async flush(timeoutMs: number): Promise<boolean> {
    const done = await Promise.all([
      this.#spanLane.flush(timeoutMs),
      this.#eventLane.flush(timeoutMs),
    ]);
    return done.every(Boolean);
  }

  /** What is not delivered yet, as requests for another process to send. */
  remaining(): { url: string; headers: Record<string, string>; body: Uint8Array }[] {
    const headers = { ...this.#settings.headers, "content-type": "application/x-protobuf" };
    const requests = (url: URL, bodies: Uint8Array[]) =>
      bodies.map((body) => ({ url: url.href, headers, body }));
    return [
      ...requests(this.#settings.tracesUrl, this.#spanLane.remainingBodies()),
      ...requests(this.#settings.logsUrl, this.#eventLane.remainingBodies()),
    ];
  }

  /** Ends the delivery; what is left is dropped and counted. */
  stop(reason: string, exiting = false): void {
    this.drops.exiting = exiting;
    this.#spanLane.stop(reason, exiting);
    this.#eventLane.stop(reason, exiting);
    this.#traces.close();
    this.#logs.close();
    this.drops.report();
  }
}
