// tracedFetch, nodeMiddleware and withTracing against a gateway in this process.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { flush, llmCall, traceAgentRun } from "@tracefoundry/sdk";
import { withTracing } from "@tracefoundry/sdk/next";
import { nodeMiddleware, quickStart, tracedFetch, type Handle } from "@tracefoundry/sdk/node";
import { OTLP, payload, spansOf } from "./platform.ts";

let handle: Handle;
let gateway: Server;
let url = "";
let lastTraceparent: string | undefined;

const COMPLETION = {
  id: "r-1",
  object: "chat.completion",
  model: "gpt-5-2026",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hi" } }],
  usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
};
const OPENAI_STREAM = ["He", "llo"]
  .map((content) => ({ id: "r-2", model: "gpt-5", choices: [{ index: 0, delta: { content } }] }))
  .concat([
    {
      id: "r-2",
      model: "gpt-5",
      choices: [],
      usage: { prompt_tokens: 4, completion_tokens: 2 },
    } as never,
  ]);
const ANTHROPIC_STREAM = [
  {
    type: "message_start",
    message: {
      id: "m-1",
      type: "message",
      role: "assistant",
      model: "claude-x",
      content: [],
      usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 },
    },
  },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Bonjour" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 7 } },
  { type: "message_stop" },
];

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  lastTraceparent = request.headers["traceparent"] as string | undefined;
  let text = "";
  for await (const piece of request) text += String(piece);
  const body = JSON.parse(text || "{}") as { stream?: boolean; fail?: boolean };
  if (request.url === "/tool/weather") {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ degrees: 21 }));
  } else if (body.fail) {
    response.statusCode = 400;
    response.end("{}");
  } else if (body.stream === true) {
    const anthropic = request.url?.includes("messages") === true;
    response.setHeader("content-type", "text/event-stream");
    for (const event of anthropic ? ANTHROPIC_STREAM : OPENAI_STREAM) {
      if ("type" in event) response.write(`event: ${event.type}\n`);
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    }
    response.end(anthropic ? undefined : "data: [DONE]\n\n");
  } else {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(COMPLETION));
  }
}

before(async () => {
  handle = quickStart({ service: "fetch-test", endpoint: OTLP });
  gateway = createServer((request, response) => void serve(request, response));
  gateway.listen(0, "127.0.0.1");
  await once(gateway, "listening");
  url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
after(async () => {
  await handle.stop();
  gateway.closeAllConnections();
  gateway.close();
});

const llmFetch = tracedFetch(globalThis.fetch, { kind: "llm" });

async function spansBelowARun(count: number, work: () => Promise<unknown>) {
  const traceId = await traceAgentRun({ name: "agent" }, async (run) => {
    await work();
    return run.span.spanContext().traceId;
  });
  assert.equal(await flush(5000), true);
  const spans = await spansOf(traceId, count + 1);
  assert.equal(spans.length, count + 1, spans.map((span) => span.name).join());
  return { traceId, spans: spans.filter((span) => span.name !== "invoke_agent agent") };
}

test("the OpenAI client through tracedFetch is one span with its tokens, and is part of the trace", async () => {
  const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, fetch: llmFetch });
  const { traceId, spans } = await spansBelowARun(1, () =>
    client.chat.completions.create({
      model: "gpt-5",
      messages: [{ role: "user", content: "Hello" }],
    }),
  );
  assert.equal(spans[0]?.name, "chat gpt-5");
  assert.equal(spans[0].genai?.["input_tokens"], 9);
  assert.equal(spans[0].genai["response_model"], "gpt-5-2026");
  assert.deepEqual(await payload(spans[0], "gen_ai.output.messages"), [
    { role: "assistant", parts: [{ type: "text", content: "Hi" }], finish_reason: "stop" },
  ]);
  assert.equal(lastTraceparent, `00-${traceId}-${spans[0].span_id}-01`);
});

test("a stream of the OpenAI client, and one left early", async () => {
  const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, fetch: llmFetch });
  const { spans } = await spansBelowARun(2, async () => {
    for (const leave of [false, true]) {
      const stream = await client.chat.completions.create({
        model: "gpt-5",
        stream: true,
        messages: [{ role: "user", content: String(leave) }],
      });
      for await (const _chunk of stream) if (leave) break;
    }
  });
  const whole = spans.find((span) => span.genai?.["output_tokens"] === 2);
  assert.ok(whole);
  assert.equal(whole.attributes["gen_ai.request.stream"], true);
  assert.ok("gen_ai.response.time_to_first_chunk" in whole.attributes);
});

test("a stream of the Anthropic client: input has the cached tokens", async () => {
  const client = new Anthropic({ apiKey: "k", baseURL: url, fetch: llmFetch });
  // The client makes a span of its own, too.
  const { spans } = await spansBelowARun(2, async () => {
    const stream = await client.messages.create({
      model: "claude-x",
      max_tokens: 10,
      stream: true,
      messages: [{ role: "user", content: "Salut" }],
    });
    for await (const _event of stream);
  });
  const call = spans.find((span) => span.name === "chat claude-x");
  assert.ok(call);
  assert.equal(call.genai?.["provider"], "anthropic");
  assert.equal(call.genai["input_tokens"], 8);
  assert.equal(call.genai["cached_tokens"], 3);
  assert.equal(call.genai["output_tokens"], 7);
});

test("inside llmCall a request makes no second span, and its reply goes to the call", async () => {
  const { spans } = await spansBelowARun(1, () =>
    llmCall({ provider: "openai", model: "gpt-5", input: "Hello" }, async () => {
      const answer = await llmFetch(`${url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({ model: "gpt-5", messages: [] }),
      });
      await answer.text();
    }),
  );
  assert.equal(spans[0]?.genai?.["input_tokens"], 9);
});

test("an answer that is an error marks the span, and reaches the agent as it is", async () => {
  const { spans } = await spansBelowARun(1, async () => {
    const answer = await llmFetch(`${url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "gpt-5", messages: [], fail: true }),
    });
    assert.deepEqual([answer.status, await answer.json()], [400, {}]);
  });
  assert.equal(spans[0]?.attributes["error.type"], "400");
});

test("a tool gateway is a tool span with arguments and result", async () => {
  const toolFetch = tracedFetch(globalThis.fetch, { kind: "tool" });
  const { spans } = await spansBelowARun(1, async () => {
    const answer = await toolFetch(`${url}/tool/weather`, {
      method: "POST",
      body: '{"city":"Bern"}',
    });
    assert.deepEqual(await answer.json(), { degrees: 21 });
  });
  assert.equal(spans[0]?.name, "execute_tool weather");
  assert.deepEqual(await payload(spans[0], "gen_ai.tool.call.arguments"), { city: "Bern" });
  assert.deepEqual(await payload(spans[0], "gen_ai.tool.call.result"), { degrees: 21 });
});

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";

test("nodeMiddleware continues the caller's trace", async () => {
  const server = createServer(
    nodeMiddleware((_request, response) => {
      void traceAgentRun({ name: "behind" }, async () => {
        await Promise.resolve();
        response.end("done");
      });
    }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const traceparent = `00-${TRACE_ID}-00f067aa0ba902b7-01`;
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ask?q=1`;
  assert.equal(await (await fetch(address, { headers: { traceparent } })).text(), "done");
  await new Promise((resolve) => server.close(resolve));
  await flush(5000);
  const spans = await spansOf(TRACE_ID, 2);
  const incoming = spans.find((span) => span.name === "GET");
  assert.equal(incoming?.parent_span_id, "00f067aa0ba902b7");
  assert.equal(incoming.attributes["url.path"], "/ask");
  const behind = spans.find((span) => span.name === "invoke_agent behind");
  assert.equal(behind?.parent_span_id, incoming.span_id);
});

test("withTracing continues the caller's trace and delivers, without Next.js too", async () => {
  const traceId = TRACE_ID.replace("4", "5");
  const handler = withTracing(async (request: Request) => {
    await traceAgentRun({ name: "route" }, () => request.text());
    return new Response("ok", { status: 201 });
  });
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  const answer = await handler(new Request("http://localhost/api/ask", { headers }));
  assert.equal(answer.status, 201);
  assert.equal((await spansOf(traceId, 2)).length, 2);
});
