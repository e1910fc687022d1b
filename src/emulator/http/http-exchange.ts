import type { IncomingMessage, ServerResponse } from "node:http";
import type { Json, JsonObject } from "../model/api/json.ts";

/** A request as the emulator's endpoints read it. */
export interface HttpRequest {
  readonly method: string;
  /** Percent-decoded, without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names; a repeated header is joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyText: string;
  /** `https://localhost:8443`, as the client wrote it. */
  readonly origin: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** Replaces the body in the few answers that are not JSON. */
  readonly text?: string;
}

/** Azure's limit, in MiB. */
export const BODY_MAX_MIB = 4;
const BODY_MAX_BYTES = BODY_MAX_MIB * 1024 * 1024;

/** Reads a whole request; `undefined` for a body larger than `BODY_MAX_MIB`. */
export async function readRequest(
  message: IncomingMessage,
  scheme: "http" | "https",
): Promise<HttpRequest | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // A body that is too large is still read to its end: unread data would break the connection's next
    // request.
    if (bytes <= BODY_MAX_BYTES) chunks.push(chunk);
  }
  if (bytes > BODY_MAX_BYTES) return undefined;
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
  const origin = `${scheme}://${headers["host"] ?? "localhost"}`;
  // A client whose endpoint ends with a slash sends two, which would name another host.
  const url = new URL((message.url ?? "/").replace(/^\/+/, "/"), "http://localhost");
  return {
    method: message.method ?? "GET",
    path: decoded(url.pathname),
    query: Object.fromEntries(url.searchParams),
    headers,
    bodyText: Buffer.concat(chunks).toString("utf8"),
    origin,
  };
}

/** Writes a whole answer. */
export function writeAnswer(response: ServerResponse, answer: HttpAnswer): void {
  const text = answer.body === undefined ? (answer.text ?? "") : JSON.stringify(answer.body);
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.body !== undefined) response.setHeader("content-type", "application/json; charset=utf-8");
  // A 204 has no body, and Node refuses a length for it.
  if (answer.status !== 204) response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

export type ParsedJson =
  | { readonly ok: true; readonly value: Json | undefined }
  | { readonly ok: false; readonly reason: string };

/** The limit of Newtonsoft.Json, Azure's reader, unless it is set otherwise (inferred). */
const DEPTH_MAX = 64;

export function parseBody(text: string): ParsedJson {
  const parsed = parseJson(text);
  return parsed.ok && isDeeperThan(DEPTH_MAX, parsed.value)
    ? { ok: false, reason: `The reader's MaxDepth of ${DEPTH_MAX} has been exceeded.` }
    : parsed;
}

/** Reads a text that may begin with a byte order mark, or be empty. */
export function parseJson(text: string): ParsedJson {
  if (text.trim() === "") return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text.replace(/^\uFEFF/, "")) as Json };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Level by level, since a recursion has a limit of its own. */
function isDeeperThan(depthMax: number, value: Json | undefined): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > depthMax) return true;
    level = level.flatMap((container) => Object.values(container)).filter(isContainer);
  }
  return false;
}

function isContainer(value: Json | undefined): value is JsonObject | readonly Json[] {
  return typeof value === "object" && value !== null;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
