import { request } from "node:http";
import type { Agent, IncomingMessage } from "node:http";

/** What a call is. */
export interface HttpCall {
  readonly agent: Agent;
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** Milliseconds until the answer must be there. */
  readonly timeoutMs: number;
  /** What must be there by then: the head of an answer that goes on for long, or all of it. */
  readonly timeoutCovers: "head" | "whole";
}

/** How a call ended without an answer. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  /** The request can't have reached the server: it may be sent again. */
  readonly wasNotSent: boolean;
  /** The server may still be at it. */
  readonly isTimeout: boolean;

  constructor(message: string, options: { readonly wasNotSent?: boolean; readonly isTimeout?: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.wasNotSent = options.wasNotSent ?? false;
    this.isTimeout = options.isTimeout ?? false;
  }
}

const NOT_CONNECTED: readonly unknown[] = ["ENOENT", "ECONNREFUSED", "EAGAIN", "EACCES", "ENOTDIR"];

/**
 * Sends a request and answers the response as soon as its head is there; its body is still to be read. Throws `CallFailed` if there is no answer
 * in time, and `signal.reason` once `signal` is aborted, which also ends a response that is being read.
 */
export function sendCall(call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const text = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers = text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request({ agent: call.agent, socketPath: call.socketPath, method: call.method, path: call.path, headers });
    let answer: IncomingMessage | undefined;
    const late = setTimeout(
      () => (answer ?? sent).destroy(new CallFailed(`the store server at ${call.socketPath} gave no answer within ${call.timeoutMs} ms`, { isTimeout: true })),
      call.timeoutMs,
    );
    const abort = (): void => {
      sent.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort);
    sent.on("close", () => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    });
    sent.on("error", (error) => reject(error instanceof CallFailed ? error : unansweredBecause(error, call.socketPath)));
    sent.on("response", (response) => {
      if (call.timeoutCovers === "head") clearTimeout(late);
      answer = response;
      resolve(response);
    });
    sent.end(text);
  });
}

/** Reads a response's body as JSON. Throws `CallFailed` if the connection is lost meanwhile or the body is not JSON. */
export async function readJson(response: IncomingMessage, socketPath: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw error instanceof CallFailed ? error : unansweredBecause(error, socketPath);
  }
}

function unansweredBecause(error: unknown, socketPath: string): CallFailed {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const text = error instanceof Error ? error.message : String(error);
  return new CallFailed(`the store server at ${socketPath} can't be reached (${text}): is the process that serves the store running?`, {
    wasNotSent: NOT_CONNECTED.includes(code),
    cause: error,
  });
}
