import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { it } from "node:test";
import { processOptions } from "../settings/process-options.ts";
import { runRole } from "./run-role.ts";

it("ends what a role had begun if the rest of it can't start", async () => {
  let lifetime: AbortSignal | undefined;
  const role = {
    name: "broken",
    usage: "",
    options: processOptions,
    start: (_values: unknown, ports: { readonly lifetime: AbortSignal }) => {
      lifetime = ports.lifetime;
      return Promise.reject(new Error("can't listen"));
    },
  };
  await assert.rejects(runRole(role, []), { message: "can't listen" });
  assert.equal(lifetime?.aborted, true);
});

it("names the flag of an address that is in use", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const start = (): Promise<never> => Promise.reject(new Error("must not start"));
  try {
    await assert.rejects(
      runRole({ name: "second", usage: "", options: processOptions, start }, [`--http-endpoint=${address}`]),
      { message: `--http-endpoint: got "${address}"; listen EADDRINUSE: address already in use ${address}` },
    );
  } finally {
    server.close();
  }
});

it("starts nothing with settings that are wrong", async () => {
  let hasStarted = false;
  const role = {
    name: "wrong",
    usage: "",
    options: processOptions,
    problems: () => Promise.resolve(["--log-level: is wrong besides"]),
    start: () => {
      hasStarted = true;
      return Promise.reject(new Error("must not start"));
    },
  };
  assert.equal(await runRole(role, ["--http-endpoint=:0"]), 2);
  assert.equal(hasStarted, false);
});
