import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aHistory, aMachine, diskUri } from "./testing/a-history.ts";
import { watchLuns } from "./watch-luns.ts";

const otherUri = diskUri.replace("vol-1", "vol-2");

/** VMs with two disk slots, and disks for two VMs. */
function aCloud() {
  const history = aHistory();
  watchLuns(history, { disksMax: () => 2, sharesMax: () => 2 });
  const machines = ["node-a", "node-b", "node-c"].map((name) => aMachine(name).machine);
  const [a, b, c] = machines;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  return { history, a, b, c };
}

describe("LUNs and limits", () => {
  it("accepts disks that come, go and return at another LUN", () => {
    const { history, a, b } = aCloud();
    history.happen({ kind: "attached", diskUri, machine: a, lun: 0 });
    history.happen({ kind: "attached", diskUri, machine: b, lun: 0 });
    history.happen({ kind: "detached", diskUri, machine: a, lun: 0, hadWritableMount: false });
    history.happen({ kind: "attached", diskUri: otherUri, machine: a, lun: 0 });
    history.happen({ kind: "attached", diskUri, machine: a, lun: 1 });
    assert.deepEqual(history.violations, []);
  });

  it("reports a LUN that is used twice", () => {
    const { history, a } = aCloud();
    history.happen({ kind: "attached", diskUri, machine: a, lun: 3 });
    history.happen({ kind: "attached", diskUri: otherUri, machine: a, lun: 3 });
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      ["LUN 3 of node-a got vol-2 while vol-1 was there"],
    );
  });

  it("reports a VM and a disk beyond their limits", () => {
    const { history, a, b, c } = aCloud();
    for (const [lun, uri] of [diskUri, otherUri, diskUri.replace("vol-1", "vol-3")].entries())
      history.happen({ kind: "attached", diskUri: uri, machine: a, lun });
    for (const machine of [b, c]) history.happen({ kind: "attached", diskUri, machine, lun: 0 });
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      ["node-a has 3 disks; its size takes 2", "vol-1 is attached to 3 VMs; it has 2 shares"],
    );
  });
});
