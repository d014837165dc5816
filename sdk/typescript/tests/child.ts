// Runs a program in a Node process of its own and measures it.
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  ms: number;
}

/** Runs a script, an ES module unless told otherwise. */
export async function runScript(
  script: string,
  {
    environment = {},
    type = "module",
    cwd = new URL("..", import.meta.url).pathname,
  }: { environment?: Record<string, string>; type?: "module" | "commonjs"; cwd?: string } = {},
): Promise<Ended> {
  const started = performance.now();
  const child = spawn(process.execPath, [`--input-type=${type}`, "-e", script], {
    cwd,
    env: { ...process.env, NODE_TEST_CONTEXT: "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece) => (stdout += String(piece)));
  child.stderr.on("data", (piece) => (stderr += String(piece)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr, ms: performance.now() - started };
}
