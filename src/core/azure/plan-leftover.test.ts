import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LeftoverMove, planLeftover, type SuspectEntry } from "./plan-leftover.ts";

/** The entry of this driver's attach, which has just failed. */
const own: SuspectEntry = {
  isVmFailed: true,
  ownAttach: "entered",
  isFree: false,
  isMissed: false,
  disk: "notOnThisVm",
};
/** An entry of which Azure says only that it does not find the disk. */
const missed: SuspectEntry = {
  ...own,
  isVmFailed: false,
  ownAttach: undefined,
  isMissed: true,
  disk: "gone",
};

const rows: readonly (readonly [because: string, entry: SuspectEntry, move: LeftoverMove])[] = [
  ["its attach has failed and the disk does not name the VM", own, "takeOff"],
  ["the disk names the VM: it is attached, and may be in use", { ...own, disk: "onThisVm" }, "keep"],
  ["the disk can't be read: it may be attached", { ...own, disk: "unreadable" }, "keep"],
  ["the VM's last operation succeeded: the disk is on its way", { ...own, isVmFailed: false }, "keep"],
  ["it was listed before, and the node may hold the volume", { ...own, ownAttach: "retried" }, "keep"],
  [
    "it was listed before, and the node does not hold the volume",
    { ...own, ownAttach: "retried", isFree: true },
    "takeOff",
  ],
  [
    "another client's attach has failed: its entry is not the driver's",
    { ...own, ownAttach: undefined, isFree: true },
    "keep",
  ],
  [
    "Azure misses it in an update, and the disk itself is there",
    { ...missed, isVmFailed: true, isFree: true, disk: "notOnThisVm" },
    "keep",
  ],
  ["Azure misses it in an update, and the disk is gone", missed, "leaveOut"],
  ["Azure misses it in an update, and the disk can't be read", { ...missed, disk: "unreadable" }, "keep"],
  ["its attach has failed and the disk is gone", { ...own, disk: "gone" }, "leaveOut"],
  [
    "one read alone says that the disk is gone",
    { ...own, ownAttach: undefined, isFree: true, disk: "gone" },
    "keep",
  ],
  [
    "the disk is gone, no update has missed it, and the VM's last operation succeeded",
    { ...own, isVmFailed: false, disk: "gone" },
    "keep",
  ],
];

describe("planLeftover", () => {
  for (const [because, entry, move] of rows)
    it(`answers ${move}: ${because}`, () => assert.equal(planLeftover(entry), move));
});
