// Watches a stream while the agent reads it. Nothing is read ahead. The context is attached only
// while the source makes its next chunk, never between two chunks: code of the agent that runs
// there must not become a child of the call.
import { context, type Context } from "@opentelemetry/api";
import { safely } from "./state.js";

/** How a stream ended: read to its end, left early, or by an error. */
export interface StreamEnd {
  early: boolean;
  error?: { thrown: unknown };
}

/** What is told about a stream. `end` is called once. */
export interface StreamWatcher {
  chunk: (chunk: unknown) => void;
  end: (how: StreamEnd) => void;
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/**
 * A stream that nobody reads to its end and nobody closes ends when it is collected. The registry
 * holds the watcher alone, so it does not keep the stream alive.
 */
const abandoned = new FinalizationRegistry<() => void>((end) => {
  end();
});

/**
 * The same stream with its iterators watched. All other members are the source's own, so that
 * `stream.controller.abort()` and the like go on working.
 */
export function observeStream<S extends object>(source: S, within: Context, to: StreamWatcher): S {
  let ended = false;
  const watcher: StreamWatcher = {
    chunk: (chunk) => {
      safely(() => {
        to.chunk(chunk);
      }, undefined);
    },
    end: (how) => {
      if (ended) return;
      ended = true;
      abandoned.unregister(watcher);
      safely(() => {
        to.end(how);
      }, undefined);
    },
  };
  const stream = new Proxy(source, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      if (key === Symbol.asyncIterator || key === Symbol.iterator) {
        return () => {
          const iterator = watchedIterator(iteratorOf(target, member, within), within, watcher);
          // While the iterator is in use the stream is not abandoned.
          return Object.defineProperty(iterator, "stream", { value: receiver });
        };
      }
      if (isIteratorMethod(target, key)) {
        return watchedMember(target as AnyIterator, key, within, watcher);
      }
      return member.bind(target) as unknown;
    },
  });
  abandoned.register(stream, abandonedBy(watcher), watcher);
  return stream;
}

/** Must not close over the stream: the registry would keep it alive for ever. */
function abandonedBy(watcher: StreamWatcher): () => void {
  return () => {
    watcher.end({ early: true });
  };
}

function iteratorOf(target: object, member: unknown, within: Context): AnyIterator {
  return context.with(within, () => (member as () => AnyIterator).call(target));
}

function isIteratorMethod(target: object, key: string | symbol): boolean {
  const iterates = Symbol.asyncIterator in target || Symbol.iterator in target;
  return iterates && (key === "next" || key === "return" || key === "throw");
}

/** An iterator with the same methods as the source's, each watched. */
export function watchedIterator(
  source: AnyIterator,
  within: Context,
  watcher: StreamWatcher,
): AnyIterator & Iterable<unknown> & AsyncIterable<unknown> {
  const iterator: Record<PropertyKey, unknown> = {
    next: watchedMember(source, "next", within, watcher),
    // Called when the reader leaves the loop, also where the source has no such method.
    return: (value?: unknown) => {
      const leave = watchedMember(source, "return", within, watcher);
      if (typeof source.return === "function") return leave(value);
      watcher.end({ early: true });
      const done = { done: true, value };
      return Symbol.iterator in source && !(Symbol.asyncIterator in source)
        ? done
        : Promise.resolve(done);
    },
    [Symbol.iterator]: () => iterator,
    [Symbol.asyncIterator]: () => iterator,
  };
  if (typeof source.throw === "function") {
    iterator["throw"] = watchedMember(source, "throw", within, watcher);
  }
  return iterator as unknown as AnyIterator & Iterable<unknown> & AsyncIterable<unknown>;
}

function watchedMember(
  source: AnyIterator,
  key: string | symbol,
  within: Context,
  watcher: StreamWatcher,
): (...values: unknown[]) => unknown {
  const leaving = key === "return";
  return (...values) => {
    const told = (result: IteratorResult<unknown>): IteratorResult<unknown> => {
      if (result.done) watcher.end({ early: leaving });
      else watcher.chunk(result.value);
      return result;
    };
    const failed = (thrown: unknown): never => {
      watcher.end({ early: false, error: { thrown } });
      throw thrown;
    };
    let result: unknown;
    try {
      const method = Reflect.get(source, key) as (...given: unknown[]) => unknown;
      result = context.with(within, () => method.apply(source, values));
    } catch (thrown) {
      return failed(thrown);
    }
    return result instanceof Promise || isThenable(result)
      ? Promise.resolve(result as PromiseLike<IteratorResult<unknown>>).then(told, failed)
      : told(result as IteratorResult<unknown>);
  };
}

/** Whether a value is a promise, also one of another realm or library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
