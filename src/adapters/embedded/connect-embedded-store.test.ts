import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import type { Logger } from "../../ports/logger.ts";
import { WatchBroken } from "../../ports/store/object-store.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import { connectEmbeddedStore } from "./connect-embedded-store.ts";
import type { ConnectedStore, ConnectOptions } from "./connect-embedded-store.ts";
import { openEmbeddedStore } from "./embedded-store.ts";
import { serveEmbeddedStore } from "./serve-embedded-store.ts";
import type { StoreServer } from "./serve-embedded-store.ts";
import { MESSAGE_BYTES_MAX } from "./wire.ts";

const never = new AbortController().signal;
/** Longer than any step here takes on a busy machine, in milliseconds. */
const PATIENCE_MS = 60_000;
const NODE = { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } };
const failingLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) => assert.fail(`${message} ${JSON.stringify(fields)}`),
  child: () => failingLogger,
};

interface Place {
  readonly socketPath: string;
  readonly serve: () => Promise<StoreServer>;
  readonly connect: (options?: Partial<ConnectOptions>) => ConnectedStore;
}

/** Runs a test with a store and a socket path of its own. */
function besideStore(test: (place: Place) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "store-socket-"));
    const socketPath = join(directory, "s");
    const store = openEmbeddedStore({
      file: join(directory, "store.db"),
      clock: systemClock,
      random: systemRandom,
      bookmarkIntervalMs: 5,
    });
    const closing: (() => void | Promise<void>)[] = [];
    try {
      await test({
        socketPath,
        serve: async () => {
          const server = await serveEmbeddedStore({ store, socketPath, logger: failingLogger });
          closing.push(() => server.close());
          return server;
        },
        connect: (options) => {
          const client = connectEmbeddedStore({
            socketPath,
            clock: systemClock,
            random: systemRandom,
            requestTimeoutMs: PATIENCE_MS,
            ...options,
          });
          closing.push(() => client.close());
          return client;
        },
      });
    } finally {
      for (const close of closing.toReversed()) await close();
      store.close();
      rmSync(directory, { recursive: true });
    }
  };
}

describe("connectEmbeddedStore", () => {
  it(
    "fails with StoreUnavailable soon if no server listens, naming the socket",
    besideStore(async ({ connect, socketPath }) => {
      const waitsMs: number[] = [];
      const hurried = { ...systemClock, sleep: async (ms: number) => void waitsMs.push(ms) };
      const read = await connect({ clock: hurried }).get("AzDriverNode", "node-a", never);
      assert.ok(
        !read.ok && read.failure.kind === "StoreUnavailable" && read.failure.detail.includes(socketPath),
        JSON.stringify(read),
      );
      const waitedMs = waitsMs.reduce((sum, ms) => sum + ms, 0);
      assert.ok(waitedMs > 300 && waitedMs < 2_000, `${waitedMs} ms`);
      await assert.rejects(firstEvent(connect()), WatchBroken);
    }),
  );

  it(
    "succeeds if the server comes up during the call",
    besideStore(async ({ connect, serve }) => {
      const creating = connect().create("AzDriverNode", NODE, never);
      await serve();
      assert.equal((await creating).ok, true);
    }),
  );

  it(
    "ends watches with WatchBroken when the server ends, and uses the next server",
    besideStore(async ({ connect, serve }) => {
      const server = await serve();
      const client = connect();
      const made = await client.create("AzDriverNode", NODE, never);
      assert.ok(made.ok);
      const { resourceVersion } = made.value.metadata;
      const events = client.watch("AzDriverNode", {}, resourceVersion, never)[Symbol.asyncIterator]();
      assert.equal((await events.next()).value?.type, "BOOKMARK");
      const [, ended] = await Promise.all([server.close(), assert.rejects(drained(events), WatchBroken)]);
      assert.equal(ended, undefined);
      await serve();
      assert.deepEqual(await client.get("AzDriverNode", "node-a", never), made);
      assert.deepEqual(await firstEvent(client, resourceVersion), { type: "BOOKMARK", resourceVersion });
    }),
  );

  it(
    "gives up a server that takes the call and doesn't answer",
    besideStore(async ({ connect, socketPath }) => {
      const silent = createServer((socket) => socket.on("error", () => undefined)).listen(socketPath);
      await once(silent, "listening");
      try {
        const client = connect({ requestTimeoutMs: 50 });
        for (const result of [
          await client.get("AzDriverNode", "node-a", never),
          await client.create("AzDriverNode", NODE, never),
        ]) {
          assert.ok(
            !result.ok &&
              result.failure.kind === "StoreUnavailable" &&
              result.failure.detail.includes("no answer within 50 ms"),
            JSON.stringify(result),
          );
        }
        await assert.rejects(firstEvent(client), WatchBroken);
        const caller = new AbortController();
        const reading = connect().get("AzDriverNode", "node-a", caller.signal);
        await new Promise(setImmediate);
        caller.abort();
        assert.deepEqual(await reading, { ok: false, failure: { kind: "Cancelled" } });
        client.close();
      } finally {
        silent.close();
      }
    }),
  );

  it("loads no schema library, so that the node role stays small", async () => {
    const program = `
      import { registerHooks } from "node:module";
      const seen = [];
      registerHooks({
        resolve(specifier, context, next) {
          const found = next(specifier, context);
          seen.push(found.url);
          return found;
        },
      });
      await import(${JSON.stringify(new URL("connect-embedded-store.ts", import.meta.url).href)});
      console.log(JSON.stringify(seen));`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--input-type=module",
      "--eval",
      program,
    ]);
    const loaded = JSON.parse(stdout) as readonly string[];
    assert.ok(loaded.some((url) => url.endsWith("/http-call.ts")));
    assert.deepEqual(
      loaded.filter(
        (url) => url.includes("/node_modules/") || url.endsWith(".schema.ts") || url.includes("sqlite"),
      ),
      [],
    );
  });
});

describe("serveEmbeddedStore", () => {
  it(
    "makes a socket that only its owner can open, in place of one left behind",
    besideStore(async ({ serve, socketPath }) => {
      writeFileSync(socketPath, "left behind");
      const server = await serve();
      assert.equal(statSync(socketPath).mode & 0o777, 0o600);
      assert.equal(statSync(socketPath).isSocket(), true);
      await server.close();
      assert.throws(() => statSync(socketPath), /ENOENT/);
    }),
  );

  it(
    "refuses a socket path that the kernel would truncate",
    besideStore(async () => {
      const store = connectEmbeddedStore({
        socketPath: "/nowhere",
        clock: systemClock,
        random: systemRandom,
      });
      await assert.rejects(
        serveEmbeddedStore({ store, socketPath: `/tmp/${"x".repeat(110)}`, logger: failingLogger }),
        /is longer than 103 bytes: choose a shorter directory/,
      );
    }),
  );

  it(
    "shows objects as Kubernetes' API does",
    besideStore(async ({ connect, serve, socketPath }) => {
      await serve();
      const made = await connect().create(
        "AzDriverNode",
        { ...NODE, metadata: { name: "node-a", labels: { a: "1" } } },
        never,
      );
      assert.ok(made.ok);
      const shown = { apiVersion: "disk.csi.azure.com/v1", kind: "AzDriverNode", ...made.value };
      const { resourceVersion } = made.value.metadata;
      const nodes = "/apis/disk.csi.azure.com/v1/azdrivernodes";
      assert.deepEqual(await raw(socketPath, "GET", `${nodes}/node-a`), { code: 200, body: shown });
      assert.deepEqual(await raw(socketPath, "GET", `${nodes}?labelSelector=a%3D1`), {
        code: 200,
        body: {
          apiVersion: "disk.csi.azure.com/v1",
          kind: "AzDriverNodeList",
          metadata: { resourceVersion },
          items: [shown],
        },
      });
      assert.deepEqual(await raw(socketPath, "GET", "/apis/coordination.k8s.io/v1/leases"), {
        code: 200,
        body: {
          apiVersion: "coordination.k8s.io/v1",
          kind: "LeaseList",
          metadata: { resourceVersion },
          items: [],
        },
      });
      assert.equal((await raw(socketPath, "GET", "/healthz")).code, 200);
    }),
  );

  const refusals = [
    {
      method: "GET",
      path: "azdrivernodes/none",
      body: undefined,
      code: 404,
      reason: "NotFound",
      because: "there is no such object",
    },
    {
      method: "GET",
      path: "azpotatoes",
      body: undefined,
      code: 404,
      reason: "NotFound",
      because: "there is no such resource",
    },
    {
      method: "GET",
      path: "azdrivernodes/%zz",
      body: undefined,
      code: 404,
      reason: "NotFound",
      because: "the path is malformed",
    },
    {
      method: "PATCH",
      path: "azdrivernodes/node-a",
      body: "{}",
      code: 405,
      reason: "BadRequest",
      because: "there is no such call",
    },
    {
      method: "GET",
      path: "azdrivernodes?labelSelector=a%20in%20(b)",
      body: undefined,
      code: 400,
      reason: "BadRequest",
      because: "the selector is more than equalities",
    },
    {
      method: "POST",
      path: "azdrivernodes",
      body: "{",
      code: 400,
      reason: "BadRequest",
      because: "the body is not JSON",
    },
    {
      method: "POST",
      path: "azdrivernodes",
      body: undefined,
      code: 422,
      reason: "Invalid",
      because: "there is no body",
    },
    {
      method: "POST",
      path: "azdrivernodes",
      body: "[]",
      code: 422,
      reason: "Invalid",
      because: "the body is no object",
    },
    {
      method: "POST",
      path: "azdrivernodes",
      body: JSON.stringify({ metadata: { name: 7 }, spec: {} }),
      code: 422,
      reason: "Invalid",
      because: "the name is no text",
    },
    {
      method: "PUT",
      path: "azdrivernodes/node-a",
      body: "null",
      code: 404,
      reason: "NotFound",
      because: "there is nothing to replace",
    },
    {
      method: "POST",
      path: "azdrivernodes",
      body: " ".repeat(MESSAGE_BYTES_MAX + 1),
      code: 400,
      reason: "BadRequest",
      because: "the body is too large",
    },
    {
      method: "DELETE",
      path: "azdrivernodes/none",
      body: "7",
      code: 404,
      reason: "NotFound",
      because: "there is nothing to delete",
    },
  ];
  for (const { method, path, body, code, reason, because } of refusals)
    it(
      `answers ${method} ${path} with ${code}: ${because}`,
      besideStore(async ({ serve, socketPath }) => {
        await serve();
        const answer = await raw(socketPath, method, `/apis/disk.csi.azure.com/v1/${path}`, body);
        const {
          kind,
          status,
          reason: answered,
        } = answer.body as { readonly kind: string; readonly status: string; readonly reason: string };
        assert.deepEqual(
          { code: answer.code, kind, status, reason: answered },
          { code, kind: "Status", status: "Failure", reason },
        );
      }),
    );
});

function raw(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
): Promise<{ readonly code: number | undefined; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const sent = request({ socketPath, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () =>
        resolve({ code: response.statusCode, body: text.startsWith("{") ? JSON.parse(text) : text }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function drained(events: AsyncIterator<unknown>): Promise<void> {
  while ((await events.next()).done !== true);
}

async function firstEvent(store: ConnectedStore, resourceVersion = "1"): Promise<unknown> {
  for await (const event of store.watch("AzDriverNode", {}, resourceVersion, never)) return event;
  return undefined;
}
