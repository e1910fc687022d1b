import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { armErrors } from "../model/api/errors.ts";
import type { ComputeModel } from "../model/compute-model.ts";
import { dispatch, refused } from "./dispatch.ts";
import { BODY_MAX_MIB, readRequest, writeAnswer } from "./http-exchange.ts";
import type { Runtime } from "./runtime.ts";
import type { TlsMaterial } from "./tls.ts";

export interface EmulatorServer {
  readonly port: number;
  /** Answers connections from now on, those that came before included. */
  serve(served: Served): void;
  /** Answers requests in progress, then stops. */
  close(): Promise<void>;
}

export interface Served {
  readonly model: ComputeModel;
  readonly runtime: Runtime;
  /** Undefined for plain HTTP. */
  readonly tls: TlsMaterial | undefined;
}

/** How long open requests may take after `close`. */
const DRAIN_MS = 2000;

/**
 * Takes a port for HTTP/1.1, with TLS or without. Connections wait until `serve` says what answers them, so
 * that all that an emulator changes on this machine comes after it owns its port. Rejects if it can't listen.
 */
export async function openServer(address: {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}): Promise<EmulatorServer> {
  const { isSecure } = address;
  const server = isSecure ? createHttpsServer() : createHttpServer();
  const held = holdConnections(server);
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    serve: (served) => {
      if (server instanceof TlsServer && served.tls !== undefined)
        server.setSecureContext({ key: served.tls.keyPem, cert: served.tls.certPem });
      server.on("request", (message: IncomingMessage, response: ServerResponse) => {
        answer(served, message, response).catch((error: unknown) => {
          if (!response.headersSent)
            writeAnswer(
              response,
              refused(armErrors.internalError(error instanceof Error ? error.message : String(error))),
            );
          else response.destroy();
        });
      });
      held.release();
    },
    close: () => {
      held.drop();
      return close(server);
    },
  };
}

/** Keeps connections from the server's own listeners until they are released or dropped. */
function holdConnections(server: Server): { release(): void; drop(): void } {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  const held: Socket[] = [];
  const hold = (socket: Socket): void => void held.push(socket);
  server.removeAllListeners("connection").on("connection", hold);
  return {
    release: () => {
      server.off("connection", hold);
      for (const listener of listeners) server.on("connection", listener);
      for (const socket of held.splice(0)) server.emit("connection", socket);
    },
    drop: () => {
      for (const socket of held) socket.destroy();
    },
  };
}

async function answer(options: Served, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedMs = performance.now();
  const request = await readRequest(message, options.tls === undefined ? "http" : "https");
  if (request === undefined) {
    writeAnswer(response, refused(armErrors.requestTooLarge(BODY_MAX_MIB)));
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
