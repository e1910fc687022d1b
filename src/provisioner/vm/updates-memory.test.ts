import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { anEntry, aScriptedVm } from "../testing/scripted-vm.ts";
import { UpdatesMemory } from "./updates-memory.ts";
import { UpdatesUnderWay } from "./updates-under-way.ts";

const clock = createVirtualClock();

/** The knowledge of a VM on which a detach was left behind. */
function aMark(): UpdatesUnderWay {
  const underWay = new UpdatesUnderWay(clock);
  underWay.observe(aScriptedVm([anEntry("pvc-1", 0, { toBeDetached: true })]).vm);
  return underWay;
}

describe("UpdatesMemory", () => {
  it("returns what it received of a VM, once, and nothing of another", () => {
    const memory = new UpdatesMemory(clock);
    const known = aMark();
    memory.keep("vm-a", known);
    assert.notEqual(memory.take("vm-b"), known);
    assert.equal(memory.take("vm-a"), known);
    assert.notEqual(memory.take("vm-a"), known);
  });

  it("keeps nothing of a VM of which nothing is known", () => {
    const memory = new UpdatesMemory(clock);
    memory.keep("vm-a", new UpdatesUnderWay(clock));
    assert.equal(memory.size, 0);
  });

  it("keeps the pause of a VM whose ETag nothing moves, until it is over", async () => {
    const ownClock = createVirtualClock();
    const memory = new UpdatesMemory(ownClock);
    const underWay = memory.take("vm-a");
    underWay.pauseEtag("1", 1_000);
    memory.keep("vm-a", underWay);
    assert.ok(memory.take("vm-a").isEtagPaused);
    await settledOn(ownClock, ownClock.sleep(1_000, new AbortController().signal));
    memory.keep("vm-a", underWay);
    assert.equal(memory.size, 0);
  });

  it("ends the pause of a VM when another VM has its resource id", () => {
    const { vm } = aScriptedVm();
    const underWay = new UpdatesUnderWay(clock);
    underWay.observe(vm);
    underWay.pauseEtag(vm.etag, 1_000);
    underWay.observe(vm);
    assert.ok(underWay.isEtagPaused);
    underWay.observe({ ...vm, vmId: "guid-b" });
    assert.ok(!underWay.isEtagPaused);
  });

  it("ends the pause of a VM as soon as its ETag has moved after all", () => {
    const { vm } = aScriptedVm();
    const underWay = new UpdatesUnderWay(clock);
    underWay.pauseEtag(vm.etag, 1_000);
    underWay.observe(vm);
    assert.ok(underWay.isEtagPaused);
    underWay.observe({ ...vm, etag: '"moved"' });
    assert.ok(!underWay.isEtagPaused);
  });

  it("forgets the VM without work for longest when there are too many", () => {
    const memory = new UpdatesMemory(clock);
    const known = Array.from({ length: 1_001 }, aMark);
    for (const [index, underWay] of known.entries()) memory.keep(`vm-${index}`, underWay);
    assert.equal(memory.size, 1_000);
    assert.notEqual(memory.take("vm-0"), known[0]);
    assert.equal(memory.take("vm-1"), known[1]);
  });
});
