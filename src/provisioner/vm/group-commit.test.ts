import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { ok } from "../../core/failure/result.ts";
import { diskUri, node } from "../testing/scripted-vm.ts";
import { GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
import { VmRequest, type VmRequestSpec } from "./vm-request.ts";

const never = new AbortController().signal;
/** How long each batch reads before it writes, and how long it takes to write. */
const READ_MS = 100;
const WRITE_MS = 8000;

/** A queue whose batches read, take latecomers, and write; it records when each disk was written. */
function aQueue(changes: Partial<GroupCommitOptions> = {}) {
  const clock = createVirtualClock();
  const writes: { readonly atMs: number; readonly disks: readonly string[] }[] = [];
  const queue = new GroupCommit({
    clock,
    lifetime: never,
    precedingWork: () => undefined,
    delayMs: () => 0,
    delayMaxMs: 60_000,
    gathering: { quietMs: 100, maxMs: 500 },
    recordDelay: () => undefined,
    throttled: (retryAfterMs) => ({ kind: "Throttled", retryAfterMs, detail: "" }),
    run: async (batch, latecomers) => {
      await clock.sleep(READ_MS, never);
      const all = [...batch, ...(await latecomers.take(batch))];
      writes.push({ atMs: clock.elapsedMs(), disks: all.map(nameOf) });
      await clock.sleep(WRITE_MS, never);
      for (const request of all) request.settle(ok({ kind: "attached", lun: 0 }));
    },
    onUnused: () => undefined,
    ...changes,
  });
  let sequence = 0;
  const submitAfter = async (atMs: number, name: string, spec: Partial<VmRequestSpec> = {}) => {
    await clock.sleep(atMs, never);
    const request = new VmRequest(
      {
        kind: "attach",
        diskUri: diskUri(name),
        node,
        cachingMode: "None",
        lane: "primaryAttach",
        precondition: () => Promise.resolve(true),
        ...spec,
      },
      sequence++,
      never,
    );
    queue.submit(request);
    return request.answer;
  };
  const settled = <T>(work: Promise<T>): Promise<T> => settledOn(clock, work);
  return { clock, queue, writes, submitAfter, settled };
}

function nameOf({ spec }: VmRequest): string {
  return spec.diskUri.split("/").at(-1) ?? "";
}

/** Requests that see the others of `names` as being on their way. */
function aBurst(world: ReturnType<typeof aQueue>, names: readonly string[], everyMs: number) {
  const expectedDisks = (): readonly string[] => names.map(diskUri);
  return Promise.all(names.map((name, index) => world.submitAfter(index * everyMs, name, { expectedDisks })));
}

describe("GroupCommit", () => {
  it("starts a request that is alone at once", async () => {
    const world = aQueue();
    await world.settled(world.submitAfter(0, "a", { expectedDisks: () => [diskUri("a")] }));
    assert.deepEqual(world.writes, [{ atMs: READ_MS, disks: ["a"] }]);
  });

  it("sends a burst in one write, though its requests arrive one after the other", async () => {
    const world = aQueue();
    await world.settled(aBurst(world, ["a", "b", "c", "d"], 90));
    assert.deepEqual(
      world.writes.map(({ disks }) => disks),
      [["a", "b", "c", "d"]],
    );
  });

  it("sends two writes without gathering", async () => {
    const world = aQueue({ gathering: { quietMs: 0, maxMs: 0 } });
    await world.settled(aBurst(world, ["a", "b", "c", "d"], 20));
    assert.deepEqual(
      world.writes.map(({ disks }) => disks),
      [["a"], ["b", "c", "d"]],
    );
  });

  it("takes requests that arrive during the read, without a sign of them before", async () => {
    const world = aQueue();
    await world.settled(Promise.all([world.submitAfter(0, "a"), world.submitAfter(READ_MS - 10, "b")]));
    assert.deepEqual(
      world.writes.map(({ disks }) => disks),
      [["a", "b"]],
    );
  });

  it("gives up on an expected disk that does not come, after 0.1 s", async () => {
    const world = aQueue();
    await world.settled(world.submitAfter(0, "a", { expectedDisks: () => [diskUri("b")] }));
    assert.deepEqual(world.writes, [{ atMs: 100 + READ_MS, disks: ["a"] }]);
  });

  it("never waits longer than half a second, however many come", async () => {
    const world = aQueue();
    const names = Array.from({ length: 20 }, (_, index) => `pvc-${index}`);
    await world.settled(aBurst(world, names, 50));
    const [first] = world.writes;
    assert.ok(first !== undefined && first.atMs <= 500 + READ_MS, `written at ${first?.atMs} ms`);
    assert.equal(world.writes.length, 2);
  });

  it("waits for nothing before a failover", async () => {
    const world = aQueue();
    const expectedDisks = (): readonly string[] => [diskUri("b")];
    await world.settled(world.submitAfter(0, "a", { lane: "failover", expectedDisks }));
    assert.deepEqual(world.writes, [{ atMs: READ_MS, disks: ["a"] }]);
  });

  it("carries out a request that a batch took and put back", async () => {
    let batches = 0;
    const world: ReturnType<typeof aQueue> = aQueue({
      run: async (batch, latecomers) => {
        batches++;
        await world.clock.sleep(READ_MS, never);
        latecomers.putBack(await latecomers.take(batch));
        for (const request of batch) request.settle(ok({ kind: "attached", lun: 0 }));
      },
    });
    const answers = await world.settled(
      Promise.all([world.submitAfter(0, "a"), world.submitAfter(READ_MS / 2, "b")]),
    );
    assert.deepEqual([answers.map(({ ok: isOk }) => isOk), batches], [[true, true], 2]);
  });

  it("passes a bug to the latecomers of the batch as well", async () => {
    const world: ReturnType<typeof aQueue> = aQueue({
      run: async (batch, latecomers) => {
        await world.clock.sleep(READ_MS, never);
        await latecomers.take(batch);
        throw new Error("a bug");
      },
    });
    const answers = await world.settled(
      Promise.allSettled([world.submitAfter(0, "a"), world.submitAfter(READ_MS / 2, "b")]),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      ["rejected", "rejected"],
    );
  });
});
