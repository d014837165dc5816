// What a request to the gateway of a model or of a tool asks for, read from its JSON body.
import { fields, parsed, text, type Fields } from "../json.js";
import type { LlmOptions } from "../llm-call.js";

const PROVIDER_BY_HOST: readonly [RegExp, string][] = [
  [/(^|\.)anthropic\.com$/, "anthropic"],
  [/(^|\.)googleapis\.com$/, "gcp.gemini"],
  [/(^|\.)openai\.azure\.com$/, "azure.ai.openai"],
];
const NOT_PARAMETERS = new Set(["model", "messages", "input", "contents", "tools", "system"]);

/** The options of the call; undefined if the body is no request of a known API. */
export function llmRequest(url: URL, headers: Headers, body: unknown): LlmOptions | undefined {
  const asked = fields(body);
  if (asked === undefined) return undefined;
  const input = asked["messages"] ?? asked["contents"] ?? asked["input"] ?? asked["prompt"];
  if (input === undefined) return undefined;
  const google = asked["contents"] !== undefined;
  const config = fields(asked["generationConfig"]);
  const own = Object.entries(asked).filter(([key]) => !NOT_PARAMETERS.has(key));
  return {
    provider: providerOf(url, headers, google),
    model: text(asked["model"]) ?? /\/models\/([^/:]+)/.exec(url.pathname)?.[1],
    input,
    system: asked["system"] ?? asked["systemInstruction"] ?? asked["instructions"],
    tools: Array.isArray(asked["tools"]) ? (asked["tools"] as unknown[]) : undefined,
    parameters: { ...Object.fromEntries(own), ...config },
    operation: operationOf(url, google),
  };
}

function providerOf(url: URL, headers: Headers, google: boolean): string {
  const byHost = PROVIDER_BY_HOST.find(([host]) => host.test(url.hostname));
  if (byHost !== undefined) return byHost[1];
  if (headers.has("anthropic-version")) return "anthropic";
  // The conventions name the API's format where a gateway hides who answers.
  return google ? "gcp.gemini" : "openai";
}

function operationOf(url: URL, google: boolean): string {
  if (url.pathname.endsWith("/embeddings")) return "embeddings";
  return google ? "generate_content" : "chat";
}

/** Name and arguments of a tool: those of an MCP call, else the path and the body or query. */
export function toolRequest(url: URL, body: unknown): { name: string; arguments: unknown } {
  const asked = fields(body);
  const called: Fields | undefined =
    asked?.["method"] === "tools/call" ? fields(asked["params"]) : undefined;
  const name = text(called?.["name"]);
  if (name !== undefined) return { name, arguments: called?.["arguments"] };
  const last = url.pathname.split("/").findLast((part) => part !== "");
  const query = Object.fromEntries(url.searchParams);
  return { name: last ?? url.hostname, arguments: body ?? query };
}

/** The body of a request as JSON or text; undefined for streams and forms, which are not read. */
export async function requestBody(
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Promise<unknown> {
  const body = init?.body;
  if (typeof body === "string") return parsed(body);
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    return parsed(new TextDecoder().decode(body));
  }
  if (body === undefined && input instanceof Request && input.body !== null) {
    return parsed(await input.clone().text());
  }
  return undefined;
}
