// What `quickStart` was told, by arguments and by the environment. The order is the same
// everywhere: the argument, the variable for traces, the general variable, TraceFoundry's own.

const DEFAULT_ENDPOINT = "http://127.0.0.1:4318";
const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 3_600_000;

/** Where and how spans are sent. */
export interface ExportSettings {
  tracesUrl: URL;
  logsUrl: URL;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Of one request. */
  timeoutMs: number;
  gzip: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Endpoint, headers and the rest. `endpoint` and `OTEL_EXPORTER_OTLP_ENDPOINT` are base addresses;
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is used as it is, and logs go to its sibling.
 *
 * @throws TypeError if the address is none of http or https.
 */
export function exportSettings(
  given: { endpoint?: string | undefined; headers?: Readonly<Record<string, string>> | undefined },
  environment: Environment = process.env,
): ExportSettings {
  const [tracesUrl, logsUrl] = addresses(given.endpoint, environment);
  return {
    tracesUrl,
    logsUrl,
    headers: headers(given.headers, environment),
    timeoutMs: timeoutMs(environment),
    gzip: exporterVariable(environment, "COMPRESSION")?.toLowerCase() === "gzip",
  };
}

function exporterVariable(environment: Environment, name: string): string | undefined {
  const specific = environment[`OTEL_EXPORTER_OTLP_TRACES_${name}`]?.trim();
  return specific ? specific : environment[`OTEL_EXPORTER_OTLP_${name}`]?.trim();
}

function addresses(endpoint: string | undefined, environment: Environment): [URL, URL] {
  const traces = environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]?.trim();
  if (!endpoint && traces) {
    const tracesUrl = address(traces);
    const logsUrl = new URL(tracesUrl);
    const path = tracesUrl.pathname.replace(/\/$/, "");
    logsUrl.pathname = path.endsWith("/traces") ? path.replace(/traces$/, "logs") : "/v1/logs";
    return [tracesUrl, logsUrl];
  }
  const given =
    [endpoint, environment["OTEL_EXPORTER_OTLP_ENDPOINT"], environment["TRACEFOUNDRY_URL"]]
      .map((candidate) => candidate?.trim())
      .find((candidate) => candidate) ?? DEFAULT_ENDPOINT;
  const base = given.replace(/\/+$/, "").replace(/\/v1\/traces$/, "");
  return [address(`${base}/v1/traces`), address(`${base}/v1/logs`)];
}

function address(given: string): URL {
  const url = new URL(given.includes("://") ? given : `http://${given}`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`"${given}" is no http or https address`);
  }
  return url;
}

/** The token is sent unless an authorization was given. */
function headers(
  given: Readonly<Record<string, string>> | undefined,
  environment: Environment,
): Record<string, string> {
  const found: Record<string, string> = {
    ...headerList(environment["OTEL_EXPORTER_OTLP_HEADERS"]),
    ...headerList(environment["OTEL_EXPORTER_OTLP_TRACES_HEADERS"]),
  };
  for (const [name, value] of Object.entries(given ?? {})) found[name.toLowerCase()] = value;
  const token = environment["TRACEFOUNDRY_TOKEN"]?.trim();
  if (token) found["authorization"] ??= `Bearer ${token}`;
  return found;
}

/** Headers of a list `name=value,name=value` with percent-encoded values. */
function headerList(given: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const member of (given ?? "").split(",")) {
    const at = member.indexOf("=");
    const name = decoded(member.slice(0, at)).toLowerCase();
    if (at > 0 && name !== "") found[name] = decoded(member.slice(at + 1));
  }
  return found;
}

function decoded(given: string): string {
  try {
    return decodeURIComponent(given.trim());
  } catch {
    return given.trim();
  }
}

function timeoutMs(environment: Environment): number {
  const given = Number(exporterVariable(environment, "TIMEOUT") ?? Number.NaN);
  return given > 0 && given < MAX_TIMEOUT_MS ? given : DEFAULT_TIMEOUT_MS;
}
