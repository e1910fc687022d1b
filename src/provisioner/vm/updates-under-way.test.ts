import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { ArmVm } from "../arm/arm-api.ts";
import { diskKeyOf } from "../disk/disk-key.ts";
import { anArmError, anEntry, anOperationError, aScriptedVm } from "../testing/scripted-vm.ts";
import { type OwnUpdate, UpdatesUnderWay } from "./updates-under-way.ts";

const entry = anEntry("pvc-1", 0);
const diskKey = diskKeyOf(entry);
const marked = { ...entry, toBeDetached: true };
const update = (changes: Partial<OwnUpdate> = {}): OwnUpdate => ({
  operation: { pollUrl: "operation-1", kind: "vm", retryAfterMs: undefined },
  ifMatch: `"1"`,
  takesOff: new Set([diskKey]),
  ...changes,
});

/** A VM with one marked disk, and what is known of it. */
function aWorld() {
  const clock = createVirtualClock();
  const underWay = new UpdatesUnderWay(clock);
  const { vm } = aScriptedVm([marked]);
  const busy: ArmVm = { ...vm, provisioningState: "Updating" };
  return {
    clock,
    underWay,
    atRest: vm,
    busy,
    leavingForMs: () => underWay.leavingForMs(busy, new Set([diskKey])),
  };
}

describe("what is known of updates under way", () => {
  it("takes a mark on a busy VM for a detach that began when the mark was first seen", async () => {
    const { clock, underWay, busy, leavingForMs } = aWorld();
    await clock.advance(500);
    underWay.observe(busy);
    await clock.advance(1_000);
    underWay.observe(busy);
    assert.deepEqual([leavingForMs(), underWay.isEmpty], [1_000, false]);
  });

  it("gives the latest of several detaches its time", async () => {
    const { clock, underWay, busy } = aWorld();
    underWay.observe(busy);
    await clock.advance(1_000);
    const later = anEntry("pvc-2", 1, { toBeDetached: true });
    const both = { ...busy, dataDisks: [...busy.dataDisks, later] };
    underWay.observe(both);
    await clock.advance(200);
    assert.equal(underWay.leavingForMs(both, new Set([diskKey, diskKeyOf(later)])), 200);
  });

  it("takes a mark for left behind once it was seen on a VM at rest, until it has gone", () => {
    const { underWay, atRest, busy, leavingForMs } = aWorld();
    for (const seen of [busy, atRest, busy]) underWay.observe(seen);
    assert.deepEqual([leavingForMs(), underWay.isEmpty], [undefined, false]);
    underWay.observe({ ...busy, dataDisks: [entry] });
    assert.equal(underWay.isEmpty, true);
    underWay.observe(busy);
    assert.equal(leavingForMs(), 0);
  });

  for (const known of ["atRest", "busy"] as const)
    it(`knows no marks of an earlier VM of the resource id, seen ${known}`, async () => {
      const { clock, underWay, [known]: earlier, busy, leavingForMs } = aWorld();
      underWay.observe(earlier);
      await clock.advance(1_000);
      underWay.observe({ ...busy, vmId: "guid-of-another" });
      assert.equal(leavingForMs(), 0);
    });

  it("counts a detach of its own from its begin, also of a mark left behind before", async () => {
    const { clock, underWay, atRest, busy, leavingForMs } = aWorld();
    underWay.observe(atRest);
    await underWay.during(update(), () => Promise.resolve(fail(anArmError({ statusCode: 0 }))));
    await clock.advance(5_000);
    underWay.observe(busy);
    assert.equal(leavingForMs(), 5_000);
  });

  for (const [because, end] of [
    ["called done", ok({})],
    ["failed", fail(anOperationError())],
  ] as const)
    it(`takes the mark for left behind if its own detach has ${because}`, async () => {
      const { underWay, busy, leavingForMs } = aWorld();
      await underWay.during(update(), () => Promise.resolve(end));
      underWay.observe(busy);
      assert.deepEqual(
        [leavingForMs(), await underWay.pollOwn(() => Promise.resolve(true))],
        [undefined, false],
      );
    });

  it("considers a disk being detached while a later own update detaches it, too", async () => {
    const { underWay, busy, leavingForMs } = aWorld();
    const [first, second] = [
      Promise.withResolvers<ReturnType<typeof fail<ReturnType<typeof anArmError>>>>(),
      Promise.withResolvers<ReturnType<typeof ok<object>>>(),
    ];
    const preempted = underWay.during(update(), () => first.promise);
    const forced = underWay.during(update({ ifMatch: `"2"` }), () => second.promise);
    first.resolve(fail(anOperationError({ code: "OperationPreempted" })));
    await preempted;
    underWay.observe(busy);
    assert.equal(leavingForMs(), 0);
    second.resolve(ok({}));
    await forced;
    assert.equal(leavingForMs(), undefined);
  });

  it("believes a VM at rest while its own update runs, unless the read may be older", async () => {
    const { underWay, atRest, leavingForMs } = aWorld();
    const ended = Promise.withResolvers<ReturnType<typeof ok<object>>>();
    const waiting = underWay.during(update(), () => ended.promise);
    const runs = () => underWay.pollOwn(() => Promise.resolve(true));
    underWay.observe({ ...atRest, etag: `"1"` });
    assert.deepEqual([await runs(), leavingForMs()], [true, 0]);
    underWay.observe({ ...atRest, etag: `"2"` });
    assert.equal(await runs(), false);
    ended.resolve(ok({}));
    await waiting;
  });

  it("forgets an update that it no longer waits for once the VM is at rest", async () => {
    const { underWay, atRest } = aWorld();
    await underWay.during(update({ takesOff: new Set() }), () =>
      Promise.resolve(fail(anArmError({ statusCode: 0 }))),
    );
    assert.equal(underWay.isEmpty, false);
    underWay.observe({ ...atRest, etag: `"1"`, dataDisks: [entry] });
    assert.equal(underWay.isEmpty, true);
  });

  it("polls each update until one runs, the latest first, and forgets those that ended", async () => {
    const { underWay } = aWorld();
    const lost = () => Promise.resolve(fail(anArmError({ statusCode: 0 })));
    for (const pollUrl of ["1", "2", "3"])
      await underWay.during(update({ operation: { ...update().operation, pollUrl } }), lost);
    const polled: (string | undefined)[] = [];
    const answers = new Map([
      ["2", true],
      ["3", false],
    ]);
    const isOwn = () =>
      underWay.pollOwn(({ pollUrl }) => {
        polled.push(pollUrl);
        return Promise.resolve(answers.get(pollUrl ?? ""));
      });
    assert.deepEqual([await isOwn(), polled], [true, ["3", "2"]]);
    answers.delete("2");
    assert.deepEqual([await isOwn(), polled], [false, ["3", "2", "2", "1"]]);
  });

  describe("of requests that wait for the operation", () => {
    const fence = { kind: "fence", diskKey: "pvc-1" } as const;
    const MINUTE_MS = 60_000;
    /** A fence has waited for a minute. */
    const waitedForAMinute = async () => {
      const world = aWorld();
      world.underWay.observe(world.busy);
      assert.equal(world.underWay.waitedMs([fence]), 0);
      await world.clock.advance(MINUTE_MS);
      return world;
    };

    it("counts from a request's first wait, also when it is repeated", async () => {
      const { clock, underWay, busy } = await waitedForAMinute();
      for (const expectedMs of [MINUTE_MS, 2 * MINUTE_MS]) {
        underWay.observe(busy);
        assert.equal(underWay.waitedMs([fence]), expectedMs);
        await clock.advance(MINUTE_MS);
      }
    });

    it("counts from the first wait of the one that came last", async () => {
      // A failover that has just begun must not look for the end as rarely as one that has waited for long.
      for (const late of [
        { ...fence, diskKey: "pvc-2" },
        { ...fence, kind: "prove" },
      ] as const) {
        const { clock, underWay, busy } = await waitedForAMinute();
        assert.equal(underWay.waitedMs([fence, late]), 0);
        await clock.advance(1_000);
        underWay.observe(busy);
        assert.deepEqual([underWay.waitedMs([late, fence]), underWay.waitedMs([fence])], [1_000, 61_000]);
      }
    });

    for (const [because, changes] of [
      ["the VM was seen at rest", { provisioningState: "Succeeded" }],
      ["the ETag shows another operation", { etag: `"moved"` }],
      ["another VM has the resource id", { vmId: "guid-of-another" }],
    ] as const)
      it(`counts again from zero where ${because}`, async () => {
        const { underWay, busy } = await waitedForAMinute();
        const after = { ...busy, ...changes };
        for (const seen of [after, { ...after, provisioningState: "Updating" }]) underWay.observe(seen);
        assert.equal(underWay.waitedMs([fence]), 0);
      });

    it("is worth keeping until the VM is at rest", async () => {
      const clock = createVirtualClock();
      const underWay = new UpdatesUnderWay(clock);
      const { vm } = aScriptedVm();
      const isEmptyAfter = (provisioningState: string): boolean => {
        underWay.observe({ ...vm, provisioningState });
        if (provisioningState === "Updating") underWay.waitedMs([fence]);
        return underWay.isEmpty;
      };
      assert.deepEqual([isEmptyAfter("Updating"), isEmptyAfter("Succeeded")], [false, true]);
    });
  });
});
