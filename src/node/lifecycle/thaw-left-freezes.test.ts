import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../adapters/system/system-clock.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FreezeMark } from "../../ports/host/node-checkpoints.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { thawLeftFreezes } from "./thaw-left-freezes.ts";

const never = new AbortController().signal;
const marks: readonly FreezeMark[] = ["pvc-1", "pvc-2"].map((volumeName) => ({
  volumeName,
  id: "f",
  path: `/mounts/${volumeName}`,
  majorMinor: "8:16",
}));

/** The first mark's device does not answer until `answered`, or until its caller leaves. */
async function thawBeside(answered: Promise<void>, clock: Clock, thawed: string[]): Promise<void> {
  const thaw = async ({ path }: { readonly path: string }, signal: AbortSignal) => {
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => leave());
    if (path === "/mounts/pvc-1") await Promise.race([answered, left]);
    if (signal.aborted) return fail<Failure>({ kind: "Cancelled" });
    thawed.push(path);
    return ok({ held: true });
  };
  const parts = { host: { thaw }, checkpoints: { freezes: () => marks }, logger: silentLogger, clock };
  await thawLeftFreezes(parts, never);
}

describe("what a plug-in has left frozen", () => {
  it("is thawed though the device of another volume does not answer", async () => {
    const thawed: string[] = [];
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const ended = thawBeside(answered, systemClock, thawed);
    await Promise.resolve();
    assert.deepEqual(thawed, ["/mounts/pvc-2"]);
    answer();
    await ended;
    assert.deepEqual(thawed, ["/mounts/pvc-2", "/mounts/pvc-1"]);
  });

  it("holds up a plug-in for ten seconds at most", async () => {
    const thawed: string[] = [];
    const waits: number[] = [];
    const sleep = async (ms: number): Promise<void> => void waits.push(ms);
    await thawBeside(new Promise(() => undefined), { ...systemClock, sleep }, thawed);
    assert.deepEqual([thawed, waits], [["/mounts/pvc-2"], [10_000]]);
  });
});
