import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { anEntry, aScriptedVm } from "../testing/scripted-vm.ts";
import { UpdatesMemory } from "./updates-memory.ts";
import { UpdatesUnderWay } from "./updates-under-way.ts";

const clock = createVirtualClock();

/** The knowledge of a VM on which a detach was left behind. */
function aMark(): UpdatesUnderWay {
  const underWay = new UpdatesUnderWay(clock);
  underWay.saw(aScriptedVm([anEntry("pvc-1", 0, { toBeDetached: true })]).vm);
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

  it("forgets the VM without work for longest when there are too many", () => {
    const memory = new UpdatesMemory(clock);
    const known = Array.from({ length: 1_001 }, aMark);
    for (const [index, underWay] of known.entries()) memory.keep(`vm-${index}`, underWay);
    assert.equal(memory.size, 1_000);
    assert.notEqual(memory.take("vm-0"), known[0]);
    assert.equal(memory.take("vm-1"), known[1]);
  });
});
