// `quickStart`: one call that makes the helpers' spans arrive at TraceFoundry.
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  type Resource,
} from "@opentelemetry/resources";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { captureWord } from "../content.js";
import { errorMessage } from "../errors.js";
import { state, type Capture, type Redact } from "../state.js";
import { deliverAtExit } from "./exit.js";
import { Exporter } from "./exporter.js";
import { addProcessor, ExportingProcessor, registeredProvider } from "./processor.js";
import { exportSettings } from "./settings.js";

/** Options of `quickStart`; each has a default. */
export interface QuickStartOptions {
  /** `service.name`. Ignored where a provider is there already: it has its own. */
  service?: string;
  /** `deployment.environment.name`. */
  environment?: string;
  /** Base address of the OTLP receiver, without `/v1/traces`. */
  endpoint?: string;
  headers?: Readonly<Record<string, string>>;
  capture?: Capture;
  redact?: Redact;
  /** Also keep requests and raw replies of model calls, for replay; never headers. */
  record?: boolean;
  /** A provider for the helpers alone: no other library's spans, nothing registered globally. */
  isolated?: boolean;
}

/** What `quickStart` sets and `stop` takes back. */
const OURS = ["capture", "redact", "record", "flush", "isolatedProvider", "handle"] as const;

/** What `quickStart` gives. */
export interface Handle {
  /** As the function `flush` of the package. */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Delivers what waits, at most 2 s, and detaches only what `quickStart` attached. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Sends spans to TraceFoundry: through the provider that is registered, else through a new one,
 * which becomes the global one. The first call wins; another one warns and changes nothing. Never
 * throws.
 */
export function quickStart(options: QuickStartOptions = {}): Handle {
  const shared = state();
  if (shared.handle !== undefined) {
    warn("quickStart was called before; the first call stays in force.");
    return shared.handle as Handle;
  }
  if (process.env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true") return inert();
  try {
    return start(options);
  } catch (error) {
    warn(`quickStart failed, so nothing is sent: ${errorMessage(error)}. Correct its endpoint.`);
    return inert();
  }
}

function start(options: QuickStartOptions): Handle {
  const shared = state();
  const exporter = new Exporter(exportSettings(options));
  const processor = new ExportingProcessor(exporter);
  if (options.capture !== undefined) shared.capture = captureWord(options.capture, "capture");
  shared.redact = options.redact;
  shared.record = options.record;
  shared.flush = (timeoutMs) => exporter.flush(timeoutMs);
  const detachProvider = attach(options, processor);
  const stopWatching = deliverAtExit(exporter);
  const stop = async (): Promise<void> => {
    if (shared.handle !== handle) return;
    await exporter.flush(2000);
    stopWatching();
    processor.detach();
    detachProvider();
    exporter.stop("quickStart was stopped");
    for (const key of OURS) shared[key] = undefined;
  };
  const handle: Handle = {
    flush: (timeoutMs = 2000) => exporter.flush(timeoutMs),
    stop,
    [Symbol.asyncDispose]: stop,
  };
  shared.handle = handle;
  return handle;
}

/** Adds the processor to the right provider; returns what undoes it. */
function attach(options: QuickStartOptions, processor: ExportingProcessor): () => void {
  const existing = options.isolated === true ? undefined : registeredProvider();
  if (existing !== undefined) {
    addProcessor(existing, processor);
    return () => undefined; // The processor is detached, the provider is not ours.
  }
  const provider = new TracerProvider({
    resource: resourceOf(options),
    spanProcessors: [processor],
  });
  // Async functions nest only with a context manager; one that is there already stays.
  const manager = new AsyncLocalStorageContextManager().enable();
  const managerIsOurs = context.setGlobalContextManager(manager);
  if (options.isolated === true) {
    state().isolatedProvider = provider;
    return () => {
      if (managerIsOurs) context.disable();
    };
  }
  const providerIsOurs = trace.setGlobalTracerProvider(provider);
  const propagatorIsOurs = propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  );
  return () => {
    if (providerIsOurs) trace.disable();
    if (propagatorIsOurs) propagation.disable();
    if (managerIsOurs) context.disable();
  };
}

function resourceOf(options: QuickStartOptions): Resource {
  const given: Record<string, string> = {};
  if (options.service !== undefined) given["service.name"] = options.service;
  if (options.environment !== undefined) {
    given["deployment.environment.name"] = options.environment;
  }
  return defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(given));
}

function inert(): Handle {
  const nothing = async (): Promise<void> => {
    // Nothing was started.
  };
  return { flush: () => Promise.resolve(false), stop: nothing, [Symbol.asyncDispose]: nothing };
}

function warn(message: string): void {
  process.emitWarning(`TraceFoundry: ${message}`, { code: "TRACEFOUNDRY" });
}
