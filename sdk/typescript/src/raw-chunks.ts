// The chunks of a stream as they came, kept for replay if `quickStart` was told to `record`.
import { toJson } from "./json.js";
import { state } from "./state.js";

/** Characters kept of one stream; the export would cut what is beyond. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Keeps each chunk's JSON, so that later changes of the object do not show. */
export class RawChunks {
  readonly #wanted = state().record === true;
  readonly #chunks: string[] = [];
  #characters = 0;

  add(chunk: unknown): void {
    if (!this.#wanted || this.#characters >= MAX_CHARACTERS) return;
    const json = toJson(chunk);
    this.#characters += json.length;
    this.#chunks.push(json);
  }

  /** `{"chunks": [...]}` as the Python SDK has it; undefined if there are none. */
  json(): string | undefined {
    return this.#chunks.length === 0 ? undefined : `{"chunks":[${this.#chunks.join(",")}]}`;
  }
}
