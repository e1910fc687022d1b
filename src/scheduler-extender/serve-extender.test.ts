import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, it } from "node:test";
import { systemClock } from "../adapters/system/system-clock.ts";
import { silentLogger } from "../ports/testing/silent-logger.ts";
import type { AnswerExtender, ExtenderAnswer } from "./extender.ts";
import {
  type ExtenderLimits,
  type ExtenderServer,
  type ServedRequest,
  serveExtender,
} from "./serve-extender.ts";

const MIB = 1024 * 1024;
/** Longer than any step here takes on a busy machine, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Answers with the request, so that a test sees what arrived. */
const echo: AnswerExtender = (verb, body) =>
  body === "broken"
    ? { outcome: "refused", body: '{"Error":"broken"}', removed: new Map() }
    : { outcome: "answered", body: `${verb} ${body}`, removed: new Map() };

const servers: ExtenderServer[] = [];

async function aServer(
  options: { readonly answer?: AnswerExtender; readonly limits?: Partial<ExtenderLimits> } = {},
) {
  const served: ServedRequest[] = [];
  const server = await serveExtender({
    address: { host: "127.0.0.1", port: 0 },
    answer: echo,
    otherwise: (_, response) => response.end("otherwise"),
    onServed: (one) => served.push(one),
    clock: systemClock,
    logger: silentLogger,
    ...options,
    limits: { requestTimeoutMs: PATIENCE_MS, ...options.limits },
  });
  servers.push(server);
  const port = Number(server.address.split(":").at(-1));
  return {
    server,
    served,
    port,
    post: (path: string, body: string, agent?: Agent) => call(port, "POST", path, body, agent),
  };
}

async function call(
  port: number,
  method: string,
  path: string,
  body: string,
  agent?: Agent,
): Promise<{ readonly code: number; readonly text: string }> {
  const sent = request({ host: "127.0.0.1", port, method, path, ...(agent === undefined ? {} : { agent }) });
  sent.on("error", () => {});
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") };
}

describe("the extender's server", () => {
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.drain(AbortSignal.abort());
  });

  it("passes bodies of any size and script to their verb, other paths to the fallback", async () => {
    const { post, port, served } = await aServer();
    const large = "ä€😀".repeat(200_000);
    assert.deepEqual(await post("/filter", large), { code: 200, text: `filter ${large}` });
    assert.deepEqual(await post("/prioritize?x=1", ""), { code: 200, text: "prioritize " });
    assert.deepEqual(await call(port, "GET", "/healthz", ""), { code: 200, text: "otherwise" });
    assert.deepEqual(await post("/preempt", "{}"), { code: 200, text: "preempt {}" });
    assert.deepEqual(await post("/bind", ""), { code: 200, text: "otherwise" });
    assert.deepEqual(
      served.map(({ verb, outcome }) => [verb, outcome]),
      [
        ["filter", "answered"],
        ["prioritize", "answered"],
        ["preempt", "answered"],
      ],
    );
  });

  it("answers a status code if there is no answer, and an empty list if it is one", async () => {
    const { post, port } = await aServer();
    assert.deepEqual(await post("/filter", "broken"), { code: 400, text: '{"Error":"broken"}' });
    assert.equal((await post("/prioritize", "broken")).code, 200);
    assert.equal((await post("/preempt", "broken")).code, 400);
    assert.equal((await call(port, "GET", "/filter", "")).code, 405);
  });

  it("sends an answer that comes later, unless its client has gone", async () => {
    const waiting: ((text: string) => void)[] = [];
    const answer: AnswerExtender = (_verb, body) => {
      const answered = (text: string): ExtenderAnswer => ({
        outcome: "answered",
        body: text,
        removed: new Map(),
      });
      if (body === "now") return answered("now");
      const { promise, resolve, reject } = Promise.withResolvers<ExtenderAnswer>();
      if (body === "never") reject(new Error("a bug"));
      waiting.push((text) => resolve(answered(text)));
      return promise;
    };
    const { post, port, served } = await aServer({ answer });
    const late = post("/filter", "later");
    await untilAnswered(() => Promise.resolve(waiting.length === 1));
    assert.equal((await post("/filter", "now")).text, "now");
    waiting[0]?.("late");
    assert.deepEqual(await late, { code: 200, text: "late" });

    const leaving = connect(port, "127.0.0.1");
    leaving.end("POST /filter HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nlater");
    await untilAnswered(() => Promise.resolve(waiting.length === 2));
    leaving.destroy();
    await untilAnswered(() => Promise.resolve(served.some(({ outcome }) => outcome === "aborted")));
    waiting[1]?.("of no use");
    assert.equal((await post("/filter", "now")).text, "now");

    assert.equal((await post("/filter", "never")).code, 500);
  });

  it("continues to serve after a body that is nested too deeply to be answered", async () => {
    const again: AnswerExtender = (_verb, body) => ({
      outcome: "answered",
      body: JSON.stringify(JSON.parse(body)),
      removed: new Map(),
    });
    const { post } = await aServer({ answer: again });
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    assert.deepEqual(await post("/filter", deep), { code: 500, text: '{"Error":"the extender failed"}' });
    assert.deepEqual(await post("/filter", "[1]"), { code: 200, text: "[1]" });
  });

  it("refuses more than it may hold, names the remedy, and continues to serve", async () => {
    const { post, served } = await aServer({ limits: { bodyBytesMax: MIB } });
    const { code, text } = await post("/filter", "x".repeat(3 * MIB));
    assert.equal(code, 413);
    assert.match(text, /nodeCacheCapable/u);
    assert.equal((await post("/filter", "x".repeat(MIB))).code, 200);
    assert.deepEqual(
      served.map(({ outcome }) => outcome),
      ["refused", "answered"],
    );
  });

  it("limits the memory of all unfinished requests together", async () => {
    const { post, port } = await aServer({ limits: { bufferedBytesMax: MIB } });
    const unfinished = connect(port, "127.0.0.1");
    unfinished.write(
      `POST /filter HTTP/1.1\r\nhost: x\r\ncontent-length: ${2 * MIB}\r\n\r\n${"x".repeat(MIB / 2)}`,
    );
    await untilAnswered(async () => (await post("/filter", "x".repeat(MIB / 2 + 1))).code === 503);
    unfinished.destroy();
    await untilAnswered(async () => (await post("/filter", "x".repeat(MIB / 2 + 1))).code === 200);
  });

  it("gives up on a client that does not finish its request", async () => {
    const { port, served } = await aServer({ limits: { requestTimeoutMs: 1_000 } });
    const slow = connect(port, "127.0.0.1");
    slow.write("POST /filter HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    const chunks: Buffer[] = [];
    for await (const chunk of slow as AsyncIterable<Buffer>) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString("latin1"), /^HTTP\/1\.1 408 /u);
    assert.deepEqual(
      served.map(({ outcome }) => outcome),
      ["aborted"],
    );
  });

  it("survives clients that send garbage or go away", async () => {
    const { port, post } = await aServer();
    for (const text of [
      "\u0000\u0001\u0002",
      "POST /filter HTTP/1.1\r\ncontent-length: x\r\n\r\n",
      "POST /filter HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    ]) {
      const client = connect(port, "127.0.0.1");
      client.on("error", () => {});
      client.end(text);
      client.resume();
      await once(client, "close");
    }
    assert.equal((await post("/filter", "")).code, 200);
  });

  it("finishes pending requests before it ends, and takes no new connections", async () => {
    const agent = new Agent({ keepAlive: true });
    const { server, port, post } = await aServer();
    await post("/filter", "", agent);
    const busy = connect(port, "127.0.0.1");
    busy.write("POST /filter HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{");
    // The server shows by its 100-continue that it has begun.
    assert.match(String((await once(busy, "data"))[0]), /^HTTP\/1\.1 100 /u);
    const drained = server.drain(new AbortController().signal);
    await assert.rejects(once(connect(port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
    busy.write("}");
    const chunks: Buffer[] = [];
    for await (const chunk of busy as AsyncIterable<Buffer>) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString("latin1"), /^HTTP\/1\.1 200 [\s\S]*filter \{\}$/u);
    await drained;
    await server.drain(new AbortController().signal);
    agent.destroy();
  });
});

/** Asks until the answer is the one waited for. */
async function untilAnswered(ask: () => Promise<boolean>): Promise<void> {
  const endsMs = systemClock.elapsedMs() + PATIENCE_MS / 2;
  while (!(await ask())) {
    assert.ok(systemClock.elapsedMs() < endsMs, `the answer did not come within ${PATIENCE_MS / 2_000} s`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
