// A program against the client that openapi-typescript generates from /openapi.json. The compiler
// proves that paths, parameters and answers are typed; running it proves that they are true.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Trace = components["schemas"]["Trace"];

const [baseUrl, token] = process.argv.slice(2);
if (baseUrl === undefined || token === undefined) {
  throw new Error("usage: client.ts URL TOKEN");
}
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

const listed = await client.GET("/api/traces", {
  params: { query: { start: "0", sort: "newest", limit: 10 } },
});
if (listed.error !== undefined) {
  throw new Error(listed.error.error.message);
}
const traces: Trace[] = listed.data.traces;
const first = traces[0];
if (first === undefined) {
  throw new Error("the list is empty");
}
const traceId = first.trace_id;
const spans = await client.GET("/api/traces/{trace_id}/spans", {
  params: { path: { trace_id: traceId }, query: { view: "full" } },
});
const tree = await client.GET("/api/traces/{trace_id}/tree", {
  params: { path: { trace_id: traceId } },
});
const session = await client.GET("/api/session");
const absent = await client.GET("/api/traces/{trace_id}", {
  params: { path: { trace_id: "f".repeat(32) } },
});
const role: components["schemas"]["Session"]["role"] | undefined = session.data?.role;

console.log(
  JSON.stringify({
    traces: traces.length,
    duration: BigInt(first.duration_ns) >= 0n,
    spans: spans.data?.spans.map((span) => span.name),
    roots: tree.data?.roots.map((node) => node.children.length),
    role,
    absent: absent.error?.error.code,
  }),
);

// @ts-expect-error: a parameter that the route does not have
void (() => client.GET("/api/traces", { params: { query: { servce: "typo" } } }));
// @ts-expect-error: a field that a trace does not have
void (() => first.nmae);
