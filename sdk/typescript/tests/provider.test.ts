// Providers: one that is there is used and keeps all its spans; an isolated one touches nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { flush, toolCall, traceAgentRun } from "@tracefoundry/sdk";
import { quickStart } from "@tracefoundry/sdk/node";
import { Receiver } from "./receiver.ts";

function existingProvider(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return exporter;
}

function removeProvider(): void {
  trace.disable();
  context.disable();
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

test("a registered provider is used once, keeps its own processors, and stays after stop", async () => {
  const receiver = await new Receiver().start();
  const exporter = existingProvider();
  const tracer = trace.getTracer("other library");
  const handle = quickStart({ endpoint: receiver.url });
  const again = quickStart({ endpoint: "http://127.0.0.1:1" });
  assert.equal(again, handle);
  tracer.startActiveSpan("outer", (outer) => {
    toolCall("inner", () => 1)();
    outer.end();
  });
  assert.equal(await flush(5000), true);
  const sent = receiver.text("/v1/traces");
  assert.equal(occurrences(sent, "execute_tool inner"), 1);
  assert.equal(occurrences(sent, "other library"), 1);
  const [inner, outer] = exporter.getFinishedSpans();
  assert.equal(inner?.parentSpanContext?.spanId, outer?.spanContext().spanId);
  await handle.stop();
  const before = receiver.requests.length;
  toolCall("later", () => 1)();
  assert.equal(exporter.getFinishedSpans().length, 3);
  assert.equal(receiver.requests.length, before);
  removeProvider();
  await receiver.stop();
});

test("isolated: the helpers' spans alone, with no parent from another library", async () => {
  const receiver = await new Receiver().start();
  const exporter = existingProvider();
  const handle = quickStart({ endpoint: receiver.url, isolated: true });
  await trace.getTracer("other library").startActiveSpan("outer", async (outer) => {
    await traceAgentRun({ name: "agent" }, async () => {
      await Promise.resolve();
      trace.getTracer("other library").startSpan("below").end();
      toolCall("inner", () => 1)();
    });
    outer.end();
  });
  await flush(5000);
  const sent = receiver.text("/v1/traces");
  assert.match(sent, /invoke_agent agent/);
  assert.ok(!sent.includes("outer") && !sent.includes("below"));
  const [below, outer] = exporter.getFinishedSpans();
  assert.equal(exporter.getFinishedSpans().length, 2);
  assert.equal(below?.parentSpanContext?.spanId, outer?.spanContext().spanId);
  await handle.stop();
  removeProvider();
  await receiver.stop();
});
