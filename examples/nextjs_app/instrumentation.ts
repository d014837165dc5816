// Next.js calls `register` once, before the first request.
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return; // the SDK needs Node
  const { quickStart } = await import("@tracefoundry/sdk/node");
  quickStart({ service: "nextjs-app" });
}
