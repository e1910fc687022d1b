import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseEndpoint } from "./parse-endpoint.ts";

describe("parseEndpoint", () => {
  for (const [endpoint, parsed] of [
    ["unix:///csi/csi.sock", { kind: "unix", path: "/csi/csi.sock" }],
    ["unix:/csi/csi.sock", { kind: "unix", path: "/csi/csi.sock" }],
    ["unix:run/csi.sock", { kind: "unix", path: "run/csi.sock" }],
    ["tcp://127.0.0.1:10000", { kind: "tcp", address: "127.0.0.1:10000" }],
    ["tcp://:10000", { kind: "tcp", address: "[::]:10000" }],
    ["tcp://[::]:10000", { kind: "tcp", address: "[::]:10000" }],
    ["tcp://[::1]:0", { kind: "tcp", address: "[::1]:0" }],
  ] as const) {
    it(`reads ${endpoint}`, () => assert.deepEqual(parseEndpoint(endpoint), { ok: true, value: parsed }));
  }

  for (const [endpoint, problem] of [
    ["", /^expected unix:/u],
    ["/csi/csi.sock", /^expected unix:/u],
    ["http://localhost:80", /^expected unix:/u],
    ["tcp://localhost", /tcp:\/\/<host>:<port>/u],
    [`unix:///${"d".repeat(120)}`, /at most 107 bytes, this one 121/u],
  ] as const) {
    it(`refuses ${JSON.stringify(endpoint)}`, () => {
      const parsed = parseEndpoint(endpoint);
      assert.ok(!parsed.ok);
      assert.match(parsed.failure.problem, problem);
    });
  }
});
