// The Vercel AI SDK, version 7, traced by its own package @ai-sdk/otel.
import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { generateText, isStepCount, registerTelemetry, streamText, tool } from "ai";
import { z } from "zod";

const processor = new SimpleSpanProcessor({ exporter: new OTLPTraceExporter() });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const resource = resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME });
trace.setGlobalTracerProvider(new TracerProvider({ resource, spanProcessors: [processor] }));
registerTelemetry(new OpenTelemetry());

const model = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL }).chat("gpt-4o");
const lookup = tool({
  description: "Finds an order.",
  inputSchema: z.object({ order: z.number() }),
  execute: async () => "shipped",
});
const prompt = "Where is order 7?";
const telemetry = { functionId: "planner" };

await generateText({ model, prompt, telemetry, tools: { lookup }, stopWhen: isStepCount(3) });
const stream = streamText({ model, prompt, telemetry });
await stream.consumeStream();
await processor.forceFlush();
