import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aHistory, aMachine, aVolume, aWriter, diskUri } from "./testing/a-history.ts";
import { watchWriters } from "./watch-writers.ts";

/** Two machines that have the disk, in a history that is watched. */
function aSharedDisk() {
  const history = aHistory();
  watchWriters(history);
  const [a, b] = [aMachine("node-a"), aMachine("node-b")];
  for (const { machine } of [a, b]) history.happen({ kind: "attached", diskUri, machine, lun: 0 });
  return { history, a, b };
}

describe("never two writers", () => {
  it("is content while one machine after the other writes", () => {
    const { history, a, b } = aSharedDisk();
    a.canWrite = true;
    history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "mount" });
    a.canWrite = false;
    b.canWrite = true;
    history.happen({ kind: "wrote", diskUri, machine: b.machine, by: "mount" });
    assert.deepEqual(history.violations, []);
  });

  it("reports a write while another machine has the disk mounted, also one that is frozen, and not one that has lost its power", () => {
    for (const [state, expected] of [
      ["running", ["two-writers"]],
      ["frozen", ["two-writers"]],
      ["off", []],
    ] as const) {
      const { history, a, b } = aSharedDisk();
      a.canWrite = true;
      history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "mount" });
      a.state = state;
      b.canWrite = true;
      history.happen({ kind: "wrote", diskUri: diskUri.toUpperCase(), machine: b.machine, by: "check" });
      assert.deepEqual(history.invariants(), expected);
    }
  });

  it("reports a grant while a machine that is not the writer could still write, before anybody does", () => {
    const { history, a } = aSharedDisk();
    const before = aVolume({ writer: aWriter("node-a", 1), epoch: 1 });
    history.commit({ kind: "AzVolume", name: "vol-1", before: aVolume(), after: before });
    a.canWrite = true;
    assert.deepEqual(history.violations, []);
    history.commit({ kind: "AzVolume", name: "vol-1", before, after: aVolume({ writer: aWriter("node-b", 2), epoch: 2 }) });
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      ["controller-1 made node-b the writer of vol-1 (epoch 2) while node-a (running) could still write to it"],
    );
  });

  it("takes a machine that was made anew under the writer's name for another one", () => {
    const { history, a } = aSharedDisk();
    a.canWrite = true;
    history.commit({ kind: "AzVolume", name: "vol-1", before: aVolume(), after: aVolume({ writer: { ...aWriter("node-a", 2), vmId: "guid-new" } }) });
    assert.deepEqual(history.invariants(), ["two-writers"]);
  });
});
