import assert from "node:assert/strict";
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
