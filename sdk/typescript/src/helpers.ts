// The helpers that an agent calls. Each runs a function inside a span and gives back what the
// function gives: a value, a promise of it, or a generator.
import { context } from "@opentelemetry/api";
import { isThenable, watchedIterator } from "./streaming.js";
import { LlmCall, type LlmOptions } from "./llm-call.js";
import {
  AgentRun,
  Retrieval,
  ToolCall,
  type RetrievalOptions,
  type RunOptions,
  type ToolOptions,
  type TracedSpan,
} from "./spans.js";

/** A thenable (a query builder, say) comes back as the promise of its value. */
export type Traced<T> =
  T extends Promise<unknown> ? T : T extends PromiseLike<infer V> ? Promise<V> : T;

/** Runs `fn` as one run of an agent. */
export function traceAgentRun<T>(options: RunOptions, fn: (run: AgentRun) => T): Traced<T> {
  const run = new AgentRun(options);
  return runInside(run, () => fn(run));
}

/** Runs `fn` as one call of a model. */
export function llmCall<T>(options: LlmOptions, fn: (call: LlmCall) => T): Traced<T> {
  const call = new LlmCall(options);
  return runInside(call, () => fn(call));
}

/**
 * Runs `fn`, which gives a stream of a model's reply, and returns that stream. The span ends when
 * the stream is read to its end, left early, or fails. A reply that is no stream is recorded.
 */
llmCall.stream = async function stream<S extends object>(
  options: LlmOptions,
  fn: (call: LlmCall) => S | PromiseLike<S>,
): Promise<S> {
  const call = new LlmCall(options);
  try {
    const source = await context.with(call.context, () => fn(call));
    if (!isStream(source)) {
      call.finishWithReply(source);
      return source;
    }
    return call.watch(source, (error) => {
      if (error === undefined) call.finish();
      else call.fail(error.thrown);
    });
  } catch (error) {
    call.fail(error);
    throw error;
  }
};

function isStream(value: object): boolean {
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** Makes a tool of `fn`: each call of it is a span with its arguments and its result. */
export function toolCall<A extends unknown[], R>(
  name: string | (ToolOptions & { name: string }),
  fn: (...given: A) => R,
): (...given: A) => Traced<R> {
  const options = typeof name === "string" ? { name } : name;
  return function tool(this: unknown, ...given: A): Traced<R> {
    const call = new ToolCall(options.name, options, toolArguments(given));
    return runInside(call, () => fn.apply(this, given));
  };
}

/** Runs `fn` as one search for documents. */
export function retrieval<T>(options: RetrievalOptions, fn: (found: Retrieval) => T): Traced<T> {
  const found = new Retrieval(options);
  return runInside(found, () => fn(found));
}

/** One object stands for named arguments, as models pass them; anything else is a list. */
function toolArguments(given: readonly unknown[]): unknown {
  const [first] = given;
  const named = given.length === 1 && typeof first === "object" && first !== null;
  return given.length === 0 ? {} : named ? first : given;
}

function runInside<T>(span: TracedSpan, fn: () => T): Traced<T> {
  let result: T;
  try {
    result = context.with(span.context, fn);
  } catch (error) {
    span.fail(error);
    throw error;
  }
  if (isThenable(result)) {
    return Promise.resolve(result).then(
      (value) => {
        span.finish(value);
        return value;
      },
      (error: unknown) => {
        span.fail(error);
        throw error;
      },
    ) as Traced<T>;
  }
  if (isGenerator(result)) return watchedGenerator(span, result) as Traced<T>;
  span.finish(result);
  return result as Traced<T>;
}

type AnyGenerator = Generator | AsyncGenerator;

function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== "object" || value === null) return false;
  const given = value as Partial<Record<"next" | "return" | "throw", unknown>>;
  return (
    (Symbol.iterator in value || Symbol.asyncIterator in value) &&
    [given.next, given.return, given.throw].every((method) => typeof method === "function")
  );
}

/** Items of a generator that are recorded as its result. */
const MAX_ITEMS = 1000;

function watchedGenerator(span: TracedSpan, generator: AnyGenerator): unknown {
  const items: unknown[] = [];
  return watchedIterator(generator, span.context, {
    chunk: (item) => {
      if (items.length < MAX_ITEMS) items.push(item);
    },
    end: ({ error }) => {
      if (error !== undefined) span.fail(error.thrown);
      else span.finish(items.every((item) => typeof item === "string") ? items.join("") : items);
    },
  });
}
