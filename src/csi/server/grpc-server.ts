import { chmod, lstat, rename, unlink } from "node:fs/promises";
import { createConnection } from "node:net";
import { basename, dirname, join } from "node:path";
import { duplexPair } from "node:stream";
import {
  type handleUnaryCall,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { hasCode } from "../../core/primitives/error-code.ts";
import { answerCall, type CallPorts } from "./answer-call.ts";
import { parseEndpoint } from "./parse-endpoint.ts";
import { checkSocketFolder, removeStaleSocket } from "./socket-path.ts";
import { CallEnded, type HandlersOf, type UnaryHandler } from "./unary-handler.ts";
import type { UnixSockets } from "./unix-sockets.ts";
import { untilAnswering } from "./until-answering.ts";

/** Requests are small: the largest is a CreateVolume with its parameters and topologies. */
const RECEIVED_MESSAGE_MAX_BYTES = 4 * 1024 * 1024;
/** Responses are larger: a page of ListVolumes. */
const SENT_MESSAGE_MAX_BYTES = 16 * 1024 * 1024;
/** external-attacher runs up to 1,000 workers over one connection. */
const CONCURRENT_CALLS_MAX = 2000;
/** A client that may connect may mount and unmount: only the driver's own user. */
const SOCKET_MODE = 0o600;

/**
 * A gRPC server for CSI: unary calls on a unix or tcp endpoint. Add services, then listen; stop ends it for
 * good.
 */
export class GrpcServer {
  readonly #server = new Server({
    "grpc.max_receive_message_length": RECEIVED_MESSAGE_MAX_BYTES,
    "grpc.max_send_message_length": SENT_MESSAGE_MAX_BYTES,
    "grpc.max_concurrent_streams": CONCURRENT_CALLS_MAX,
  });
  readonly #ports: CallPorts;
  readonly #calls = new Set<AbortController>();
  readonly #unixSockets: UnixSockets | undefined;
  #socket: { readonly path: string; readonly inode: bigint } | undefined;
  #listener: { readonly close: () => Promise<void> } | undefined;

  /** `unixSockets`: instead of Node's own, where it has none. */
  constructor(ports: CallPorts, unixSockets?: UnixSockets) {
    this.#ports = ports;
    this.#unixSockets = unixSockets;
  }

  /**
   * Serves a generated service of unary methods. Those without a handler answer UNIMPLEMENTED, and are
   * logged and counted like the others. Chainable.
   */
  add<Service extends object>(service: Service, handlers: HandlersOf<Service>): this {
    const definition = service as ServiceDefinition;
    const given = handlers as Readonly<Record<string, UnaryHandler<unknown, unknown> | undefined>>;
    const implementation: UntypedServiceImplementation = {};
    for (const [name, { path }] of Object.entries(definition))
      implementation[name] = this.#implement(path, given[name] ?? unimplemented(path));
    this.#server.addService(definition, implementation);
    return this;
  }

  /**
   * Listens on `unix://<path>` or `tcp://<host>:<port>` and returns the endpoint, in which port 0 is
   * replaced by the actual port. Fails with `InvalidArgument` or `HostNotReady`.
   */
  async listen(endpoint: string): Promise<Result<string>> {
    const parsed = parseEndpoint(endpoint);
    if (!parsed.ok) return parsed;
    if (parsed.value.kind === "tcp") {
      const bound = await this.#bind(parsed.value.address);
      return bound.ok ? ok(`tcp://${parsed.value.address.replace(/\d+$/u, String(bound.value))}`) : bound;
    }
    const { path } = parsed.value;
    const folder = await checkSocketFolder(path);
    if (!folder.ok) return folder;
    const listening =
      this.#unixSockets === undefined
        ? await this.#listenAt(path)
        : await this.#listenBy(this.#unixSockets, path);
    return listening.ok ? ok(`unix://${path}`) : listening;
  }

  /**
   * Takes no more calls and waits for those under way; when `signal` is aborted their signals are
   * aborted and their connections are cut.
   */
  async stop(signal: AbortSignal): Promise<void> {
    const cut = (): void => {
      for (const call of this.#calls)
        call.abort(new CallEnded({ kind: "HostNotReady", detail: "the driver is being stopped" }));
      this.#server.forceShutdown();
    };
    const drained = new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
    if (signal.aborted) cut();
    signal.addEventListener("abort", cut);
    await this.#removeSocket();
    await this.#listener?.close();
    await drained;
    signal.removeEventListener("abort", cut);
  }

  #implement(method: string, handler: UnaryHandler<unknown, unknown>): handleUnaryCall<unknown, unknown> {
    return (call, callback) => {
      this.#answer({ method, call, callback }, handler).catch((error: unknown) => {
        this.#ports.logger.error("answer could not be sent", { method, error: String(error) });
      });
    };
  }

  async #answer(
    incoming: {
      readonly method: string;
      readonly call: ServerUnaryCall<unknown, unknown>;
      readonly callback: sendUnaryData<unknown>;
    },
    handler: UnaryHandler<unknown, unknown>,
  ): Promise<void> {
    const { method, call, callback } = incoming;
    const { clock } = this.#ports;
    const ending = new AbortController();
    this.#calls.add(ending);
    const deadlineEpochMs = Number(call.getDeadline());
    // grpc-js says `cancelled` both for a caller that gave up and for a deadline that passed.
    call.on("cancelled", () => {
      const isLate = clock.nowMs() >= deadlineEpochMs;
      ending.abort(
        new CallEnded(isLate ? { kind: "DeadlineExceeded", operation: method } : { kind: "Cancelled" }),
      );
    });
    const deadlineMs = clock.elapsedMs() + deadlineEpochMs - clock.nowMs();
    const answer = await answerCall(
      handler,
      { method, request: call.request, signal: ending.signal, deadlineMs },
      this.#ports,
    );
    this.#calls.delete(ending);
    if ("status" in answer) callback(answer.status);
    else callback(null, answer.response);
  }

  /**
   * The socket gets its name only when the server has answered a call on it. Go's clients, the sidecars
   * among them, close a connection on which nothing arrives for a second, and then exit; while a
   * process starts on a busy machine, a second passes easily between the socket and the first answer.
   */
  async #listenAt(path: string): Promise<Result<void>> {
    const removed = await removeStaleSocket(path);
    if (!removed.ok) return removed;
    const hidden = this.#hiddenPathFor(path);
    const bound = await this.#bind(`unix:${hidden}`);
    if (!bound.ok) return bound;
    await chmod(hidden, SOCKET_MODE);
    const { clock } = this.#ports;
    const answering = await untilAnswering(createConnection(hidden), { path: hidden, clock });
    if (!answering.ok) return answering;
    this.#socket = { path, inode: (await lstat(hidden, { bigint: true })).ino };
    await rename(hidden, path);
    return ok(undefined);
  }

  /** The server has answered a call before there is a socket. */
  async #listenBy(sockets: UnixSockets, path: string): Promise<Result<void>> {
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const [client, served] = duplexPair();
    injector.injectConnection(served);
    const answering = await untilAnswering(client, { path, clock: this.#ports.clock });
    if (!answering.ok) return answering;
    const listening = await sockets.listen(path, (connection) => injector.injectConnection(connection));
    if (!listening.ok) return listening;
    this.#listener = listening.value;
    return ok(undefined);
  }

  /**
   * In the same folder, no longer than the path itself, since its length is limited, and with a leading
   * dot: kubelet ignores it in its registry.
   */
  #hiddenPathFor(path: string): string {
    const letters = Math.max(1, basename(path).length - 1);
    return join(dirname(path), `.${String(this.#ports.random.next()).slice(-letters)}`);
  }

  /** The platform removes a socket by the name that it was created with. */
  async #removeSocket(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    try {
      if ((await lstat(socket.path, { bigint: true })).ino === socket.inode) await unlink(socket.path);
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ENOTDIR"))
        this.#ports.logger.warn("the socket could not be removed", {
          path: socket.path,
          error: String(error),
        });
    }
  }

  #bind(address: string): Promise<Result<number>> {
    return new Promise((resolve) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        resolve(error === null ? ok(port) : hostNotReady(`can't listen on ${address}: ${error.message}`));
      });
    });
  }
}

/** grpc-js answers a method that it does not know by itself: neither log nor metrics would show the call. */
function unimplemented(path: string): UnaryHandler<unknown, unknown> {
  return () => Promise.resolve(fail({ kind: "Unsupported", what: path }));
}
