// POST {"question": "..."} gives {"answer": "..."}. The trace of a request is the caller's, if it
// sent `traceparent`; it is delivered after the response.
import OpenAI from "openai";
import { llmCall, traceAgentRun } from "@tracefoundry/sdk";
import { withTracing } from "@tracefoundry/sdk/next";

const MODEL = "gpt-5-mini";

export const POST = withTracing(async (request: Request) => {
  const { question } = (await request.json()) as { question: string };
  const answer = await traceAgentRun({ name: "painter", input: question }, async (run) => {
    const client = new OpenAI(); // address and key from OPENAI_BASE_URL and OPENAI_API_KEY
    const messages = [{ role: "user" as const, content: question }];
    const reply = await llmCall(
      { provider: "openai", model: MODEL, input: messages },
      async (call) => {
        const reply = await client.chat.completions.create({ model: MODEL, messages });
        call.record(reply);
        return reply;
      },
    );
    return (run.output = reply.choices[0]?.message.content ?? "");
  });
  return Response.json({ answer });
});
