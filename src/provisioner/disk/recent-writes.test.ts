import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmDisk } from "../arm/arm-api.ts";
import { RecentDiskWrites } from "./recent-writes.ts";

const id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1";
const read: ArmDisk = {
  id,
  name: "pvc-1",
  location: "eastus",
  zones: [],
  skuName: "Premium_LRS",
  diskSizeGB: 64,
  maxShares: 1,
  tags: { Team: "a", gone: "x" },
  diskIOPSReadWrite: undefined,
  diskMBpsReadWrite: undefined,
  networkAccessPolicy: undefined,
  publicNetworkAccess: undefined,
  diskAccessId: undefined,
  completionPercent: undefined,
  provisioningState: "Succeeded",
  managedBy: undefined,
  managedByExtended: [],
  sourceId: undefined,
  logicalSectorSize: undefined,
  burstingEnabled: false,
};

function someWrites(): { readonly writes: RecentDiskWrites; readonly pass: (ms: number) => void } {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, elapsedMs: () => nowMs, sleep: () => Promise.resolve() };
  return { writes: new RecentDiskWrites(clock), pass: (ms) => (nowMs += ms) };
}

describe("RecentDiskWrites", () => {
  it("shows each value for five minutes after its own last write", () => {
    const { writes, pass } = someWrites();
    writes.made(id, { fields: { skuName: "Standard_LRS" }, tags: { TEAM: "b", gone: undefined } });
    pass(200_000);
    writes.made(id.toUpperCase(), { fields: { diskIOPSReadWrite: 500 }, tags: { new: "c" } });
    const { skuName, diskIOPSReadWrite, tags } = writes.shownBy(read);
    assert.deepEqual(
      [skuName, diskIOPSReadWrite, tags],
      ["Standard_LRS", 500, { Team: "b", new: "c" }],
      "in any case of the id and of a tag's name",
    );
    pass(100_001);
    assert.deepEqual(writes.shownBy(read), {
      ...read,
      diskIOPSReadWrite: 500,
      tags: { ...read.tags, new: "c" },
    });
    pass(200_000);
    assert.deepEqual(writes.shownBy(read), read);
  });

  it("takes a write whose end is unknown for one that may still be made, for as long", () => {
    const { writes, pass } = someWrites();
    writes.mayBeMade(id);
    writes.made(id, { fields: {}, tags: {} });
    assert.deepEqual([writes.isUncertain(id), writes.shownBy(read)], [true, read]);
    pass(300_001);
    assert.equal(writes.isUncertain(id), false);
  });

  it("forgets a disk that is another one", () => {
    const { writes } = someWrites();
    writes.mayBeMade(id);
    writes.made(id, { fields: { skuName: "Standard_LRS" }, tags: { new: "c" } });
    writes.forget(id);
    assert.deepEqual([writes.isUncertain(id), writes.shownBy(read)], [false, read]);
  });

  it("keeps a write that may still be made when another process may have written", () => {
    const { writes } = someWrites();
    writes.mayBeMade(id);
    writes.made(id, { fields: { skuName: "Standard_LRS" }, tags: { new: "c" } });
    writes.forgetAll();
    assert.deepEqual([writes.isUncertain(id), writes.shownBy(read)], [true, read]);
    writes.made(id, { fields: { skuName: "Premium_LRS" }, tags: {} });
    assert.equal(writes.shownBy(read).skuName, "Premium_LRS");
  });
});
