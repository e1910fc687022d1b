import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseBtrfs, lacksDevice, mayBeOn, soleDeviceOf } from "./mounted-btrfs.ts";
import type { MountedBtrfs } from "./mounted-btrfs.ts";

const source: MountedBtrfs = {
  fsid: "7687a2f3-27f4-401d-ad6e-7f1909c465c5",
  devices: ["8:32"],
  removedNames: [],
  deviceIds: ["1"],
  missingIds: [],
};
const copy: MountedBtrfs = {
  fsid: "5b95437b-d3ce-4f2b-a377-95b1bd081cf6",
  devices: ["8:48"],
  removedNames: [],
  deviceIds: ["1"],
  missingIds: [],
};
const ofTop = { superOptions: ["rw", "space_cache=v2", "subvolid=5", "subvol=/"] };

describe("chooseBtrfs", () => {
  it("tells a copy from its source by what Linux 6.18 answered for both", () => {
    assert.equal(chooseBtrfs([source, copy], ofTop, "9123683e dbe9ddea2e3025dd\n"), source);
    assert.equal(chooseBtrfs([source, copy], ofTop, "9123683e f8e2d6ca6ec653d8\n"), copy);
  });

  it("counts the subvolume that is mounted", () => {
    const ofOther = { superOptions: ["rw", "subvolid=256", "subvol=/data"] };
    assert.equal(chooseBtrfs([source], ofOther, "9123683e dbe9ddea2e3024d8"), source);
    assert.equal(chooseBtrfs([source], ofOther, "9123683e dbe9ddea2e3025dd"), undefined);
    assert.equal(chooseBtrfs([source], { superOptions: [] }, "9123683e dbe9ddea2e3025dd"), source);
  });

  it("knows nothing where two file systems fit, or another one answered", () => {
    assert.equal(
      chooseBtrfs([source, { ...source, devices: ["8:64"] }], ofTop, "9123683e dbe9ddea2e3025dd"),
      undefined,
    );
    assert.equal(chooseBtrfs([source], ofTop, "ef53 dbe9ddea2e3025dd"), undefined);
    assert.equal(chooseBtrfs([], ofTop, "9123683e dbe9ddea2e3025dd"), undefined);
  });
});

describe("the devices of a btrfs", () => {
  const several: MountedBtrfs = { ...source, devices: ["8:32", "8:48"], deviceIds: ["1", "2"] };
  const removed: MountedBtrfs = { ...source, devices: [], removedNames: ["sdc"] };
  const partly: MountedBtrfs = { ...several, devices: ["8:48"], removedNames: ["sdc"] };
  const degraded: MountedBtrfs = { ...several, devices: ["8:48"], missingIds: ["1"] };
  const all = [source, several, removed, partly, degraded];

  it("are one only where it has never more", () =>
    assert.deepEqual(all.map(soleDeviceOf), ["8:32", undefined, undefined, undefined, undefined]));

  it("are gone once the kernel has removed one, not where one was never there", () =>
    assert.deepEqual(all.map(lacksDevice), [false, false, true, true, false]));

  it("are gone where a newer kernel also calls the removed one missing", () =>
    assert.equal(lacksDevice({ ...partly, missingIds: ["1"] }), true));

  it("are gone where one has no link, and is not called missing", () =>
    assert.equal(lacksDevice({ ...degraded, missingIds: [] }), true));

  for (const { numbers, isGone, found } of [
    { numbers: ["8:32"], isGone: false, found: [source, several] },
    { numbers: ["8:48"], isGone: false, found: [several, partly, degraded] },
    // It may be the device that a file system lacks.
    { numbers: ["8:96"], isGone: true, found: [removed, partly] },
    { numbers: ["8:96"], isGone: false, found: [] },
  ])
    it(`may be ${numbers.join()}${isGone ? ", which is gone," : ""} of ${found.length} file systems`, () =>
      assert.deepEqual(
        all.filter((one) => mayBeOn(one, { numbers: new Set(numbers), isGone })),
        found,
      ));
});
