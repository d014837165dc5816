// The running `tracefoundry serve` that the tests send to; its addresses come by the environment.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const DEADLINE_MS = 20_000;

export const OTLP = process.env["TEST_OTLP_URL"] ?? "";
const API = process.env["TEST_API_URL"] ?? "";

export interface StoredSpan {
  name: string;
  span_id: string;
  parent_span_id: string | null;
  status: unknown;
  attributes: Record<string, unknown>;
  events: { name: string; attributes: Record<string, unknown> }[];
  genai: Record<string, unknown> | null;
  payloads: { key: string; ref: string; place: string }[];
}

async function get<T>(path: string): Promise<T | undefined> {
  const answer = await fetch(`${API}${path}`);
  return answer.ok ? ((await answer.json()) as T) : undefined;
}

/** Asks until the answer satisfies; fails after a deadline. */
export async function eventually<T>(
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, "the condition did not come in time");
    await sleep(20);
  }
}

/** All spans of a trace, when there are at least so many. */
export async function spansOf(traceId: string, atLeast: number): Promise<StoredSpan[]> {
  return await eventually(async () => {
    const path = `/api/traces/${traceId}/spans?view=full&limit=1000`;
    const page = await get<{ spans: StoredSpan[] }>(path);
    return page !== undefined && page.spans.length >= atLeast ? page.spans : undefined;
  });
}

/** The text of a payload, as JSON where it is JSON. */
export async function payload(span: StoredSpan, key: string): Promise<unknown> {
  if (key in span.attributes) return JSON.parse(span.attributes[key] as string) as unknown;
  const found = span.payloads.find((candidate) => candidate.key === key);
  assert.ok(found, `${key} of ${span.name}: ${JSON.stringify(span.payloads)}`);
  const answer = await fetch(`${API}/api/payloads/${found.ref}`);
  assert.equal(answer.status, 200);
  return JSON.parse(await answer.text()) as unknown;
}
