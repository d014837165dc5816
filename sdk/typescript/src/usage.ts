// Token counts as each provider gives them, read into one form.
import { count, fields } from "./json.js";

/** Token counts and cost of one call. Input includes cached tokens, output those of reasoning. */
export interface Usage {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cachedTokens?: number | undefined;
  cacheWriteTokens?: number | undefined;
  reasoningTokens?: number | undefined;
  costUsd?: number | undefined;
}

/** Usage of OpenAI's chat and responses APIs. */
export function openAiUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const input = fields(usage["prompt_tokens_details"] ?? usage["input_tokens_details"]);
  const output = fields(usage["completion_tokens_details"] ?? usage["output_tokens_details"]);
  return {
    inputTokens: count(usage["prompt_tokens"]) ?? count(usage["input_tokens"]),
    outputTokens: count(usage["completion_tokens"]) ?? count(usage["output_tokens"]),
    cachedTokens: count(input?.["cached_tokens"]),
    reasoningTokens: count(output?.["reasoning_tokens"]),
  };
}

/** Anthropic counts cached tokens beside the input; here, as in the conventions, input has them. */
export function anthropicUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const input = count(usage["input_tokens"]);
  const cached = count(usage["cache_read_input_tokens"]);
  const written = count(usage["cache_creation_input_tokens"]);
  return {
    inputTokens: input === undefined ? undefined : input + (cached ?? 0) + (written ?? 0),
    outputTokens: count(usage["output_tokens"]),
    cachedTokens: cached,
    cacheWriteTokens: written,
  };
}

/**
 * Google counts thoughts beside the candidates, and what its own tools put in beside the prompt;
 * here, as in the conventions, output and input have them.
 */
export function googleUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const thoughts = count(usage["thoughtsTokenCount"]);
  return {
    inputTokens: total(count(usage["promptTokenCount"]), count(usage["toolUsePromptTokenCount"])),
    outputTokens: total(count(usage["candidatesTokenCount"]), thoughts),
    cachedTokens: count(usage["cachedContentTokenCount"]),
    reasoningTokens: thoughts,
  };
}

/** Usage as LangChain gives it for every provider; input includes cached tokens. */
export function langChainUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const input = fields(usage["input_token_details"]);
  return {
    inputTokens: count(usage["input_tokens"]),
    outputTokens: count(usage["output_tokens"]),
    cachedTokens: count(input?.["cache_read"]),
    cacheWriteTokens: count(input?.["cache_creation"]),
    reasoningTokens: count(fields(usage["output_token_details"])?.["reasoning"]),
  };
}

/**
 * Usage of Vercel's AI SDK: of its results (version 4 had other names), of its models, whose counts
 * are objects, and of embeddings.
 */
export function aiSdkUsage(given: unknown): Usage | undefined {
  const usage = fields(given);
  if (usage === undefined) return undefined;
  const [input, output] = [fields(usage["inputTokens"]), fields(usage["outputTokens"])];
  const inputs = fields(usage["inputTokenDetails"]);
  const outputs = fields(usage["outputTokenDetails"]);
  const first = (...candidates: unknown[]): number | undefined =>
    candidates.map(count).find((found) => found !== undefined);
  return {
    inputTokens: first(
      usage["inputTokens"],
      input?.["total"],
      usage["promptTokens"],
      usage["tokens"],
    ),
    outputTokens: first(usage["outputTokens"], output?.["total"], usage["completionTokens"]),
    cachedTokens: first(
      inputs?.["cacheReadTokens"],
      usage["cachedInputTokens"],
      input?.["cacheRead"],
    ),
    cacheWriteTokens: first(inputs?.["cacheWriteTokens"], input?.["cacheWrite"]),
    reasoningTokens: first(
      outputs?.["reasoningTokens"],
      usage["reasoningTokens"],
      output?.["reasoning"],
    ),
  };
}

/** The sum of the counts that are known; undefined if none is. */
function total(...counts: (number | undefined)[]): number | undefined {
  const known = counts.filter((each) => each !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, each) => sum + each, 0);
}
