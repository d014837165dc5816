// Delivery: endpoints that refuse, hang or ask to wait, ends of processes, bounds, settings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { flush, toolCall, traceAgentRun } from "@tracefoundry/sdk";
import { quickStart } from "@tracefoundry/sdk/node";
import { runScript } from "./child.ts";
import { eventually } from "./platform.ts";
import { Receiver } from "./receiver.ts";

const TRACES = "/v1/traces";
/** A process that made a span ends so much later at most than one that made none. */
const EXIT_MS = 3000;

const AGENT = `
  import { quickStart } from "@tracefoundry/sdk/node";
  import { toolCall } from "@tracefoundry/sdk";
  quickStart({ service: "child", endpoint: process.env.ENDPOINT });
  const tool = toolCall("work", () => "x".repeat(200_000));
`;

async function bare(): Promise<number> {
  return (await runScript(`import "@tracefoundry/sdk/node";`)).ms;
}

test("importing starts nothing: no provider, timer or socket", async () => {
  // CloseReq: a file of a module that Node 22 has loaded and is closing.
  const { stdout } = await runScript(`
    import { trace } from "@opentelemetry/api";
    import "@tracefoundry/sdk"; import "@tracefoundry/sdk/node"; import "@tracefoundry/sdk/next";
    console.log(process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|File|CloseReq/.test(kind)).length,
      trace.getTracerProvider().getDelegate().constructor.name);`);
  assert.equal(stdout, "0 NoopTracerProvider\n");
});

test("CommonJS programs get the same, and share the state of ES modules", async () => {
  const receiver = await new Receiver().start();
  const ended = await runScript(
    `const { quickStart } = require("@tracefoundry/sdk/node");
     quickStart({ endpoint: process.env.ENDPOINT });
     import("@tracefoundry/sdk").then(({ toolCall }) => toolCall("mixed", () => 1)());`,
    { type: "commonjs", environment: { ENDPOINT: receiver.url } },
  );
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(receiver.text(TRACES), /execute_tool mixed/);
  await receiver.stop();
});

for (const [how, ending] of [
  ["a normal end", ""],
  ["process.exit()", "process.exit(3);"],
  ["an uncaught error", "throw new Error('crash');"],
] as const) {
  test(`spans are delivered at ${how}`, async () => {
    const receiver = await new Receiver().start();
    const ended = await runScript(`${AGENT} tool(); ${ending}`, {
      environment: { ENDPOINT: receiver.url, TRACEFOUNDRY_TOKEN: "tf-token" },
    });
    assert.match(receiver.text(TRACES), /execute_tool work/, ended.stderr);
    assert.equal(receiver.requests[0]?.headers.authorization, "Bearer tf-token");
    await receiver.stop();
  });
}

for (const [how, ending] of [
  ["a normal end", ""],
  ["process.exit()", "process.exit(0);"],
] as const) {
  test(`an endpoint that never answers adds at most 2 s to ${how}, and the loss is told`, async () => {
    const receiver = await new Receiver(() => "silence").start();
    const baseline = await bare();
    const ended = await runScript(`${AGENT} for (let i = 0; i < 50; i++) tool(); ${ending}`, {
      environment: { ENDPOINT: receiver.url },
    });
    await receiver.stop();
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ended.ms - baseline < EXIT_MS, `${ended.ms} ms, ${baseline} ms without`);
    assert.match(
      ended.stderr,
      /TraceFoundry dropped spans or events: .*[0-9]+ \(the process ended\)/,
    );
  });
}

test("a refusing endpoint and a long Retry-After do not hold the process", async () => {
  const busy = await new Receiver(() => ({
    status: 503,
    headers: { "retry-after": "600" },
  })).start();
  const baseline = await bare();
  for (const ENDPOINT of ["http://127.0.0.1:1", busy.url]) {
    const ended = await runScript(`${AGENT} tool();`, { environment: { ENDPOINT } });
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ended.ms - baseline < EXIT_MS, `${ended.ms} ms, ${baseline} ms without`);
    assert.match(ended.stderr, /dropped spans or events: 1 \(/);
  }
  await busy.stop();
});

test("memory is bounded where nothing leaves: what is beyond 64 MiB is dropped and counted", async () => {
  const receiver = await new Receiver(() => "silence").start();
  const ended = await runScript(
    `${AGENT}
     for (let i = 0; i < 1000; i++) { tool(); if (i % 50 === 0) await new Promise(setImmediate); }
     console.log(process.memoryUsage().rss); process.exit(0);`,
    { environment: { ENDPOINT: receiver.url } },
  );
  await receiver.stop();
  const dropped = /(\d+) \(the queue is full\)/.exec(ended.stderr);
  assert.ok(dropped, ended.stderr);
  assert.ok(Number(ended.stdout) < 400e6, `${ended.stdout} bytes of memory`);
});

test("a batch that is refused for now is sent again after Retry-After", async () => {
  const receiver = await new Receiver((_received, index) =>
    index === 0 ? { status: 429, headers: { "retry-after": "1" } } : { status: 200 },
  ).start();
  const handle = quickStart({ endpoint: receiver.url });
  toolCall("again", () => 1)();
  assert.equal(await flush(10_000), true);
  assert.equal(receiver.requests.length, 2);
  await handle.stop();
  await receiver.stop();
});

test("flush is false if the answer is late or the spans are refused", async () => {
  const silent = await new Receiver(() => "silence").start();
  let handle = quickStart({ endpoint: silent.url });
  toolCall("late", () => 1)();
  assert.equal(await flush(100), false);
  await Promise.all([handle.stop(), silent.stop()]);
  const refusing = await new Receiver(() => ({ status: 400 })).start();
  handle = quickStart({ endpoint: refusing.url });
  toolCall("refused", () => 1)();
  assert.equal(await flush(5000), false);
  await handle.stop();
  await refusing.stop();
});

test("one span above 4 MiB is cut and says which values; the others stay whole", async () => {
  const receiver = await new Receiver().start();
  const handle = quickStart({ endpoint: receiver.url });
  toolCall("huge", () => "é".repeat(5_000_000))();
  toolCall("small", () => "whole")();
  assert.equal(await flush(10_000), true);
  for (const { body } of receiver.requests) assert.ok(body.length <= 4 * 1024 * 1024);
  assert.match(receiver.text(TRACES), /tracefoundry\.truncated.{1,40}gen_ai\.tool\.call\.result/s);
  assert.match(receiver.text(TRACES), /execute_tool small/);
  await handle.stop();
  await receiver.stop();
});

test("a run is announced at once, an unsampled one never", async () => {
  const receiver = await new Receiver().start();
  const handle = quickStart({ endpoint: receiver.url });
  await traceAgentRun({ name: "long", conversationId: "c-9" }, async () => {
    await eventually(() => (receiver.text("/v1/logs") === "" ? undefined : true));
    assert.equal(receiver.text(TRACES), "");
  });
  const sent = receiver.text("/v1/logs");
  for (const part of [
    "gen_ai.tracefoundry.run_started",
    "invoke_agent long",
    "c-9",
    "event.name",
  ]) {
    assert.ok(sent.includes(part), part);
  }
  await handle.stop();
  await receiver.stop();
});

test("compression, headers and a traces endpoint come from the environment", async () => {
  const receiver = await new Receiver().start();
  const ended = await runScript(AGENT.replace("endpoint: process.env.ENDPOINT", "") + "tool();", {
    environment: {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/custom/v1/traces`,
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_HEADERS: "x-team=blue%20team",
    },
  });
  const [request] = receiver.requests;
  assert.ok(request, ended.stderr);
  assert.equal(request.path, "/custom/v1/traces");
  assert.equal(request.headers["x-team"], "blue team");
  assert.match(gunzipSync(request.body).toString("latin1"), /execute_tool work/);
  await receiver.stop();
});

for (const [capture, present, absent] of [
  ["full", "secret text", "tracefoundry.content."],
  ["metadata", "tracefoundry.content.tool_call_result.bytes", "secret text"],
  ["off", "execute_tool", "tool_call_result"],
] as const) {
  test(`capture ${capture} sends what it says`, async () => {
    const receiver = await new Receiver().start();
    const handle = quickStart({ endpoint: receiver.url, capture });
    toolCall("t", () => "secret text")();
    await flush(5000);
    const sent = receiver.text(TRACES);
    assert.ok(sent.includes(present));
    assert.ok(!sent.includes(absent));
    await handle.stop();
    await receiver.stop();
  });
}

test("the redaction hook sees every text; where it fails the text is withheld", async () => {
  const receiver = await new Receiver().start();
  const handle = quickStart({
    endpoint: receiver.url,
    redact: (value, key) => {
      if (key === "gen_ai.tool.call.arguments") throw new Error("hook");
      if (key === "wrong") return 5 as unknown as string;
      return value.replaceAll("secret", "***");
    },
  });
  traceAgentRun({ attributes: { note: "secret note" } }, (run) => {
    run.attribute("wrong", "secret of another type");
    run.event("e", { detail: "secret detail" });
    toolCall("t", (_given: { key: string }) => "secret result")({ key: "secret argument" });
  });
  await flush(5000);
  const sent = receiver.text(TRACES);
  assert.ok(!sent.includes("secret"));
  for (const kept of ["*** note", "*** detail", "*** result", "[withheld: "]) {
    assert.ok(sent.includes(kept), kept);
  }
  await handle.stop();
  await receiver.stop();
});
