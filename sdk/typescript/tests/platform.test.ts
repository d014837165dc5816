// The helpers against a real platform: what is recorded is what it stores and shows.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { llmCall, retrieval, toolCall, traceAgentRun, flush, active } from "@tracefoundry/sdk";
import { quickStart, type Handle } from "@tracefoundry/sdk/node";
import { OTLP, payload, spansOf, type StoredSpan } from "./platform.ts";

let handle: Handle;
before(() => {
  handle = quickStart({ service: "ts-test", endpoint: OTLP });
});
after(async () => {
  await handle.stop();
});

function named(spans: StoredSpan[], name: string): StoredSpan {
  const found = spans.find((span) => span.name === name);
  assert.ok(found, `${name} among ${spans.map((span) => span.name).join(", ")}`);
  return found;
}

test("a run with a retrieval, a call and a tool is one trace with its content", async () => {
  const search = toolCall("search_orders", (asked: { customer: string }) =>
    Promise.resolve([{ id: 7, customer: asked.customer }]),
  );
  const traceId = await traceAgentRun(
    { name: "support", conversationId: "c-42", userId: "u-7", input: "Where?", tags: ["beta"] },
    async (run) => {
      retrieval({ source: "orders", query: "Where?" }, () => [{ id: "d1", content: "text" }]);
      await llmCall(
        {
          provider: "openai",
          model: "gpt-5",
          input: [{ role: "user", content: "Where?" }],
          parameters: { temperature: 0.5, max_tokens: 100 },
          tools: [{ type: "function", function: { name: "search_orders" } }],
        },
        (call) => {
          call.retry(1, { error: new RangeError("busy"), waitS: 0.5 });
          call.record({
            id: "r-1",
            model: "gpt-5-2026",
            choices: [
              {
                finish_reason: "tool_calls",
                message: {
                  role: "assistant",
                  content: null,
                  tool_calls: [
                    { id: "t1", function: { name: "search_orders", arguments: '{"a":1}' } },
                  ],
                },
              },
            ],
            usage: {
              prompt_tokens: 12,
              completion_tokens: 5,
              prompt_tokens_details: { cached_tokens: 4 },
            },
          });
          return Promise.resolve();
        },
      );
      assert.deepEqual(await search({ customer: "c" }), [{ id: 7, customer: "c" }]);
      run.output = "It is on its way";
      return run.span.spanContext().traceId;
    },
  );
  assert.equal(await flush(5000), true);
  const spans = await spansOf(traceId, 4);
  const root = named(spans, "invoke_agent support");
  const call = named(spans, "chat gpt-5");
  const tool = named(spans, "execute_tool search_orders");
  assert.equal(root.parent_span_id, null);
  for (const child of [call, tool, named(spans, "retrieval orders")]) {
    assert.equal(child.parent_span_id, root.span_id);
  }
  assert.equal(root.genai?.["user_id"], "u-7");
  assert.equal(call.genai?.["conversation_id"], "c-42");
  assert.equal(tool.genai?.["conversation_id"], "c-42");
  assert.equal(call.genai?.["kind"], "llm");
  assert.equal(call.genai?.["response_model"], "gpt-5-2026");
  assert.equal(call.genai?.["input_tokens"], 12);
  assert.equal(call.genai?.["cached_tokens"], 4);
  assert.equal(call.attributes["gen_ai.request.temperature"], 0.5);
  assert.deepEqual(
    call.events.map((event) => [event.name, event.attributes]),
    [["gen_ai.retry", { attempt: 1, error: "RangeError: busy", wait_s: 0.5 }]],
  );
  assert.deepEqual(await payload(call, "gen_ai.input.messages"), [
    { role: "user", parts: [{ type: "text", content: "Where?" }] },
  ]);
  assert.deepEqual(await payload(call, "gen_ai.output.messages"), [
    {
      role: "assistant",
      parts: [{ type: "tool_call", id: "t1", name: "search_orders", arguments: { a: 1 } }],
      finish_reason: "tool_call",
    },
  ]);
  assert.deepEqual(await payload(tool, "gen_ai.tool.call.arguments"), { customer: "c" });
});

test("an error is recorded once, on the innermost span, and reaches the agent", async () => {
  const failure = new RangeError("no such order");
  const broken = toolCall("broken", () => Promise.reject(failure));
  let traceId = "";
  await assert.rejects(
    traceAgentRun({ name: "failing" }, async (run) => {
      traceId = run.span.spanContext().traceId;
      await broken();
    }),
    failure,
  );
  await flush(5000);
  const spans = await spansOf(traceId, 2);
  const tool = named(spans, "execute_tool broken");
  const root = named(spans, "invoke_agent failing");
  assert.deepEqual(
    tool.events.map((event) => event.name),
    ["exception"],
  );
  assert.deepEqual(root.events, []);
  assert.equal(root.attributes["error.type"], "RangeError");
});

async function* chunks(texts: string[]): AsyncGenerator {
  for (const [index, content] of texts.entries()) {
    await Promise.resolve();
    const last = index === texts.length - 1;
    yield {
      id: "s-1",
      model: "gpt-5",
      choices: [{ index: 0, delta: { content }, finish_reason: last ? "stop" : null }],
      ...(last ? { usage: { prompt_tokens: 3, completion_tokens: 2 } } : {}),
    };
  }
}

test("a stream gives its reply, tokens and the time to its first chunk", async () => {
  let span = { traceId: "" };
  const stream = await llmCall.stream({ provider: "openai", model: "gpt-5" }, (call) => {
    span = call.span.spanContext();
    return chunks(["Hel", "lo"]);
  });
  let seen = 0;
  for await (const _chunk of stream) {
    seen += 1;
    assert.equal(active(), undefined, "the reader's code is no part of the call");
  }
  assert.equal(seen, 2);
  await flush(5000);
  const [call] = await spansOf(span.traceId, 1);
  assert.ok(call);
  assert.equal(call.genai?.["output_tokens"], 2);
  assert.ok(Number(call.attributes["gen_ai.response.time_to_first_chunk"]) >= 0);
  assert.deepEqual(await payload(call, "gen_ai.output.messages"), [
    { role: "assistant", parts: [{ type: "text", content: "Hello" }], finish_reason: "stop" },
  ]);
});

test("a stream left early ends its span and closes its source", async () => {
  let traceId = "";
  let closed = false;
  async function* source(): AsyncGenerator {
    try {
      yield* chunks(["a", "b", "c"]);
    } finally {
      closed = true;
    }
  }
  const stream = await llmCall.stream({ model: "gpt-5" }, (call) => {
    traceId = call.span.spanContext().traceId;
    return source();
  });
  for await (const _chunk of stream) break;
  assert.equal(closed, true);
  await flush(5000);
  const [call] = await spansOf(traceId, 1);
  assert.equal(call?.attributes["tracefoundry.stream.ended_early"], true);
});

test("600 spans of 200 kB at 100 a second all arrive", { timeout: 120_000 }, async () => {
  const { setTimeout: sleep } = await import("node:timers/promises");
  const filler = "lorem ipsum ".repeat(17_000).slice(0, 200_000);
  const traceId = await traceAgentRun({ name: "large" }, async (run) => {
    const started = performance.now();
    for (let index = 0; index < 600; index++) {
      toolCall("big", () => `${index} ${filler}`)();
      const ahead = started + index * 10 - performance.now();
      if (ahead > 0) await sleep(ahead);
    }
    return run.span.spanContext().traceId;
  });
  assert.equal(await flush(60_000), true);
  assert.equal((await spansOf(traceId, 601)).length, 601);
});
