// The reader of requests: messages of each provider in the parts form of the conventions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inputMessages, systemParts } from "../dist/esm/messages.js";

function text(content: string): object {
  return { type: "text", content };
}

const TOOL_CALL = { type: "tool_call", id: "t", name: "f", arguments: { a: 1 } };
const ANSWER = { type: "tool_call_response", id: "t", response: "42" };

for (const [what, given, role, parts] of [
  ["a text", "Hi", "user", [text("Hi")]],
  ["a message", { role: "developer", content: "Hi" }, "developer", [text("Hi")]],
  [
    "OpenAI's tool call",
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "t", function: { name: "f", arguments: '{"a":1}' } }],
    },
    "assistant",
    [TOOL_CALL],
  ],
  ["OpenAI's tool result", { role: "tool", tool_call_id: "t", content: "42" }, "tool", [ANSWER]],
  [
    "an item of the responses API: function_call",
    { type: "function_call", call_id: "t", name: "f", arguments: '{"a":1}' },
    "assistant",
    [TOOL_CALL],
  ],
  [
    "an item of the responses API: function_call_output",
    { type: "function_call_output", call_id: "t", output: "42" },
    "tool",
    [ANSWER],
  ],
  [
    "an item of the responses API: reasoning",
    { type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "hm" }] },
    "assistant",
    [{ type: "reasoning", content: "hm" }],
  ],
  [
    "an item of the responses API: another tool",
    { type: "web_search_call", id: "ws" },
    "assistant",
    [{ type: "web_search_call", id: "ws" }],
  ],
  [
    "an image by address, as data, and by file",
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url: "https://h/i.png" } },
        { type: "input_image", image_url: "data:image/png;base64,AA==" },
        { type: "input_image", file_id: "file-1" },
      ],
    },
    "user",
    [
      { type: "uri", modality: "image", uri: "https://h/i.png" },
      { type: "blob", modality: "image", mime_type: "image/png", content: "AA==" },
      { type: "file", modality: "image", file_id: "file-1" },
    ],
  ],
  [
    "Anthropic's tool result and documents",
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "t", content: "42" },
        { type: "document", source: { type: "text", media_type: "text/plain", data: "Text" } },
        { type: "document", source: { type: "file", file_id: "file-1" } },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
      ],
    },
    "user",
    [
      ANSWER,
      text("Text"),
      { type: "file", modality: "document", file_id: "file-1" },
      { type: "blob", modality: "image", mime_type: "image/png", content: "AA==" },
    ],
  ],
  ["Google's content", { role: "model", parts: [{ text: "Hi" }] }, "assistant", [text("Hi")]],
  ["a bare part of Google", { text: "Hi" }, "user", [text("Hi")]],
  [
    "Google's function response",
    { role: "user", parts: [{ functionResponse: { id: "t", name: "f", response: "42" } }] },
    "user",
    [ANSWER],
  ],
  ["LangChain's message", { getType: () => "human", content: "Hi" }, "user", [text("Hi")]],
  ["LangChain's message as JSON", { type: "ai", content: "Hi" }, "assistant", [text("Hi")]],
  [
    "LangChain's reasoning",
    { getType: () => "ai", content: [{ type: "reasoning", reasoning: "hm" }] },
    "assistant",
    [{ type: "reasoning", content: "hm" }],
  ],
  [
    "the AI SDK's tool call and reasoning",
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "hm" },
        { type: "tool-call", toolCallId: "t", toolName: "f", input: { a: 1 } },
      ],
    },
    "assistant",
    [{ type: "reasoning", content: "hm" }, TOOL_CALL],
  ],
  [
    "the AI SDK's tool result",
    { role: "tool", content: [{ type: "tool-result", toolCallId: "t", output: "42" }] },
    "tool",
    [ANSWER],
  ],
  [
    "the conventions' own form",
    { role: "user", parts: [text("Hi"), ANSWER] },
    "user",
    [text("Hi"), ANSWER],
  ],
  ["an unknown object", { a: 1 }, "user", [{ type: "unknown", a: 1 }]],
] as const) {
  test(`input: ${what}`, () => {
    assert.deepEqual(inputMessages([given]), [{ role, parts }]);
  });
}

test("system instructions: a text, Anthropic's blocks, Google's content, none", () => {
  for (const given of [
    "Be kind",
    [{ type: "text", text: "Be kind" }],
    { parts: [{ text: "Be kind" }] },
  ]) {
    assert.deepEqual(systemParts(given), [text("Be kind")]);
  }
  assert.deepEqual(systemParts(undefined), []);
});
