import assert from "node:assert/strict";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { createUnixSockets } from "../../adapters/unix-sockets/create-unix-sockets.ts";
import { loadLibc } from "../../adapters/unix-sockets/testing/load-libc.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Logger } from "../../ports/logger.ts";
import { ControllerService, type DeleteVolumeRequest, type DeleteVolumeResponse } from "../gen/csi/v1/csi.ts";
import { type CallLimits, callUnary } from "../testing/call-unary.ts";
import type { ImpatientCaller } from "../testing/impatient-caller.ts";
import { connectRaw, sendDeleteVolume } from "../testing/raw-calls.ts";
import type { CallOutcome } from "./answer-call.ts";
import { GrpcServer } from "./grpc-server.ts";
import type { CallContext, UnaryHandler } from "./unary-handler.ts";
import type { UnixSockets } from "./unix-sockets.ts";

type DeleteVolume = UnaryHandler<DeleteVolumeRequest, DeleteVolumeResponse>;

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function recordingLogger(lines: Line[], base: Readonly<Record<string, unknown>> = {}): Logger {
  const at =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, fields: { ...base, ...fields } });
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => recordingLogger(lines, { ...base, ...fields }),
  };
}

const never = new AbortController().signal;
/** Longer than any step here takes on a busy machine, in milliseconds. */
const PATIENCE_MS = 60_000;
/** What a server listens with: Node's own sockets, or those that it uses on Windows. */
const LISTENERS: readonly { readonly name: string; readonly unixSockets: UnixSockets | undefined }[] = [
  { name: "Node's sockets", unixSockets: undefined },
  { name: "the system's socket functions", unixSockets: createUnixSockets(loadLibc()) },
];

/** A server with one handler on a socket of its own, a client on it, and what was logged and counted. */
async function serveWith(
  unixSockets: UnixSockets | undefined,
  deleteVolume: DeleteVolume,
  act: (server: {
    readonly client: Client;
    readonly lines: Line[];
    readonly outcomes: CallOutcome[];
    readonly grpc: GrpcServer;
    readonly socket: string;
  }) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "csi-"));
  const lines: Line[] = [];
  const outcomes: CallOutcome[] = [];
  const socket = join(directory, "csi.sock");
  let count = 0;
  const random = { next: () => 0, uuid: () => `request-${(count += 1)}` };
  const grpc = new GrpcServer(
    {
      clock: systemClock,
      random,
      logger: recordingLogger(lines),
      onCall: (outcome) => outcomes.push(outcome),
    },
    unixSockets,
  ).add(ControllerService, { deleteVolume });
  assert.deepEqual(await grpc.listen(`unix://${socket}`), ok(`unix://${socket}`));
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  try {
    await act({ client, lines, outcomes, grpc, socket });
  } finally {
    client.close();
    await grpc.stop(AbortSignal.abort());
    await rm(directory, { recursive: true, force: true });
  }
}

function callDelete(
  client: Client,
  volumeId: string,
  limits?: CallLimits,
): Promise<DeleteVolumeResponse | ServiceError> {
  const request = { volumeId, secrets: { password: "hunter2" } };
  return callUnary(client, ControllerService.deleteVolume, request, limits).catch(
    (error: ServiceError) => error,
  );
}

/** Waits until the caller is gone and returns the signal's reason. */
async function untilEnded(call: CallContext): Promise<never> {
  if (!call.signal.aborted) await once(call.signal, "abort");
  throw call.signal.reason;
}

for (const { name, unixSockets } of LISTENERS)
  describe(`GrpcServer on ${name}`, () => {
    const withServer = (deleteVolume: DeleteVolume, act: Parameters<typeof serveWith>[2]): Promise<void> =>
      serveWith(unixSockets, deleteVolume, act);

    it("answers the handler's response, logs one line without secrets, counts the call", async () => {
      await withServer(
        async () => ok({}),
        async ({ client, lines, outcomes }) => {
          assert.deepEqual(await callDelete(client, "pvc-1"), {});
          const [line] = lines;
          assert.equal(lines.length, 1);
          assert.equal(line?.message, "call answered");
          assert.deepEqual(
            { ...line?.fields, durationMs: 0 },
            {
              method: "/csi.v1.Controller/DeleteVolume",
              requestId: "request-1",
              code: "OK",
              durationMs: 0,
              request: { volumeId: "pvc-1", secrets: "stripped" },
            },
          );
          assert.deepEqual(
            outcomes.map(({ method, code }) => ({ method, code })),
            [{ method: "/csi.v1.Controller/DeleteVolume", code: "OK" }],
          );
        },
      );
    });

    it("answers a failure with its code and sentence", async () => {
      const failure: Failure = {
        kind: "VolumeInUse",
        volumeId: "pvc-1",
        nodeName: "node-a",
        users: ["default/pöd"],
      };
      await withServer(
        async () => fail(failure),
        async ({ client, outcomes }) => {
          const error = await callDelete(client, "pvc-1");
          assert.ok(error instanceof Error);
          assert.equal(error.code, status.FAILED_PRECONDITION);
          assert.equal(
            error.details,
            'volume "pvc-1" is in use on node node-a (default/pöd); end that use first',
          );
          assert.equal(outcomes[0]?.code, "FAILED_PRECONDITION");
        },
      );
    });

    it("answers INTERNAL for a bug, without its words, and logs it with its stack", async () => {
      await withServer(
        async () => {
          throw new Error("secret of a bug");
        },
        async ({ client, lines }) => {
          const error = await callDelete(client, "pvc-1");
          assert.ok(error instanceof Error);
          assert.equal(error.code, status.INTERNAL);
          assert.equal(error.details, "a bug in the driver: see its log for request request-1");
          assert.match(
            String(lines.find((line) => line.level === "error")?.fields["error"]),
            /secret of a bug\n\s+at /u,
          );
        },
      );
    });

    it("answers UNIMPLEMENTED for methods without handler, and logs and counts it", async () => {
      await withServer(
        async () => ok({}),
        async ({ client, lines, outcomes }) => {
          const request = { volumeCapabilities: [], parameters: {}, accessibleTopology: undefined };
          await assert.rejects(callUnary(client, ControllerService.getCapacity, request), {
            code: status.UNIMPLEMENTED,
            details: "/csi.v1.Controller/GetCapacity is not supported by this version of the driver",
          });
          const seen = { method: "/csi.v1.Controller/GetCapacity", code: "UNIMPLEMENTED" };
          assert.deepEqual(
            lines.map(({ level, fields }) => ({ level, method: fields["method"], code: fields["code"] })),
            [{ level: "warn", ...seen }],
          );
          assert.deepEqual(
            outcomes.map(({ method, code }) => ({ method, code })),
            [seen],
          );
        },
      );
    });

    it("aborts the handler's signal when the caller cancels", async () => {
      const { promise: ended, resolve } = Promise.withResolvers<unknown>();
      const { promise: began, resolve: begin } = Promise.withResolvers<void>();
      await withServer(
        async (_request, call) => {
          begin();
          call.signal.addEventListener("abort", () => resolve(call.signal.reason.failure));
          return untilEnded(call);
        },
        async ({ client, lines }) => {
          const caller = new AbortController();
          const pending = callDelete(client, "pvc-1", { signal: caller.signal });
          await began;
          caller.abort();
          await pending;
          assert.deepEqual(await ended, { kind: "Cancelled" });
          while (lines.length === 0) await new Promise(setImmediate);
          assert.deepEqual(
            lines.map((line) => [line.level, line.fields["code"]]),
            [["warn", "CANCELLED"]],
          );
        },
      );
    });

    it("passes the caller's deadline to the handler", async () => {
      let leftMs = 0;
      await withServer(
        async (_request, call) => {
          leftMs = call.deadlineMs - systemClock.elapsedMs();
          return ok({});
        },
        async ({ client }) => {
          assert.deepEqual(
            await callDelete(client, "pvc-1", { deadline: systemClock.nowMs() + PATIENCE_MS }),
            {},
          );
          assert.ok(leftMs > 0 && leftMs <= PATIENCE_MS, `${leftMs} ms left`);
        },
      );
    });

    it("aborts the handler's signal when the deadline has passed", async () => {
      const { promise: ended, resolve } = Promise.withResolvers<unknown>();
      await withServer(
        async (_request, call) => {
          call.signal.addEventListener("abort", () => resolve(call.signal.reason.failure));
          return untilEnded(call);
        },
        async ({ socket }) => {
          const session = connectRaw(socket);
          const call = await sendDeleteVolume(session, "pvc-1", { "grpc-timeout": "2S" });
          const [headers] = (await once(call, "response")) as [IncomingHttpHeaders];
          assert.equal(headers["grpc-status"], String(status.DEADLINE_EXCEEDED));
          assert.deepEqual(await ended, {
            kind: "DeadlineExceeded",
            operation: "/csi.v1.Controller/DeleteVolume",
          });
          session.destroy();
        },
      );
    });

    it("refuses a request that is too large before any handler sees it", async () => {
      await withServer(
        async () => ok({}),
        async ({ client, lines }) => {
          const error = await callDelete(client, "x".repeat(5 * 1024 * 1024));
          assert.ok(error instanceof Error);
          assert.equal(error.code, status.RESOURCE_EXHAUSTED);
          assert.equal(lines.length, 0);
        },
      );
    });

    it("serves a hundred clients with a MiB each", async () => {
      const lengths: number[] = [];
      await withServer(
        async ({ volumeId }) => {
          lengths.push(volumeId.length);
          return ok({});
        },
        async ({ socket }) => {
          const options = { "grpc.use_local_subchannel_pool": 1 };
          const clients = Array.from(
            { length: 100 },
            () => new Client(`unix:${socket}`, credentials.createInsecure(), options),
          );
          const answers = await Promise.all(
            clients.map((client) => callDelete(client, "x".repeat(1024 * 1024))),
          );
          for (const client of clients) client.close();
          assert.deepEqual(new Set(answers.map((answer) => JSON.stringify(answer))), new Set(["{}"]));
        },
      );
      assert.deepEqual([lengths.length, new Set(lengths)], [100, new Set([1024 * 1024])]);
    });

    it("aborts the calls of a client that dies, and serves the next one", async () => {
      const { promise: ended, resolve } = Promise.withResolvers<unknown>();
      const { promise: began, resolve: begin } = Promise.withResolvers<void>();
      await withServer(
        async ({ volumeId }, call) => {
          if (volumeId === "next") return ok({});
          begin();
          call.signal.addEventListener("abort", () => resolve(call.signal.reason.failure));
          return untilEnded(call);
        },
        async ({ client, socket }) => {
          const connection = connect(socket);
          const session = connectHttp2("http://localhost", { createConnection: () => connection });
          session.on("error", () => {});
          const call = await sendDeleteVolume(session, "pvc-1");
          call.on("error", () => {});
          await began;
          connection.destroy();
          assert.deepEqual(await ended, { kind: "Cancelled" });
          assert.deepEqual(await callDelete(client, "next"), {});
        },
      );
    });

    it("waits for calls under way when it stops, and takes no new ones", async () => {
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
      const { promise: began, resolve: begin } = Promise.withResolvers<void>();
      await withServer(
        async () => {
          begin();
          await mayEnd;
          return ok({});
        },
        async ({ client, grpc, socket }) => {
          const answer = callDelete(client, "pvc-1");
          await began;
          const stopped = grpc.stop(never);
          end();
          assert.deepEqual(await answer, {});
          await stopped;
          await assert.rejects(stat(socket), /ENOENT/u);
        },
      );
    });

    it("aborts calls under way when the time to drain is over", async () => {
      const { promise: began, resolve: begin } = Promise.withResolvers<void>();
      const { promise: ended, resolve } = Promise.withResolvers<unknown>();
      await withServer(
        async (_request, call) => {
          begin();
          call.signal.addEventListener("abort", () => resolve(call.signal.reason.failure.kind));
          return untilEnded(call);
        },
        async ({ client, grpc }) => {
          const answer = callDelete(client, "pvc-1");
          await began;
          const drain = new AbortController();
          const stopped = grpc.stop(drain.signal);
          drain.abort();
          await stopped;
          assert.equal(await ended, "HostNotReady");
          assert.ok((await answer) instanceof Error);
        },
      );
    });
  });

// Other sockets read such a call and its cancellation at once, and no handler starts.
describe("GrpcServer on Node's sockets alone", () => {
  it("aborts the signal, a moment late, of a call read together with its cancellation", async () => {
    const { promise: ended, resolve } = Promise.withResolvers<unknown>();
    await serveWith(
      undefined,
      async ({ volumeId }, call) => {
        if (volumeId === "patient") return ok({});
        const wasEnded = call.signal.aborted;
        await systemClock.sleep(1, call.signal).then(
          () => resolve("not noticed"),
          () => resolve({ wasEnded, failure: call.signal.reason.failure }),
        );
        return ok({});
      },
      async ({ socket }) => {
        const sentFlag = new SharedArrayBuffer(4);
        const caller = new Worker(new URL("../testing/impatient-caller.ts", import.meta.url), {
          workerData: { socket, sentFlag } satisfies ImpatientCaller,
        });
        await once(caller, "message");
        caller.postMessage("continue");
        assert.notEqual(Atomics.wait(new Int32Array(sentFlag), 0, 0, PATIENCE_MS), "timed-out");
        assert.deepEqual(await ended, { wasEnded: false, failure: { kind: "Cancelled" } });
        await caller.terminate();
      },
    );
  });
});

for (const { name, unixSockets } of LISTENERS)
  describe(`GrpcServer's socket of ${name}`, () => {
    const listenOn = (socket: string): ReturnType<GrpcServer["listen"]> =>
      aServer().listen(`unix://${socket}`);
    const servers: GrpcServer[] = [];

    function aServer(): GrpcServer {
      const server = new GrpcServer(
        {
          clock: systemClock,
          random: { next: () => 0, uuid: () => "r" },
          logger: recordingLogger([]),
          onCall: () => {},
        },
        unixSockets,
      );
      servers.push(server);
      return server;
    }

    async function inDirectory(act: (socket: string) => Promise<void>): Promise<void> {
      const directory = await mkdtemp(join(tmpdir(), "csi-"));
      try {
        await act(join(directory, "csi.sock"));
      } finally {
        await Promise.all(servers.splice(0).map((server) => server.stop(AbortSignal.abort())));
        await rm(directory, { recursive: true, force: true });
      }
    }

    it("belongs to its owner only", () =>
      inDirectory(async (socket) => {
        assert.ok((await listenOn(socket)).ok);
        assert.equal((await stat(socket)).mode & 0o777, 0o600);
      }));

    it("replaces one that a killed process left behind", () =>
      inDirectory(async (socket) => {
        const left = createServer().listen(socket);
        await once(left, "listening");
        await rename(socket, `${socket}.kept`);
        left.close();
        await once(left, "close");
        await rename(`${socket}.kept`, socket);
        assert.ok((await listenOn(socket)).ok);
        const connection = connect(socket);
        await once(connection, "connect");
        connection.destroy();
      }));

    it("is not taken from a process that listens on it", () =>
      inDirectory(async (socket) => {
        assert.ok((await listenOn(socket)).ok);
        const second = await listenOn(socket);
        assert.match(
          !second.ok && second.failure.kind === "HostNotReady" ? second.failure.detail : "",
          /another process listens/u,
        );
      }));

    it("gets its name once the server answers, since sidecars give up after a second", () =>
      inDirectory(async (socket) => {
        const seen: string[] = [];
        const watcher = watch(dirname(socket), (type, name) => seen.push(`${type} ${name ?? ""}`));
        try {
          assert.ok((await listenOn(socket)).ok);
          while (!seen.includes("rename csi.sock")) await new Promise(setImmediate);
          assert.deepEqual(
            seen.filter((change) => change.endsWith(" csi.sock")),
            ["rename csi.sock"],
          );
          assert.deepEqual(await readdir(dirname(socket)), ["csi.sock"]);
        } finally {
          watcher.close();
        }
      }));

    it("needs a folder, and says which one is missing", () =>
      inDirectory(async (socket) => {
        const listened = await listenOn(join(dirname(socket), "missing", "csi.sock"));
        assert.match(
          !listened.ok && listened.failure.kind === "HostNotReady" ? listened.failure.detail : "",
          /^the folder \S+\/missing for the socket \S+ does not exist; make it, or choose another endpoint$/u,
        );
      }));

    it("does not replace a file that is no socket", () =>
      inDirectory(async (socket) => {
        await writeFile(socket, "precious");
        const listened = await listenOn(socket);
        assert.match(
          !listened.ok && listened.failure.kind === "HostNotReady" ? listened.failure.detail : "",
          /is no socket/u,
        );
      }));

    it("may be a tcp port that the kernel chooses", () =>
      inDirectory(async () => {
        const listened = await aServer().listen("tcp://127.0.0.1:0");
        assert.match(listened.ok ? listened.value : "", /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/u);
      }));
  });
