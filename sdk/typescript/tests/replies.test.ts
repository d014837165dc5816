// The readers of replies: what each provider's API and client gives, whole and as a stream.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ReplyBuilder } from "../dist/esm/chunks.js";
import { readReply, type Reply } from "../dist/esm/replies.js";
import type { Usage } from "../dist/esm/usage.js";

interface Expected {
  parts: object[];
  finish?: string;
  reasons?: string[];
  id?: string;
  model?: string;
  usage?: Usage;
}

function text(content: string): object {
  return { type: "text", content };
}

function call(id: string, name: string, given: unknown): object {
  return { type: "tool_call", id, name, arguments: given };
}

/** The counts that are known. */
function counts(usage: Usage | undefined): Usage {
  return Object.fromEntries(Object.entries(usage ?? {}).filter((entry) => entry[1] !== undefined));
}

function check(reply: Reply | undefined, expected: Expected): void {
  assert.ok(reply);
  const finish = expected.finish === undefined ? {} : { finish_reason: expected.finish };
  assert.deepEqual(reply.messages, [{ role: "assistant", parts: expected.parts, ...finish }]);
  assert.deepEqual(reply.finishReasons, expected.reasons ?? []);
  assert.deepEqual([reply.id, reply.model], [expected.id, expected.model]);
  assert.deepEqual(counts(reply.usage), expected.usage ?? {});
}

function built(chunks: readonly unknown[]): Reply {
  const builder = new ReplyBuilder();
  for (const chunk of chunks) builder.add(chunk);
  return builder.reply();
}

const CHAT_USAGE = {
  prompt_tokens: 9,
  completion_tokens: 7,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const USAGE: Usage = { inputTokens: 9, outputTokens: 7, cachedTokens: 4, reasoningTokens: 3 };

function chat(message: object, reason: string): object {
  return { id: "r", model: "gpt", choices: [{ index: 0, message, finish_reason: reason }] };
}

test("OpenAI chat: text, tool calls of all forms, reasoning, refusal, speech", () => {
  const tool = { id: "t", type: "function", function: { name: "f", arguments: '{"a":1}' } };
  const custom = { id: "c", type: "custom", custom: { name: "shell", input: "ls" } };
  const message = { content: "Hi", reasoning_content: "hm", tool_calls: [tool, custom] };
  check(readReply({ ...chat(message, "tool_calls"), usage: CHAT_USAGE }), {
    parts: [
      { type: "reasoning", content: "hm" },
      text("Hi"),
      call("t", "f", { a: 1 }),
      call("c", "shell", "ls"),
    ],
    finish: "tool_call",
    reasons: ["tool_calls"],
    id: "r",
    model: "gpt",
    usage: USAGE,
  });
  for (const [said, parts] of [
    [{ content: null, refusal: "No." }, [text("No.")]],
    [{ content: null, audio: { id: "a", transcript: "Hello" } }, [text("Hello")]],
    [
      { content: null, function_call: { name: "f", arguments: "{}" } },
      [{ type: "tool_call", name: "f", arguments: {} }],
    ],
  ] as const) {
    check(readReply(chat(said, "stop")), {
      parts: [...parts],
      finish: "stop",
      reasons: ["stop"],
      id: "r",
      model: "gpt",
    });
  }
});

function delta(given: object, rest: object = {}, index = 0): object {
  return { id: "r", model: "gpt", choices: [{ index, delta: given, ...rest }], usage: null };
}

test("OpenAI chat stream: text, reasoning, tool calls in pieces, usage at the end", () => {
  const piece = (index: number, given: object): object =>
    delta({ tool_calls: [{ index, ...given }] });
  const chunks = [
    delta({ role: "assistant", reasoning_content: "h" }),
    delta({ reasoning_content: "m" }),
    delta({ content: "H" }),
    delta({ content: "i" }),
    piece(0, { id: "t", function: { name: "f", arguments: "" } }),
    piece(0, { function: { arguments: '{"a"' } }),
    piece(1, { id: "u", function: { name: "g", arguments: "" } }),
    piece(0, { function: { arguments: ":1}" } }),
    delta({}, { finish_reason: "tool_calls" }),
    { id: "r", model: "gpt", choices: [], usage: CHAT_USAGE },
  ];
  check(built(chunks), {
    parts: [
      { type: "reasoning", content: "hm" },
      text("Hi"),
      call("t", "f", { a: 1 }),
      call("u", "g", {}),
    ],
    finish: "tool_call",
    reasons: ["tool_calls"],
    id: "r",
    model: "gpt",
    usage: USAGE,
  });
});

test("OpenAI chat stream: each choice is a message of its own", () => {
  const found = built([
    delta({ content: "A" }, {}, 1),
    delta({ content: "B" }, {}, 0),
    delta({ content: "a" }, { finish_reason: "stop" }, 1),
    delta({ content: "b" }, { finish_reason: "length" }, 0),
  ]);
  assert.deepEqual(found.messages, [
    { role: "assistant", parts: [text("Bb")], finish_reason: "length" },
    { role: "assistant", parts: [text("Aa")], finish_reason: "stop" },
  ]);
  assert.deepEqual(found.finishReasons, ["length", "stop"]);
});

const RESPONSE = {
  object: "response",
  id: "resp",
  model: "gpt",
  status: "completed",
  output: [
    { type: "reasoning", summary: [{ type: "summary_text", text: "hm" }] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] },
    { type: "function_call", id: "fc", call_id: "t", name: "f", arguments: '{"a":1}' },
    { type: "custom_tool_call", id: "ct", call_id: "c", name: "shell", input: "ls" },
    { type: "web_search_call", id: "ws", status: "completed" },
  ],
  usage: {
    input_tokens: 9,
    output_tokens: 7,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens_details: { reasoning_tokens: 3 },
  },
};
const RESPONSE_READ: Expected = {
  parts: [
    { type: "reasoning", content: "hm" },
    text("Hi"),
    call("t", "f", { a: 1 }),
    call("c", "shell", "ls"),
    { type: "web_search_call", id: "ws", status: "completed" },
  ],
  finish: "stop",
  reasons: ["completed"],
  id: "resp",
  model: "gpt",
  usage: USAGE,
};
const RESPONSE_EVENTS: readonly object[] = [
  { type: "response.created", response: { id: "resp", model: "gpt", status: "in_progress" } },
  { type: "response.output_item.added", output_index: 0, item: { type: "reasoning" } },
  { type: "response.reasoning_summary_text.delta", output_index: 0, delta: "hm" },
  { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "H" },
  { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "i" },
  {
    type: "response.output_item.added",
    output_index: 2,
    item: { type: "function_call", call_id: "t", name: "f", arguments: "" },
  },
  { type: "response.function_call_arguments.delta", output_index: 2, delta: '{"a"' },
  { type: "response.function_call_arguments.delta", output_index: 2, delta: ":1}" },
  { type: "response.output_item.done", output_index: 2, item: RESPONSE.output[2] },
  {
    type: "response.output_item.added",
    output_index: 3,
    item: { type: "custom_tool_call", call_id: "c", name: "shell", input: "" },
  },
  { type: "response.custom_tool_call_input.delta", output_index: 3, delta: "ls" },
  { type: "response.output_item.done", output_index: 4, item: RESPONSE.output[4] },
];

test("OpenAI Responses: whole, as a stream, and a stream left before its last event", () => {
  check(readReply(RESPONSE), RESPONSE_READ);
  const last = { type: "response.completed", response: RESPONSE };
  check(built([...RESPONSE_EVENTS, last]), RESPONSE_READ);
  const { parts, id, model } = RESPONSE_READ;
  check(built(RESPONSE_EVENTS), { parts, id: id ?? "", model: model ?? "" });
});

test("OpenAI Responses: why a reply is incomplete or failed", () => {
  const ended = (rest: object): unknown =>
    readReply({ ...RESPONSE, ...rest })?.messages[0]?.finish_reason;
  const incomplete = (reason: string): object => ({
    status: "incomplete",
    incomplete_details: { reason },
  });
  assert.equal(ended(incomplete("max_output_tokens")), "length");
  assert.equal(ended(incomplete("content_filter")), "content_filter");
  assert.equal(ended({ status: "failed" }), "error");
});

const ANTHROPIC = {
  type: "message",
  id: "msg",
  model: "claude",
  role: "assistant",
  stop_reason: "tool_use",
  content: [
    { type: "thinking", thinking: "hm", signature: "s" },
    { type: "redacted_thinking", data: "x" },
    { type: "text", text: "Hi" },
    { type: "server_tool_use", id: "s", name: "web_search", input: { q: 1 } },
    { type: "web_search_tool_result", tool_use_id: "s", content: [] },
    { type: "tool_use", id: "t", name: "f", input: {} },
  ],
  usage: {
    input_tokens: 2,
    cache_read_input_tokens: 4,
    cache_creation_input_tokens: 3,
    output_tokens: 7,
  },
};
const ANTHROPIC_READ: Expected = {
  parts: [
    { type: "reasoning", content: "hm" },
    { type: "redacted_thinking", data: "x" },
    text("Hi"),
    call("s", "web_search", { q: 1 }),
    { type: "web_search_tool_result", tool_use_id: "s", content: [] },
    call("t", "f", {}),
  ],
  finish: "tool_call",
  reasons: ["tool_use"],
  id: "msg",
  model: "claude",
  usage: { inputTokens: 9, outputTokens: 7, cachedTokens: 4, cacheWriteTokens: 3 },
};

test("Anthropic: whole, and as a stream whose last event has null for counts told before", () => {
  check(readReply(ANTHROPIC), ANTHROPIC_READ);
  const block = (index: number, content_block: object): object => ({
    type: "content_block_start",
    index,
    content_block,
  });
  const piece = (index: number, given: object): object => ({
    type: "content_block_delta",
    index,
    delta: given,
  });
  const start = { ...ANTHROPIC, content: [], usage: { ...ANTHROPIC.usage, output_tokens: 1 } };
  const chunks = [
    { type: "message_start", message: start },
    { type: "ping" },
    block(0, { type: "thinking", thinking: "" }),
    piece(0, { type: "thinking_delta", thinking: "hm" }),
    piece(0, { type: "signature_delta", signature: "s" }),
    block(1, { type: "redacted_thinking", data: "x" }),
    block(2, { type: "text", text: "" }),
    piece(2, { type: "text_delta", text: "H" }),
    piece(2, { type: "text_delta", text: "i" }),
    block(3, { type: "server_tool_use", id: "s", name: "web_search", input: {} }),
    piece(3, { type: "input_json_delta", partial_json: '{"q"' }),
    piece(3, { type: "input_json_delta", partial_json: ":1}" }),
    block(4, { type: "web_search_tool_result", tool_use_id: "s", content: [] }),
    block(5, { type: "tool_use", id: "t", name: "f", input: {} }),
    {
      type: "message_delta",
      delta: { stop_reason: "tool_use" },
      usage: {
        input_tokens: null,
        cache_read_input_tokens: null,
        cache_creation_input_tokens: null,
        output_tokens: 7,
      },
    },
    { type: "message_stop" },
  ];
  check(built(chunks), ANTHROPIC_READ);
});

const GOOGLE_USAGE = {
  promptTokenCount: 9,
  candidatesTokenCount: 4,
  thoughtsTokenCount: 3,
  cachedContentTokenCount: 4,
};

function candidate(parts: object[], rest: object = {}): object {
  const head = { responseId: "g", modelVersion: "gemini" };
  return { ...head, candidates: [{ index: 0, content: { role: "model", parts }, ...rest }] };
}

test("Google: whole and as a stream, in the order of the parts", () => {
  const parts = [
    { text: "hm", thought: true },
    { text: "Hi" },
    { functionCall: { id: "t", name: "f", args: { a: 1 } } },
    { text: "Bye" },
  ];
  const ended = { finishReason: "MAX_TOKENS" };
  const expected: Expected = {
    parts: [
      { type: "reasoning", content: "hm" },
      text("Hi"),
      call("t", "f", { a: 1 }),
      text("Bye"),
    ],
    finish: "length",
    reasons: ["MAX_TOKENS"],
    id: "g",
    model: "gemini",
    usage: USAGE,
  };
  const whole = { ...candidate(parts, ended), usageMetadata: GOOGLE_USAGE };
  check(readReply(whole), expected);
  check(readReply({ response: whole }), expected); // the older client
  check(
    built([
      candidate([{ text: "hm", thought: true }]),
      candidate([{ text: "H" }]),
      candidate([{ text: "i" }, { functionCall: { id: "t", name: "f", args: { a: 1 } } }]),
      candidate([{ text: "B" }]),
      { ...candidate([{ text: "ye" }], ended), usageMetadata: GOOGLE_USAGE },
    ]),
    expected,
  );
});

test("Google: tokens that its tools put into the prompt are input", () => {
  const usageMetadata = { ...GOOGLE_USAGE, toolUsePromptTokenCount: 5 };
  const given = { ...candidate([{ text: "Hi" }]), usageMetadata };
  for (const found of [readReply(given), built([given])]) {
    assert.equal(found?.usage?.inputTokens, 14);
    assert.equal(found.usage.outputTokens, 7);
  }
});

test("Google: a prompt that was blocked has no candidates", () => {
  const blocked = { promptFeedback: { blockReason: "SAFETY" }, usageMetadata: GOOGLE_USAGE };
  for (const found of [readReply(blocked), built([blocked])]) {
    assert.deepEqual(found?.finishReasons, ["SAFETY"]);
    assert.equal(found.usage?.inputTokens, 9);
  }
});

function langChain(given: object): object {
  return { getType: () => "ai", id: "run", ...given };
}

const LANGCHAIN_USAGE = {
  input_tokens: 9,
  output_tokens: 7,
  input_token_details: { cache_read: 4 },
  output_token_details: { reasoning: 3 },
};

test("LangChain: a message, its JSON, one with Anthropic's blocks, and an LLMResult", () => {
  const message = {
    content: [
      { type: "text", text: "Hi" },
      { type: "tool_use", id: "t", name: "f", input: { a: 1 } },
    ],
    tool_calls: [{ id: "t", name: "f", args: { a: 1 }, type: "tool_call" }],
    usage_metadata: LANGCHAIN_USAGE,
    response_metadata: { model_name: "m", finish_reason: "tool_calls" },
  };
  const expected: Expected = {
    parts: [text("Hi"), call("t", "f", { a: 1 })],
    finish: "tool_call",
    reasons: ["tool_calls"],
    id: "run",
    model: "m",
    usage: USAGE,
  };
  check(readReply(langChain(message)), expected);
  check(readReply({ type: "ai", id: "run", ...message }), expected);
  check(readReply({ generations: [[{ text: "", message: langChain(message) }]] }), expected);
});

test("LangChain stream: tool calls once, though the provider's blocks repeat them", () => {
  const chunks = [
    { content: [{ index: 0, type: "text", text: "H" }], usage_metadata: { input_tokens: 9 } },
    { content: [{ index: 0, type: "text", text: "i" }] },
    { content: [{ index: 2, type: "server_tool_use", id: "s", name: "web_search", input: "" }] },
    { content: [{ index: 2, type: "input_json_delta", input: '{"q":1}' }] },
    {
      content: [{ index: 1, type: "tool_use", id: "t", name: "f", input: "" }],
      tool_call_chunks: [{ index: 1, id: "t", name: "f", args: "" }],
    },
    {
      content: [{ index: 1, type: "input_json_delta", input: '{"a":1}' }],
      tool_call_chunks: [{ index: 1, args: '{"a":1}' }],
    },
    {
      content: "",
      usage_metadata: { output_tokens: 7 },
      response_metadata: { model: "m", stop_reason: "tool_use" },
    },
  ];
  check(built(chunks.map(langChain)), {
    parts: [text("Hi"), call("s", "web_search", { q: 1 }), call("t", "f", { a: 1 })],
    finish: "tool_call",
    reasons: ["tool_use"],
    id: "run",
    model: "m",
    usage: { inputTokens: 9, outputTokens: 7 },
  });
});

const AI_HEAD = { finishReason: "tool-calls", response: { id: "r", modelId: "m" } };
const AI_TOOL = { type: "tool-call", toolCallId: "t", toolName: "f", input: { a: 1 } };
const AI_READ: Expected = {
  parts: [{ type: "reasoning", content: "hm" }, text("Hi"), call("t", "f", { a: 1 })],
  finish: "tool_call",
  reasons: ["tool-calls"],
  id: "r",
  model: "m",
  usage: USAGE,
};

test("AI SDK: results of versions 4 to 7, of its models, of objects and of embeddings", () => {
  const content = [{ type: "reasoning", text: "hm" }, { type: "text", text: "Hi" }, AI_TOOL];
  const seven = {
    inputTokens: 9,
    outputTokens: 7,
    inputTokenDetails: { cacheReadTokens: 4 },
    outputTokenDetails: { reasoningTokens: 3 },
  };
  const five = { inputTokens: 9, outputTokens: 7, cachedInputTokens: 4, reasoningTokens: 3 };
  for (const totalUsage of [seven, five]) {
    check(
      readReply({ ...AI_HEAD, text: "Hi", toolCalls: [AI_TOOL], content, totalUsage }),
      AI_READ,
    );
  }
  const model = {
    ...AI_HEAD,
    finishReason: { unified: "tool-calls", raw: "tool_use" },
    content: [...content.slice(0, 2), { ...AI_TOOL, input: '{"a":1}' }],
    usage: {
      inputTokens: { total: 9, cacheRead: 4 },
      outputTokens: { total: 7, reasoning: 3 },
    },
  };
  check(readReply(model), { ...AI_READ, reasons: ["tool_use"] });
  const four = {
    ...AI_HEAD,
    text: "Hi",
    reasoning: "hm",
    toolCalls: [{ toolCallId: "t", toolName: "f", args: { a: 1 } }],
    usage: { promptTokens: 9, completionTokens: 7 },
  };
  check(readReply(four), { ...AI_READ, usage: { inputTokens: 9, outputTokens: 7 } });
  const object = { ...AI_HEAD, finishReason: "stop", object: { a: 1 }, usage: five };
  check(readReply(object), {
    ...AI_READ,
    parts: [text('{"a":1}')],
    finish: "stop",
    reasons: ["stop"],
  });
  const embedded = readReply({ value: "v", embedding: [1], usage: { tokens: 3 } });
  assert.deepEqual([embedded?.messages, counts(embedded?.usage)], [[], { inputTokens: 3 }]);
});

test("AI SDK stream: parts in order, the same id in two steps, both forms of the names", () => {
  const step = { type: "finish-step", response: { id: "r", modelId: "m" } };
  check(
    built([
      { type: "start-step" },
      { type: "reasoning-delta", id: "0", text: "hm" },
      { type: "text-delta", id: "0", text: "H" },
      { type: "text-delta", id: "0", delta: "i" },
      AI_TOOL,
      step,
      { type: "start-step" },
      { type: "text-delta", id: "0", textDelta: "Done" },
      step,
      { type: "finish", finishReason: "stop", totalUsage: { inputTokens: 9, outputTokens: 7 } },
    ]),
    {
      parts: [...AI_READ.parts, text("Done")],
      finish: "stop",
      reasons: ["stop"],
      id: "r",
      model: "m",
      usage: { inputTokens: 9, outputTokens: 7 },
    },
  );
});

test("the result of the AI SDK's streamText is not touched: its getters read the stream", () => {
  const result = {
    textStream: [],
    finishReason: "stop",
    get text(): never {
      throw new Error("read");
    },
  };
  assert.equal(readReply(result), undefined);
});

test("values of no known shape are told apart from empty replies", () => {
  for (const value of [undefined, null, 7, {}, { answer: "x" }, [], { data: [1] }, () => "x"]) {
    assert.equal(readReply(value), undefined);
  }
  check(readReply("Hi"), { parts: [text("Hi")] });
  check(readReply({ role: "assistant", content: "Hi" }), { parts: [text("Hi")] });
  assert.deepEqual(built([{ kind: "x" }, 5, null]).messages, []);
});

test("a stream without an end keeps a bounded number of parts", () => {
  const builder = new ReplyBuilder();
  for (let index = 0; index < 5000; index++) builder.add(AI_TOOL);
  assert.equal(builder.reply().messages[0]?.parts.length, 1000);
});
