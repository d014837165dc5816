// The part of Next.js that is used; the package itself is an optional peer.
declare module "next/server.js" {
  /** Runs a task when the response has been sent. */
  export function after(task: () => unknown): void;
}
