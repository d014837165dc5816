// What a helper's span costs the agent, beside a span of OpenTelemetry with the same attributes.
// Prints JSON; bench/sdk_typescript.py runs it. The sides take turns, and the median counts. What
// the exporter does happens between the rounds and is not measured.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SpanKind, trace } from "@opentelemetry/api";
import { flush, llmCall } from "@tracefoundry/sdk";
import { quickStart } from "@tracefoundry/sdk/node";

const ROUNDS = 15;
const SPANS = 4000;
const WARM_UP_ROUNDS = 5;
const ATTRIBUTES = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.request.model": "gpt-5",
  "gen_ai.usage.input_tokens": 10,
  "gen_ai.usage.output_tokens": 20,
};
/** 10 kB in ten messages. */
const CONTENT = Array.from({ length: 10 }, () => ({
  role: "user",
  content: "An agent asks a question. ".repeat(40),
}));

const receiver = createServer((request, response) => {
  request.resume().on("end", () => response.end());
});
receiver.listen(0, "127.0.0.1");
await once(receiver, "listening");
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
const handle = quickStart({ service: "bench", endpoint });
const tracer = trace.getTracer("bare");

const works = {
  bare_span_us: () => {
    tracer.startActiveSpan(
      "chat gpt-5",
      { kind: SpanKind.CLIENT, attributes: ATTRIBUTES },
      (span) => {
        span.end();
      },
    );
  },
  helper_span_us: () => {
    llmCall({ provider: "openai", model: "gpt-5" }, (call) => {
      call.usage({ inputTokens: 10, outputTokens: 20 });
    });
  },
  with_content_us: () => {
    llmCall({ provider: "openai", model: "gpt-5", input: CONTENT }, (call) => {
      call.usage({ inputTokens: 10, outputTokens: 20 });
    });
  },
};

async function microseconds(work: () => void): Promise<number> {
  const begun = process.threadCpuUsage(); // other threads and processes do not count
  for (let index = 0; index < SPANS; index++) work();
  const { user, system } = process.threadCpuUsage(begun);
  if (!(await flush(30_000))) throw new Error("spans were lost, so their cost is not known");
  return (user + system) / SPANS;
}

const rounds: Record<string, number[]> = {};
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  for (const [name, work] of Object.entries(works)) {
    const us = await microseconds(work);
    if (round >= WARM_UP_ROUNDS) (rounds[name] ??= []).push(us);
  }
}
await handle.stop();
receiver.close();
const medians = Object.entries(rounds).map(([name, all]) => {
  const ascending = all.toSorted((left, right) => left - right);
  return [name, ascending[Math.floor(ascending.length / 2)]];
});
console.log(JSON.stringify(Object.fromEntries(medians)));
