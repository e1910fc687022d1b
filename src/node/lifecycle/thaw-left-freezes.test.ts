import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import { ok } from "../../core/failure/result.ts";
import type { FreezeMark } from "../../ports/host/node-checkpoints.ts";
import { thawLeftFreezes } from "./thaw-left-freezes.ts";

describe("what a plug-in has left frozen", () => {
  it("is thawed though the device of another volume does not answer", async () => {
    const marks: readonly FreezeMark[] = ["pvc-1", "pvc-2"].map((volumeName) => ({
      volumeName,
      id: "f",
      path: `/mounts/${volumeName}`,
      majorMinor: "8:16",
    }));
    const thawed: string[] = [];
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const ended = thawLeftFreezes(
      {
        host: {
          thaw: async ({ path }) => {
            if (path === "/mounts/pvc-1") await answered;
            thawed.push(path);
            return ok({ held: true });
          },
        },
        checkpoints: { freezes: () => marks },
        logger: silentLogger,
      },
      new AbortController().signal,
    );
    await Promise.resolve();
    assert.deepEqual(thawed, ["/mounts/pvc-2"]);
    answer();
    await ended;
    assert.deepEqual(thawed, ["/mounts/pvc-2", "/mounts/pvc-1"]);
  });
});
