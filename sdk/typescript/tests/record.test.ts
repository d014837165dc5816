// Raw replies kept for replay, and the warning of a reply that is not understood.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { flush, llmCall } from "@tracefoundry/sdk";
import { quickStart, tracedFetch, type QuickStartOptions } from "@tracefoundry/sdk/node";
import { runScript } from "./child.ts";
import { OTLP, payload, spansOf, type StoredSpan } from "./platform.ts";
import { Receiver } from "./receiver.ts";

const RAW = "tracefoundry.raw_response";
const REPLY = { id: "r", model: "gpt", choices: [{ message: { content: "Hi" } }], extra: 1 };
const CHUNKS = ["H", "i"].map((content) => ({ id: "r", choices: [{ delta: { content } }] }));

/** Answers as a gateway does, with one reply or with a stream. */
function gateway(_input: unknown, init?: RequestInit): Promise<Response> {
  const asked = JSON.parse(init?.body as string) as { stream?: boolean };
  if (asked.stream !== true) return Promise.resolve(Response.json(REPLY));
  const events = CHUNKS.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
  const headers = { "content-type": "text/event-stream" };
  return Promise.resolve(new Response(`${events}data: [DONE]\n\n`, { headers }));
}

async function ask(stream: boolean): Promise<void> {
  const fetch = tracedFetch(gateway, { kind: "llm" });
  const body = JSON.stringify({ model: "gpt", stream, messages: [] });
  const headers = { authorization: "Bearer sk-of-the-agent" };
  const answer = await fetch("http://gateway/v1/chat/completions", {
    method: "POST",
    body,
    headers,
  });
  await answer.text();
}

/** The only span of the work, from a platform that got it with this option. */
async function spanOf(
  options: QuickStartOptions,
  work: () => Promise<unknown>,
): Promise<StoredSpan> {
  const handle = quickStart({ service: "record", endpoint: OTLP, ...options });
  let traceId = "";
  const { trace } = await import("@opentelemetry/api");
  await trace.getTracer("test").startActiveSpan("around", async (around) => {
    traceId = around.spanContext().traceId;
    await work();
    around.end();
  });
  assert.equal(await flush(5000), true);
  await handle.stop();
  const span = (await spansOf(traceId, 2)).find(({ name }) => name === "chat gpt");
  assert.ok(span);
  return span;
}

test("record: a whole reply through tracedFetch, and the request without headers", async () => {
  const span = await spanOf({ record: true }, () => ask(false));
  assert.deepEqual(await payload(span, RAW), REPLY);
  assert.deepEqual(await payload(span, "tracefoundry.raw_request"), {
    operation: "chat",
    provider: "openai",
    model: "gpt",
    input: [],
    parameters: { stream: false },
  });
  assert.ok(!JSON.stringify(span).includes("sk-of-the-agent"));
});

test("record: the chunks of a stream through tracedFetch", async () => {
  const span = await spanOf({ record: true }, () => ask(true));
  assert.deepEqual(await payload(span, RAW), { chunks: CHUNKS });
});

test("record: replies and streams of llmCall, returned or told", async () => {
  const told = await spanOf({ record: true }, async () => {
    await llmCall({ model: "gpt" }, (call) => {
      call.record(REPLY);
      return Promise.resolve();
    });
  });
  const returned = await spanOf({ record: true }, () =>
    llmCall({ model: "gpt" }, () => Promise.resolve(REPLY)),
  );
  for (const span of [told, returned]) assert.deepEqual(await payload(span, RAW), REPLY);
  const streamed = await spanOf({ record: true }, async () => {
    for (const _ of await llmCall.stream({ model: "gpt" }, () => CHUNKS));
  });
  assert.deepEqual(await payload(streamed, RAW), { chunks: CHUNKS });
});

for (const [why, options] of [
  ["without record", {}],
  ["where no content is captured", { record: true, capture: "metadata" }],
] as const) {
  test(`nothing raw is sent ${why}`, async () => {
    const receiver = await new Receiver().start();
    const handle = quickStart({ endpoint: receiver.url, ...options });
    await ask(false);
    await flush(5000);
    const sent = receiver.text("/v1/traces");
    assert.match(sent, /chat gpt/);
    assert.ok(!sent.includes('"extra"') && !sent.includes('"messages"'));
    await handle.stop();
    await receiver.stop();
  });
}

let receiver: Receiver;
before(async () => {
  receiver = await new Receiver().start();
});
after(async () => {
  await receiver.stop();
});

const AGENT = `
  import { quickStart, tracedFetch } from "@tracefoundry/sdk/node";
  import { llmCall } from "@tracefoundry/sdk";
  quickStart({ endpoint: process.env.ENDPOINT });
`;

for (const [where, script] of [
  [
    "call.record",
    `for (const answer of ["secret", "b"]) llmCall({}, (call) => call.record({ answer }));`,
  ],
  [
    "tracedFetch",
    `const llm = tracedFetch(async () => Response.json({ answer: "secret" }), { kind: "llm" });
     for (let i = 0; i < 2; i++) {
       await (await llm("http://g/v1", { method: "POST", body: '{"messages":[]}' })).text();
     }`,
  ],
  [
    "llmCall.stream",
    `for (let i = 0; i < 2; i++) await llmCall.stream({}, () => ({ answer: "secret" }));`,
  ],
] as const) {
  test(`an unknown reply in ${where} is warned of once, without its content`, async () => {
    const { code, stderr } = await runScript(AGENT + script, {
      environment: { ENDPOINT: receiver.url },
    });
    assert.equal(code, 0, stderr);
    assert.equal(stderr.split("TRACEFOUNDRY_REPLY").length, 2, stderr);
    assert.match(stderr, /members answer/);
    assert.ok(!stderr.includes("secret"), stderr);
  });
}

test("an unknown reply that was told is kept as text; known ones give no warning", async () => {
  const span = await spanOf({}, async () => {
    await llmCall({ model: "gpt" }, (call) => {
      call.output = { answer: "x" };
      return Promise.resolve();
    });
  });
  assert.deepEqual(await payload(span, "gen_ai.output.messages"), [
    { role: "assistant", parts: [{ type: "text", content: '{"answer":"x"}' }] },
  ]);
  const script = `llmCall({}, (call) => call.record({ role: "assistant", content: "x" }));
    llmCall({}, (call) => { call.output = { answer: "x" }; return { any: 1 }; });`;
  const { stderr } = await runScript(AGENT + script, { environment: { ENDPOINT: receiver.url } });
  assert.equal(stderr, "");
});
