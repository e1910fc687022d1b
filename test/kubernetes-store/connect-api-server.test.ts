import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ApiClient, ApiRequest, ApiWatchEvent } from "../../src/adapters/kubernetes/api/api-client.ts";
import { connectApiServer } from "../../src/adapters/kubernetes/api/connect-api-server.ts";
import type { ConnectApiServerOptions } from "../../src/adapters/kubernetes/api/connect-api-server.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { WatchBroken, WatchGone } from "../../src/ports/store/object-store.ts";
import { json, startHttpsServer } from "./https-server.ts";
import type { Answer, HttpsServer } from "./https-server.ts";

const TEST_TIMEOUT_MS = 1_200_000;
/** How long a busy machine may take for a handshake and an answer, in milliseconds. */
const PATIENCE_MS = 60_000;
/** Of the kernel's times in /proc, whatever its own ticks are. */
const MS_PER_TICK = 10;
const never = new AbortController().signal;
const GET = { method: "GET", path: "/api/v1/things" } as const;
const PUT = { method: "PUT", path: "/api/v1/things/a", body: { a: 1 } } as const;
const cutOff: Answer = (_, response) => response.socket?.destroy();

interface Bench {
  readonly server: HttpsServer;
  readonly connect: (options?: Partial<ConnectApiServerOptions>) => ApiClient;
}

/** Runs a test with its own server. */
function besideServer(test: (bench: Bench) => Promise<void>, address?: string): () => Promise<void> {
  return async () => {
    const server = await startHttpsServer(address);
    const clients: ApiClient[] = [];
    try {
      await test({
        server,
        connect: (options = {}) => {
          const client = connectApiServer({
            config: server.config(),
            userAgent: "driver/1 (test)",
            clock: systemClock,
            random: systemRandom,
            requestTimeoutMs: PATIENCE_MS,
            ...options,
          });
          clients.push(client);
          return client;
        },
      });
    } finally {
      for (const client of clients) client.close();
      await server.close();
    }
  };
}

async function detailOf(calling: ReturnType<ApiClient["call"]>): Promise<string> {
  const answer = await calling;
  assert.ok(!answer.ok && answer.failure.kind === "StoreUnavailable", JSON.stringify(answer));
  return answer.failure.detail;
}

/** A clock on which every wait ends at once, and the length of each, in milliseconds. */
function hurriedClock(): { readonly clock: Clock; readonly waitsMs: readonly number[] } {
  const waitsMs: number[] = [];
  return { clock: { ...systemClock, sleep: async (ms) => void waitsMs.push(ms) }, waitsMs };
}

/**
 * A client with the time limit `requestTimeoutMs` and an open connection: the next call arrives, however
 * long the answer takes.
 */
async function connected({ server, connect }: Bench, requestTimeoutMs: number): Promise<ApiClient> {
  const client = connect({ requestTimeoutMs });
  server.answerWith(json(200, {}));
  const endsMs = systemClock.elapsedMs() + PATIENCE_MS;
  while (!(await client.call(GET, never)).ok)
    assert.ok(systemClock.elapsedMs() < endsMs, `no connection within ${PATIENCE_MS / 1_000} s`);
  return client;
}

/**
 * When the kernel probes the connections to that port next, in milliseconds: of each that is established and
 * has nothing on its way. Column 5 of the file is the timer, which is 2 for a probe, and its time in ticks.
 */
async function probedAfterMs(port: number): Promise<readonly number[]> {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = (await readFile("/proc/net/tcp", "utf8"))
    .split("\n")
    .map((line) => line.trim().split(/\s+/u));
  return lines.flatMap(([, , to = "", state, , timer = ""]) =>
    to.endsWith(remote) && state === "01" && timer.startsWith("02:")
      ? [Number.parseInt(timer.slice(3), 16) * MS_PER_TICK]
      : [],
  );
}

async function untilReceived(server: HttpsServer, count: number): Promise<void> {
  const endsMs = systemClock.elapsedMs() + PATIENCE_MS;
  while (server.received.length < count) {
    assert.ok(
      systemClock.elapsedMs() < endsMs,
      `the server received ${server.received.length} calls of ${count} within ${PATIENCE_MS / 1_000} s`,
    );
    await systemClock.sleep(1, never);
  }
}

async function drained(events: AsyncIterable<ApiWatchEvent>): Promise<readonly ApiWatchEvent[]> {
  const all: ApiWatchEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("connectApiServer: calls", { timeout: TEST_TIMEOUT_MS }, () => {
  it(
    "has the kernel probe a connection that it keeps as seldom as one in use",
    { skip: process.platform === "linux" ? false : "reads /proc" },
    besideServer(async ({ server, connect }) => {
      const client = connect();
      server.answerWith(json(200, {}));
      assert.ok((await client.call(GET, never)).ok && (await client.call(GET, never)).ok);
      await setImmediate();
      const [afterMs = assert.fail("no connection is kept"), ...others] = await probedAfterMs(
        Number(server.config().url.port),
      );
      assert.ok(afterMs > 5_000 && others.length === 0, `${afterMs} ms, ${others.join()}`);
    }),
  );

  it(
    "sends its identity, asks for JSON, and answers any status code with its body",
    besideServer(async ({ server, connect }) => {
      const client = connect();
      server.answerInTurn(json(200, { a: 1 }), json(404, { reason: "NotFound" }), (_, response) =>
        response.writeHead(404).end("404 page not found\n"),
      );
      assert.deepEqual(await client.call({ ...GET, query: { labelSelector: "a=b,c", limit: "5" } }, never), {
        ok: true,
        value: { code: 200, body: { a: 1 } },
      });
      assert.deepEqual(await client.call(PUT, never), {
        ok: true,
        value: { code: 404, body: { reason: "NotFound" } },
      });
      assert.deepEqual(await client.call(GET, never), {
        ok: true,
        value: { code: 404, body: "404 page not found\n" },
      });
      assert.deepEqual(
        server.received.map(({ method, url, headers }) => [
          method,
          url,
          headers["user-agent"],
          headers["content-type"],
          headers["content-length"],
        ]),
        [
          ["GET", "/api/v1/things?labelSelector=a%3Db%2Cc&limit=5", "driver/1 (test)", undefined, undefined],
          ["PUT", "/api/v1/things/a", "driver/1 (test)", "application/json", "7"],
          ["GET", "/api/v1/things", "driver/1 (test)", undefined, undefined],
        ],
      );
      assert.equal(server.connections(), 1);
    }),
  );

  it(
    "reaches a server under a path, on IPv6, by another name, with a client's key",
    besideServer(async ({ server, connect }) => {
      const file = (name: string) => ({ kind: "file", path: join(server.folder, name) }) as const;
      const config = server.config({
        url: new URL(`${server.url}/clusters/one/`),
        serverName: "kubernetes.example",
        clientCertificate: { certificate: file("client.crt"), key: file("client.key") },
      });
      assert.equal((await connect({ config }).call(GET, never)).ok, true);
      assert.deepEqual(
        server.received.map(({ url, client, headers }) => [url, client, headers.host]),
        [["/clusters/one/api/v1/things", "client-of-the-test", new URL(server.url).host]],
      );
      const otherName = { ...config, serverName: "elsewhere.example" };
      assert.match(
        await detailOf(connect({ config: otherName }).call(GET, never)),
        /Hostname\/IP does not match certificate's altnames/u,
      );
    }, "::1"),
  );

  it(
    "opens at most 32 connections, and loses no call",
    besideServer(async ({ server, connect }) => {
      const client = connect();
      server.answerWith((_, response) => setTimeout(() => json(200, {})(_, response), 5));
      const answers = await Promise.all(Array.from({ length: 200 }, () => client.call(PUT, never)));
      assert.ok(answers.every((answer) => answer.ok));
      assert.equal(server.received.length, 200);
      assert.ok(server.connections() <= 32, `${server.connections()} connections`);
    }),
  );

  it(
    "keeps the connections of 32 calls at once for the next ones",
    besideServer(async ({ server, connect }) => {
      const client = connect();
      const held: (() => void)[] = [];
      server.answerWith((request, response) => {
        held.push(() => json(200, {})(request, response));
        if (held.length === 32) for (const answer of held.splice(0)) answer();
      });
      for (let burst = 1; burst <= 3; burst++) {
        const answers = await Promise.all(Array.from({ length: 32 }, () => client.call(PUT, never)));
        assert.ok(answers.every((answer) => answer.ok));
        // The connection of the last answer is free once its event has ended.
        await setImmediate();
      }
      assert.equal(server.connections(), 32);
    }),
  );

  it(
    "starts a call's time limit when the call gets a connection",
    besideServer(async ({ server, connect }) => {
      const client = connect();
      const held: (() => void)[] = [];
      server.answerWith((received, response) => void held.push(() => json(200, {})(received, response)));
      const untilHeld = async (count: number): Promise<void> => {
        while (held.length < count) await setImmediate();
      };
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        const first = Array.from({ length: 32 }, () => client.call(PUT, never));
        await untilHeld(32);
        const queued = client.call(PUT, never);
        mock.timers.tick(PATIENCE_MS - 1);
        held[0]?.();
        await untilHeld(33);
        mock.timers.tick(PATIENCE_MS - 1);
        held[32]?.();
        assert.equal((await queued).ok, true);
        assert.equal((await Promise.all(first)).filter((answer) => answer.ok).length, 1);
      } finally {
        mock.timers.reset();
      }
    }),
  );

  it(
    "never repeats a write that may have arrived, and repeats reads until answered",
    besideServer(async ({ server, connect }) => {
      server.answerWith(cutOff);
      assert.match(
        await detailOf(connect().call(PUT, never)),
        /^the API server at https:\/\/127\.0\.0\.1:\d+ \(the test\) can't be reached \(socket hang up\)/u,
      );
      assert.equal(server.received.length, 1);
      server.answerInTurn(cutOff, cutOff, json(200, { items: [] }));
      assert.equal((await connect().call(GET, never)).ok, true);
      assert.equal(server.received.length, 4);
    }),
  );

  it(
    "never repeats a write that has waited for a connection, either",
    besideServer(async ({ server, connect }) => {
      const client = connect();
      // Every fourth answer ends its connection instead.
      server.answerWith((request, response) =>
        setTimeout(() => (server.received.length % 4 === 0 ? cutOff : json(200, {}))(request, response), 5),
      );
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, index) =>
          client.call({ ...PUT, path: `/api/v1/things/${index}` }, never),
        ),
      );
      const urls = server.received.map(({ url }) => url);
      assert.equal(new Set(urls).size, urls.length);
      assert.ok(answers.some((answer) => answer.ok) && answers.some((answer) => !answer.ok));
    }),
  );

  it(
    "retries briefly while nothing listens, also a write, and names the remedy",
    besideServer(async ({ server, connect }) => {
      const config = server.config({ url: new URL("https://127.0.0.1:1") });
      const { clock, waitsMs } = hurriedClock();
      assert.match(
        await detailOf(connect({ config, clock }).call(PUT, never)),
        /^the API server at https:\/\/127\.0\.0\.1:1 \(the test\) can't be reached \(connect ECONNREFUSED 127\.0\.0\.1:1\): is it running, and can this machine reach it\?$/u,
      );
      const waitedMs = waitsMs.reduce((sum, ms) => sum + ms, 0);
      assert.ok(waitedMs > 300 && waitedMs < 3_000, `${waitedMs} ms`);
    }),
  );

  it(
    "gives up on a server that accepts a call and answers nothing, or half",
    besideServer(async (bench) => {
      const { server } = bench;
      const answers: readonly { readonly request: ApiRequest; readonly answer: Answer }[] = [
        { request: GET, answer: () => undefined },
        {
          request: PUT,
          answer: (_, response) =>
            response.writeHead(200, { "content-type": "application/json" }).write('{"half":'),
        },
      ];
      for (const { request, answer } of answers) {
        const client = await connected(bench, 500);
        const before = server.received.length;
        server.answerWith(answer);
        assert.match(await detailOf(client.call(request, never)), /gave no answer within 500 ms$/u);
        await untilReceived(server, before + 1);
        assert.equal(server.received.length, before + 1);
      }
    }),
  );

  it(
    "waits as long as an overloaded server requests, also with a write, up to a limit",
    besideServer(async ({ server, connect }) => {
      const { clock, waitsMs } = hurriedClock();
      const client = connect({ clock });
      const tooMany = json(429, { reason: "TooManyRequests" }, { "retry-after": "0" });
      server.answerInTurn(tooMany, tooMany, json(201, { made: true }));
      assert.deepEqual(await client.call(PUT, never), {
        ok: true,
        value: { code: 201, body: { made: true } },
      });
      server.answerWith(tooMany);
      assert.deepEqual(await client.call(PUT, never), {
        ok: true,
        value: { code: 429, body: { reason: "TooManyRequests" } },
      });
      assert.equal(server.received.length, 3 + 4);
      server.answerInTurn(json(429, {}, { "retry-after": "1" }), json(200, {}));
      const before = waitsMs.length;
      await client.call(GET, never);
      const [waitedMs, ...more] = waitsMs.slice(before);
      assert.ok(
        waitedMs !== undefined && waitedMs >= 1_000 && waitedMs <= 1_500 && more.length === 0,
        `${waitsMs.join()} ms`,
      );
    }),
  );

  it(
    "repeats a read after a server error that asks for it, never a write",
    besideServer(async ({ server, connect }) => {
      const client = connect();
      const notNow = json(503, { reason: "ServiceUnavailable" }, { "retry-after": "0" });
      server.answerInTurn(notNow, json(200, {}), notNow);
      assert.deepEqual(await client.call(GET, never), { ok: true, value: { code: 200, body: {} } });
      assert.deepEqual(await client.call(PUT, never), {
        ok: true,
        value: { code: 503, body: { reason: "ServiceUnavailable" } },
      });
      assert.equal(server.received.length, 3);
    }),
  );

  it(
    "ends at once when cancelled: in progress, waiting, or before the start",
    besideServer(async ({ server, connect }) => {
      // Neither the server nor the wait that it requests ends: only the caller does.
      const underWay = new AbortController();
      server.answerWith(() => underWay.abort());
      assert.deepEqual(await connect().call(PUT, underWay.signal), {
        ok: false,
        failure: { kind: "Cancelled" },
      });
      const waiting = new AbortController();
      const endlessly: Clock["sleep"] = (ms, signal) => {
        const sleeping = systemClock.sleep(Math.max(ms, 2 * TEST_TIMEOUT_MS), signal);
        waiting.abort();
        return sleeping;
      };
      const client = connect({ clock: { ...systemClock, sleep: endlessly } });
      server.answerWith(json(429, {}, { "retry-after": "5" }));
      assert.deepEqual(await client.call(PUT, waiting.signal), { ok: false, failure: { kind: "Cancelled" } });
      const before = server.received.length;
      assert.deepEqual(await client.call(PUT, AbortSignal.abort()), {
        ok: false,
        failure: { kind: "Cancelled" },
      });
      assert.equal(server.received.length, before);
    }),
  );
});

describe("connectApiServer: credentials", { timeout: TEST_TIMEOUT_MS }, () => {
  const unauthorized = json(401, { reason: "Unauthorized", message: "Unauthorized" });
  const onlyWith =
    (token: string): Answer =>
    (request, response) =>
      (request.headers.authorization === `Bearer ${token}` ? json(200, { token }) : unauthorized)(
        request,
        response,
      );

  it(
    "continues at once with a renewed token of its file, and retries only once",
    besideServer(async ({ server, connect }) => {
      const path = join(server.folder, "token");
      await writeFile(path, "first\n");
      const client = connect({ config: server.config({ token: { kind: "file", path } }) });
      server.answerWith(onlyWith("first"));
      assert.equal((await client.call(GET, never)).ok, true);
      await writeFile(path, "second\n");
      server.answerWith(onlyWith("second"));
      assert.deepEqual(await client.call(PUT, never), {
        ok: true,
        value: { code: 200, body: { token: "second" } },
      });
      await writeFile(path, "third\n");
      server.answerWith((request, response) =>
        request.headers.authorization === "Bearer third"
          ? response.writeHead(200).end()
          : unauthorized(request, response),
      );
      assert.deepEqual(await drained(client.watch("/api/v1/things", {}, never)), []);
      server.answerWith(unauthorized);
      const before = server.received.length;
      assert.deepEqual(await client.call(PUT, never), {
        ok: true,
        value: { code: 401, body: { reason: "Unauthorized", message: "Unauthorized" } },
      });
      assert.equal(server.received.length, before + 1);
    }),
  );

  it(
    "reads a token file every minute, and keeps the last token if the file is missing",
    besideServer(async ({ server, connect }) => {
      const path = join(server.folder, "token");
      await writeFile(path, "first");
      let nowMs = 0;
      const clock = { ...systemClock, elapsedMs: () => nowMs };
      const client = connect({ clock, config: server.config({ token: { kind: "file", path } }) });
      const tokenSent = async (): Promise<string | undefined> => {
        await client.call(GET, never);
        return server.received.at(-1)?.headers.authorization;
      };
      assert.equal(await tokenSent(), "Bearer first");
      await writeFile(path, "second");
      nowMs = 59_000;
      assert.equal(await tokenSent(), "Bearer first");
      nowMs = 61_000;
      assert.equal(await tokenSent(), "Bearer second");
      await copyFile(path, `${path}.away`);
      await writeFile(path, "third");
      nowMs = 200_000;
      assert.equal(await tokenSent(), "Bearer third");
    }),
  );

  it(
    "names the unreadable file",
    besideServer(async ({ server, connect }) => {
      const config = server.config({ token: { kind: "file", path: join(server.folder, "none") } });
      assert.match(
        await detailOf(connect({ config }).call(GET, never)),
        /^the credentials for the API server at \S+ \(the test\) can't be read \(ENOENT.*\/none'\)$/u,
      );
    }),
  );

  it(
    "trusts only its CA, and continues once the CA's file is renewed",
    besideServer(async ({ server, connect }) => {
      const path = join(server.folder, "mounted-ca.crt");
      await copyFile(join(server.folder, "ca.crt"), path);
      const client = connect({ config: server.config({ ca: { kind: "file", path } }) });
      assert.equal((await client.call(GET, never)).ok, true);
      const otherCa = await server.changeAuthority();
      assert.match(
        await detailOf(client.call(GET, never)),
        /can't be reached \(.*\): is its CA the one of the test\?$/u,
      );
      await copyFile(otherCa, path);
      assert.equal((await client.call(PUT, never)).ok, true);
      await writeFile(path, "-----BEGIN CERTIFICATE-----\nhalf a fi");
      assert.equal((await client.call(PUT, never)).ok, true);
    }),
  );

  it(
    "reveals its token in no error",
    besideServer(async ({ server, connect }) => {
      server.answerWith(cutOff);
      const config = server.config({ token: { kind: "text", text: "very-secret" } });
      assert.doesNotMatch(JSON.stringify(await connect({ config }).call(PUT, never)), /very-secret/u);
    }),
  );
});

describe("connectApiServer: watches", { timeout: TEST_TIMEOUT_MS }, () => {
  const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
  const anEvent = { type: "ADDED", object: { metadata: { name: "ä", resourceVersion: "7" } } } as const;

  it(
    "requests bookmarks and a time limit, joins split lines, and returns at the end",
    besideServer(async ({ server, connect }) => {
      server.answerWith((_, response) => {
        const bytes = Buffer.from(
          line("ADDED", anEvent.object) + line("BOOKMARK", { metadata: { resourceVersion: "9" } }),
        );
        // In the middle of a two-byte character.
        const cut = bytes.indexOf(0xa4);
        response.writeHead(200, { "content-type": "application/json" }).write(bytes.subarray(0, cut));
        setTimeout(() => response.end(bytes.subarray(cut)), 20);
      });
      const events = await drained(connect().watch("/api/v1/things", { resourceVersion: "5" }, never));
      assert.deepEqual(events, [
        anEvent,
        { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } },
      ]);
      const query = new URL(server.received[0]?.url ?? "", server.url).searchParams;
      const seconds = Number(query.get("timeoutSeconds"));
      assert.deepEqual(
        [query.get("resourceVersion"), query.get("watch"), query.get("allowWatchBookmarks")],
        ["5", "1", "true"],
      );
      assert.ok(seconds >= 300 && seconds <= 600, `${seconds}`);
    }),
  );

  const ends: readonly {
    readonly because: string;
    readonly answer: Answer;
    readonly requestTimeoutMs?: number;
    readonly error: typeof WatchGone | typeof WatchBroken;
    /** Default: false. */
    readonly isStated?: true;
    /** Default: false. */
    readonly wasOpen?: true;
    readonly says: RegExp;
  }[] = [
    {
      because: "the version is too old",
      answer: json(410, { reason: "Expired", message: "too old" }),
      error: WatchGone,
      says: /too old/u,
    },
    {
      because: "the version becomes too old",
      answer: (_, response) =>
        response
          .writeHead(200)
          .end(line("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "compacted" })),
      error: WatchGone,
      says: /compacted/u,
    },
    {
      because: "the server reports another error",
      answer: (_, response) =>
        response.writeHead(200).end(line("ERROR", { kind: "Status", code: 500, message: "etcd is gone" })),
      error: WatchBroken,
      isStated: true,
      says: /etcd is gone/u,
    },
    {
      because: "it is not allowed",
      answer: json(403, { reason: "Forbidden", message: "no" }),
      error: WatchBroken,
      says: /refused to watch \/api\/v1\/things: no/u,
    },
    {
      because: "the connection is cut",
      answer: (_, response) => {
        response.writeHead(200).write(line("BOOKMARK", {}));
        setTimeout(() => response.socket?.destroy(), 20);
      },
      error: WatchBroken,
      wasOpen: true,
      says: /was cut off/u,
    },
    {
      because: "a line is no JSON",
      answer: (_, response) => response.writeHead(200).end("<html>\n"),
      error: WatchBroken,
      wasOpen: true,
      says: /was cut off/u,
    },
    {
      because: "the server is silent from the start",
      answer: () => undefined,
      requestTimeoutMs: 100,
      error: WatchBroken,
      says: /gave no answer within 100 ms/u,
    },
  ];
  for (const { because, answer, requestTimeoutMs = PATIENCE_MS, error, says, ...broken } of ends)
    it(
      `ends with ${error.name} where ${because}`,
      besideServer(async ({ server, connect }) => {
        server.answerWith(answer);
        await assert.rejects(
          drained(connect({ requestTimeoutMs }).watch("/api/v1/things", {}, never)),
          (thrown) =>
            thrown instanceof error &&
            says.test(thrown.message) &&
            (thrown instanceof WatchBroken && thrown.isStated) === (broken.isStated ?? false) &&
            (thrown instanceof WatchBroken && thrown.wasOpen) === (broken.wasOpen ?? false),
        );
      }),
    );

  it(
    "has no time limit once it has begun, and ends with its signal",
    besideServer(async ({ server, connect }) => {
      let writeMore = (): void => undefined;
      server.answerWith((_, response) => {
        response.writeHead(200).write(line("BOOKMARK", { metadata: { resourceVersion: "1" } }));
        writeMore = () => void response.write(line("ADDED", anEvent.object));
      });
      // The limit passes when the test says so, not during a slow handshake.
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        const caller = new AbortController();
        const events = connect().watch("/api/v1/things", {}, caller.signal)[Symbol.asyncIterator]();
        assert.equal((await events.next()).value?.type, "BOOKMARK");
        mock.timers.tick(2 * PATIENCE_MS);
        writeMore();
        assert.deepEqual((await events.next()).value, anEvent);
        const waiting = events.next();
        caller.abort();
        assert.deepEqual(await waiting, { done: true, value: undefined });
      } finally {
        mock.timers.reset();
      }
    }),
  );
});
