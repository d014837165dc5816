// The span processor that feeds the exporter, and how it is added to a provider that is there.
import { trace, TraceFlags, type TracerProvider } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { OPERATION_INVOKE_AGENT, OPERATION_NAME, SCOPE_NAME } from "../conventions.js";
import { safely } from "../state.js";
import type { Exporter } from "./exporter.js";

/** Hands every sampled span to the exporter, and announces runs of agents. Never throws. */
export class ExportingProcessor implements SpanProcessor {
  #exporter: Exporter | undefined;

  constructor(exporter: Exporter) {
    this.#exporter = exporter;
  }

  onStart(span: unknown): void {
    safely(() => {
      const started = complete(span as ReadableSpan);
      const ours = started.instrumentationScope.name === SCOPE_NAME;
      if (ours && started.attributes[OPERATION_NAME] === OPERATION_INVOKE_AGENT) {
        this.#exporter?.addRunStarted(started);
      }
    }, undefined);
  }

  onEnd(span: ReadableSpan): void {
    safely(() => {
      if (span.spanContext().traceFlags & TraceFlags.SAMPLED) {
        this.#exporter?.addSpan(complete(span));
      }
    }, undefined);
  }

  async forceFlush(): Promise<void> {
    await this.#exporter?.flush(2000);
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  /** Passes nothing on any more. A processor cannot be taken out of every provider. */
  detach(): void {
    this.#exporter = undefined;
  }
}

/** Spans of OpenTelemetry SDK 1.x have older names for scope and parent. */
function complete(span: ReadableSpan): ReadableSpan {
  const older = span as ReadableSpan & {
    instrumentationLibrary?: ReadableSpan["instrumentationScope"];
    parentSpanId?: string;
  };
  if ((span as Partial<ReadableSpan>).instrumentationScope !== undefined) return span;
  const parent = older.parentSpanId && { ...span.spanContext(), spanId: older.parentSpanId };
  return Object.create(span, {
    instrumentationScope: { value: older.instrumentationLibrary ?? { name: "unknown" } },
    parentSpanContext: { value: parent ?? undefined },
  }) as ReadableSpan;
}

interface OpenProvider {
  addSpanProcessor?: (processor: SpanProcessor) => void; // SDK 1.x
  _activeSpanProcessor?: { _spanProcessors?: unknown }; // SDK 2.x and 3.x
}

/** The SDK's provider that is registered; undefined if there is none. */
export function registeredProvider(): TracerProvider | undefined {
  const proxy = trace.getTracerProvider() as TracerProvider & {
    getDelegate?: () => TracerProvider;
  };
  const provider = proxy.getDelegate?.() ?? proxy;
  return isOpen(provider) ? provider : undefined;
}

function isOpen(provider: object): boolean {
  const open = provider as OpenProvider;
  return (
    typeof open.addSpanProcessor === "function" ||
    Array.isArray(open._activeSpanProcessor?._spanProcessors)
  );
}

/**
 * Adds the processor. Since 2.0 the SDK takes processors only when a provider is made; its list is
 * private but every version so far reads it anew for each span.
 */
export function addProcessor(provider: TracerProvider, processor: SpanProcessor): void {
  const open = provider as OpenProvider;
  const listed = open._activeSpanProcessor?._spanProcessors;
  if (typeof open.addSpanProcessor === "function") open.addSpanProcessor(processor);
  else if (Array.isArray(listed)) (listed as SpanProcessor[]).push(processor);
}
