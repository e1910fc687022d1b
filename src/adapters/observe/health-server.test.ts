import assert from "node:assert/strict";
import { get, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { Gauge, Registry } from "prom-client";
import { healthListener, type HealthOptions, startHealthServer } from "./health-server.ts";

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** The answer of a server with these options to a GET of `path`. */
async function ask(options: Partial<HealthOptions>, path: string): Promise<Answer> {
  const server = await startHealthServer({
    address: { host: "127.0.0.1", port: 0 },
    registry: new Registry(),
    whyNotReady: () => undefined,
    ...options,
  });
  try {
    return await new Promise((resolve, reject) => {
      get(`http://${server.address}${path}`, { agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ code: response.statusCode ?? 0, text: text.trim() }));
      }).on("error", reject);
    });
  } finally {
    await server.close();
  }
}

describe("startHealthServer", () => {
  it("reports a process healthy that has no health check of its own", async () =>
    assert.deepEqual(await ask({}, "/healthz"), { code: 200, text: "ok" }));

  it("says why a new process is needed", async () =>
    assert.deepEqual(await ask({ whyNotAlive: async () => "its socket is gone" }, "/healthz"), {
      code: 500,
      text: "its socket is gone",
    }));

  it("takes a failing health check for a failure of health", async () => {
    const { code, text } = await ask({ whyNotAlive: () => Promise.reject(new Error("a bug")) }, "/healthz");
    assert.deepEqual({ code, text }, { code: 500, text: "Error: a bug" });
  });

  it("tells a process that is not ready from one that is not healthy", async () => {
    const options = { whyNotReady: () => "the caches have not synced" };
    assert.deepEqual(await ask(options, "/readyz"), { code: 503, text: "the caches have not synced" });
    assert.deepEqual(await ask(options, "/healthz"), { code: 200, text: "ok" });
    assert.deepEqual(await ask({}, "/readyz"), { code: 200, text: "ok" });
  });

  it("serves metrics, and other paths that it is given", async () => {
    const registry = new Registry();
    new Gauge({ name: "volumes", help: "Volumes.", registers: [registry] }).set(3);
    assert.match((await ask({ registry }, "/metrics")).text, /^volumes 3$/mu);
    assert.deepEqual(await ask({}, "/"), { code: 404, text: "there are /healthz, /readyz and /metrics" });
  });

  // The ports are open to every pod: a flood of requests must not keep the leader from its renewals.
  it("collects metrics, and asks for its health, once for all that wait", async () => {
    const made = { metrics: 0, health: 0 };
    const registry = Object.assign(new Registry(), {
      metrics: async (): Promise<string> => {
        made.metrics += 1;
        return "volumes 3";
      },
    });
    const whyNotAlive = async (): Promise<undefined> => {
      made.health += 1;
    };
    const listener = healthListener({ registry, whyNotReady: () => undefined, whyNotAlive });
    const answerTo = (url: string): Promise<string> =>
      new Promise((resolve) => {
        const response = { setHeader: () => response, end: (text: string) => resolve(text.trim()) };
        listener({ url } as IncomingMessage, response as unknown as ServerResponse<IncomingMessage>);
      });
    for (const times of [1, 2]) {
      const asked = ["/metrics", "/healthz", "/metrics", "/healthz"].map(answerTo);
      assert.deepEqual(await Promise.all(asked), ["volumes 3", "ok", "volumes 3", "ok"]);
      assert.deepEqual(made, { metrics: times, health: times });
    }
  });

  it("listens on every address, of IPv6 as well, if no host is given", async () => {
    const options = { registry: new Registry(), whyNotReady: () => undefined };
    const server = await startHealthServer({ address: { host: undefined, port: 0 }, ...options });
    try {
      const [, port = ""] = /^(?:\[::\]|0\.0\.0\.0):(\d+)$/u.exec(server.address) ?? [];
      assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    } finally {
      await server.close();
    }
  });
});
