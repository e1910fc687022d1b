import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { armErrors } from "../model/api/errors.ts";
import type { ComputeModel } from "../model/compute-model.ts";
import { dispatch, refused } from "./dispatch.ts";
import { BODY_MAX_BYTES, readRequest, writeAnswer } from "./http-exchange.ts";
import type { Runtime } from "./runtime.ts";
import type { TlsMaterial } from "./tls.ts";

export interface EmulatorServer {
  readonly port: number;
  /** Answers requests in progress, then stops. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly model: ComputeModel;
  readonly runtime: Runtime;
  /** Without it, plain HTTP. */
  readonly tls?: TlsMaterial;
  readonly host: string;
  readonly port: number;
}

/** How long open requests may take after `close`. */
const DRAIN_MS = 2000;

/** Serves the model over HTTP/1.1. */
export async function startServer(options: ServerOptions): Promise<EmulatorServer> {
  const { tls } = options;
  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    answer(options, message, response).catch((error: unknown) => {
      if (!response.headersSent)
        writeAnswer(
          response,
          refused(armErrors.internalError(error instanceof Error ? error.message : String(error))),
        );
      else response.destroy();
    });
  };
  const server: Server =
    tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ key: tls.keyPem, cert: tls.certPem }, listener);
  await listen(server, options);
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

async function answer(
  options: ServerOptions,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedMs = performance.now();
  const request = await readRequest(message, options.tls === undefined ? "http" : "https");
  if (request === undefined) {
    writeAnswer(
      response,
      refused(armErrors.invalidRequestContent(`the body is larger than ${BODY_MAX_BYTES} bytes`)),
    );
    return;
  }
  const answered = dispatch(options.model, request);
  options.runtime.poke();
  if (answered.delivery?.kind === "Delayed")
    await delay(answered.delivery.delayMs * options.model.world.settings.timeScale);
  if (answered.sequence !== undefined)
    options.model.journal.noteDuration(answered.sequence, performance.now() - startedMs);
  if (answered.delivery?.kind === "Dropped") message.socket.destroy();
  else writeAnswer(response, answered);
}

function listen(server: Server, address: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
