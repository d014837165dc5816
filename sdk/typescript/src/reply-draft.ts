// The messages of a streamed reply while they grow: parts in the order in which they began, one
// message for each choice of the model.
import { text } from "./json.js";
import { textPart, toolCall, type Message, type Part } from "./messages.js";
import { assistant } from "./replies.js";

/** Characters kept of one reply; the export would cut what is beyond. */
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** Parts kept of one reply, so that a stream without an end does not fill the memory. */
const MAX_PARTS = 1000;

interface Growing {
  kind: "text" | "reasoning" | "tool";
  content: string;
  id?: string | undefined;
  name?: string | undefined;
}

interface Choice {
  parts: Map<string, Growing | { whole: Part }>;
  reason?: string | undefined;
  lastKey: string;
}

/** Takes pieces and whole parts by the index of their choice and a key within it. */
export class ReplyDraft {
  readonly #choices = new Map<number, Choice>();
  #characters = 0;
  #parts = 0;

  /** Adds text to the part of this key, which begins with it. */
  append(index: number, key: string, kind: Growing["kind"], piece: unknown): Growing | undefined {
    const choice = this.#choice(index);
    let part = choice.parts.get(key);
    if (part === undefined) {
      if (this.#parts >= MAX_PARTS) return undefined;
      this.#parts += 1;
      part = { kind, content: "" };
      choice.parts.set(key, part);
      choice.lastKey = key;
    }
    if ("whole" in part) return undefined;
    const given = text(piece);
    if (given !== undefined && this.#characters < MAX_CHARACTERS) {
      part.content += given;
      this.#characters += given.length;
    }
    return part;
  }

  /** Adds to the last part if it is of this kind, else begins one. */
  appendToLast(index: number, kind: "text" | "reasoning", piece: unknown): void {
    const { parts, lastKey } = this.#choice(index);
    const last = parts.get(lastKey);
    const joins = last !== undefined && "kind" in last && last.kind === kind;
    this.append(index, joins ? lastKey : `part/${parts.size}`, kind, piece);
  }

  /** Adds what a chunk says of a tool call. */
  appendTool(
    index: number,
    key: string,
    given: { id?: unknown; name?: unknown; piece?: unknown },
  ): void {
    const part = this.append(index, key, "tool", given.piece);
    if (part === undefined) return;
    part.id ??= text(given.id);
    part.name ??= text(given.name);
  }

  /** Adds a part that comes whole. */
  add(index: number, part: Part, key?: string): void {
    if (this.#parts >= MAX_PARTS) return;
    this.#parts += 1;
    const choice = this.#choice(index);
    choice.lastKey = key ?? `part/${choice.parts.size}`;
    choice.parts.set(choice.lastKey, { whole: part });
  }

  /** Whether a part of this key has begun. */
  has(index: number, key: string): boolean {
    return this.#choices.get(index)?.parts.has(key) === true;
  }

  /** Notes why a choice ended; anything but a text says nothing. */
  finish(index: number, reason: unknown): void {
    const given = text(reason);
    if (given !== undefined) this.#choice(index).reason = given;
  }

  /** One message for each choice. */
  messages(): Message[] {
    return this.#sorted()
      .filter(({ parts, reason }) => parts.size > 0 || reason !== undefined)
      .map(({ parts, reason }) => assistant([...parts.values()].map(finished), reason));
  }

  /** In the provider's words. */
  finishReasons(): string[] {
    return this.#sorted().flatMap(({ reason }) => reason ?? []);
  }

  #choice(index: number): Choice {
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      choice = { parts: new Map(), lastKey: "" };
      this.#choices.set(index, choice);
    }
    return choice;
  }

  #sorted(): Choice[] {
    return [...this.#choices].sort(([left], [right]) => left - right).map(([, choice]) => choice);
  }
}

function finished(part: Growing | { whole: Part }): Part {
  if ("whole" in part) return part.whole;
  if (part.kind === "text") return textPart(part.content);
  if (part.kind === "reasoning") return { type: "reasoning", content: part.content };
  return toolCall({ id: part.id, name: part.name, arguments: part.content });
}
