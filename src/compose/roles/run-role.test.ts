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
