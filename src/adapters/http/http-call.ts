import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { messageOf } from "../../core/failure/message-of.ts";

/** A call to a server. */
export interface HttpCall {
  /** The server, for sentences, such as `the store server at /run/store.sock`. */
  readonly server: string;
  /** The remedy if it can't be reached for this reason, for sentences. */
  readonly remedyOf: (error: unknown) => string;
  /** Begins a request to it, by `request` of node:http or node:https. */
  readonly begin: (headers: OutgoingHttpHeaders) => ClientRequest;
  /** The event that reports a new connection ready for a request: after TLS's handshake, if any. */
  readonly readyEvent: "connect" | "secureConnect";
  readonly body: { readonly text: string; readonly contentType: string } | undefined;
  /**
   * Milliseconds until the answer must be there, counted from when the call gets a connection: time in
   * the queue for one does not count.
   */
  readonly timeoutMs: number;
  /** What must be there by then: the head of a long-lasting answer, or all of it. */
  readonly timeoutCovers: "head" | "whole";
}

/**
 * How long a call waits for one of a limited number of connections, in milliseconds. Callers that wait less
 * long end it by their signals.
 */
const QUEUE_MAX_MS = 60_000;

/** How a call ended without an answer. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  /** The request can't have reached the server: it may be sent again. */
  readonly wasNotSent: boolean;
  /** The server may still be processing it. */
  readonly isTimeout: boolean;

  constructor(
    message: string,
    options: { readonly wasNotSent?: boolean; readonly isTimeout?: boolean; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.wasNotSent = options.wasNotSent ?? false;
    this.isTimeout = options.isTimeout ?? false;
  }
}

/**
 * Connections that a request can be written to. (A request's `reusedSocket` is no help: it is false if
 * the request has waited for its turn.)
 */
const readySockets = new WeakSet<Socket>();

/**
 * Sends a request and returns the response as soon as its head is there; its body is still to be read.
 * Throws `CallFailed` if there is no answer in time, and `signal.reason` once `signal` is aborted,
 * which also ends a response that is being read.
 */
export function sendCall(call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const sent = call.begin(
      call.body === undefined
        ? {}
        : { "content-type": call.body.contentType, "content-length": Buffer.byteLength(call.body.text) },
    );
    let answer: IncomingMessage | undefined;
    // Node writes nothing of a request to a connection that is not ready.
    let isReady = false;
    const giveUpAfter = (ms: number, why: string): NodeJS.Timeout =>
      setTimeout(
        () => (answer ?? sent).destroy(new CallFailed(why, { wasNotSent: !isReady, isTimeout: true })),
        ms,
      );
    let late = giveUpAfter(
      QUEUE_MAX_MS,
      `all connections to ${call.server} were taken for ${QUEUE_MAX_MS} ms`,
    );
    const abort = (): void => {
      sent.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort);
    sent.on("socket", (socket: Socket) => {
      clearTimeout(late);
      late = giveUpAfter(call.timeoutMs, `${call.server} gave no answer within ${call.timeoutMs} ms`);
      // It may have connected while no request had it: no event would follow.
      isReady = readySockets.has(socket) || (call.readyEvent === "connect" && !socket.connecting);
      if (isReady) return;
      socket.once(call.readyEvent, () => {
        readySockets.add(socket);
        isReady = true;
      });
    });
    sent.on("close", () => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    });
    sent.on("error", (error) =>
      reject(error instanceof CallFailed ? error : unansweredBecause(error, call, !isReady)),
    );
    sent.on("response", (response) => {
      if (call.timeoutCovers === "head") clearTimeout(late);
      answer = response;
      resolve(response);
    });
    sent.end(call.body?.text);
  });
}

/**
 * Reads a response's body as text. Throws `CallFailed` if the connection is lost before its end, the
 * call's time is over, or there are more than `bytesMax`. By events: an iterator over the stream takes more
 * processor time.
 */
export function readText(response: IncomingMessage, call: HttpCall, bytesMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const lose = (error: unknown): void =>
      reject(error instanceof CallFailed ? error : unansweredBecause(error, call, false));
    if (response.destroyed) return lose(response.errored ?? new Error("the connection was closed"));
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else response.destroy(new CallFailed(`${call.server} answered with more than ${bytesMax} bytes`, {}));
    });
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    // A response whose connection is lost always emits it.
    response.on("error", lose);
  });
}

function unansweredBecause(error: unknown, call: HttpCall, wasNotSent: boolean): CallFailed {
  const text = messageOf(error);
  return new CallFailed(`${call.server} can't be reached (${text}): ${call.remedyOf(error)}`, {
    wasNotSent,
    cause: error,
  });
}
