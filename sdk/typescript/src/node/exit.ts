// Delivery at the end of the process, which adds at most two seconds to it.
import { execFileSync } from "node:child_process";
import { EXIT_TIMEOUT_S } from "../conventions.js";
import { safely } from "../state.js";
import type { Exporter } from "./exporter.js";

/** Posts what it reads: a line of JSON with addresses, headers and sizes, then the bodies. */
const SENDER = `
const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk)).on("end", async () => {
  const input = Buffer.concat(chunks);
  let at = input.indexOf(10) + 1;
  for (const { url, headers, size } of JSON.parse(input.subarray(0, at).toString())) {
    const body = input.subarray(at, (at += size));
    const answer = await fetch(url, { method: "POST", headers, body });
    if (!answer.ok) process.exitCode = 1;
  }
});`;

/** Watches for the end of the process; the function that it returns stops watching. */
export function deliverAtExit(exporter: Exporter): () => void {
  let endsAt: number | undefined;
  const leftMs = (): number => {
    endsAt ??= performance.now() + EXIT_TIMEOUT_S * 1000;
    return endsAt - performance.now();
  };
  const onBeforeExit = (): void => {
    // Emitted again after each flush that had work, until nothing is pending or time is up.
    const left = exporter.pending ? leftMs() : 0;
    if (left > 0) void exporter.flush(left);
  };
  const onExit = (): void => {
    safely(() => {
      const left = exporter.pending ? leftMs() : 0;
      if (left > 50 && sendSynchronously(exporter, left)) return;
      if (exporter.pending) exporter.stop("the process ended", true);
    }, undefined);
  };
  process.on("beforeExit", onBeforeExit);
  process.on("exit", onExit);
  return () => {
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
  };
}

/**
 * After `process.exit()` or a crash no event loop runs any more, so a short-lived process of Node
 * sends the rest. A span that is sent twice is stored once.
 */
function sendSynchronously(exporter: Exporter, timeoutMs: number): boolean {
  const requests = exporter.remaining();
  const head = requests.map(({ url, headers, body }) => ({ url, headers, size: body.length }));
  const bodies = requests.map(({ body }) => body);
  const input = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...bodies]);
  const environment = { ...process.env };
  delete environment["NODE_OPTIONS"]; // The agent's own preloads have no place there.
  try {
    execFileSync(process.execPath, ["-e", SENDER], {
      input,
      timeout: Math.ceil(timeoutMs),
      killSignal: "SIGKILL",
      stdio: ["pipe", "ignore", "ignore"],
      env: environment,
    });
    return true;
  } catch {
    return false;
  }
}
