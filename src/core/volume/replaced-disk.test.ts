import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { isOfEarlierDisk, replacedDisk } from "./replaced-disk.ts";

describe("replacedDisk", () => {
  const diskUri = "/disks/pvc-1";
  for (const { meant, shown, isReplaced } of [
    { meant: "a", shown: "b", isReplaced: true },
    { meant: "a", shown: "A", isReplaced: false },
    { meant: undefined, shown: "b", isReplaced: false },
    { meant: "a", shown: undefined, isReplaced: false },
  ])
    it(`takes ${shown} for ${isReplaced ? "another disk than" : "possibly"} ${meant}`, () =>
      assert.deepEqual(
        replacedDisk({ diskUri, uniqueId: meant }, { uniqueId: shown }),
        isReplaced ? { kind: "DiskReplaced", diskUri, uniqueId: meant, shownId: shown } : undefined,
      ));

  const made = "2026-01-01T12:00:00.1234567+00:00";
  for (const { timeCreated, isReplaced } of [
    { timeCreated: made, isReplaced: false },
    { timeCreated: "2026-01-01T12:00:00.123Z", isReplaced: false },
    { timeCreated: "2026-01-01T12:00:01.1234567+00:00", isReplaced: true },
    { timeCreated: "no time", isReplaced: true },
    { timeCreated: undefined, isReplaced: true },
  ])
    it(`takes another id made at ${timeCreated} for ${isReplaced ? "another disk" : "the same"}`, () => {
      const [meant, shown] = [
        { uniqueId: "a", timeCreated: made },
        { uniqueId: "b", timeCreated },
      ];
      assert.equal(replacedDisk({ diskUri, ...meant }, shown) !== undefined, isReplaced);
      assert.equal(replacedDisk({ diskUri, ...shown }, meant) !== undefined, isReplaced);
    });

  it("compares no time that is unreadable on both sides", () => {
    const timeCreated = "no time";
    assert.ok(
      replacedDisk({ diskUri, uniqueId: "a", timeCreated }, { uniqueId: "b", timeCreated }) !== undefined,
    );
  });
});

describe("isOfEarlierDisk", () => {
  const disk = { uniqueId: "A", timeCreated: "2026-01-01T12:00:00.1234567+00:00" };
  const madeAtMs = fromTimestamp("2026-01-01T12:00:00.123Z");
  for (const { sourceUniqueId = "b", uniqueId = "A", time = madeAtMs, isEarlier } of [
    { time: madeAtMs - 1, isEarlier: true },
    { time: madeAtMs, isEarlier: false },
    { sourceUniqueId: "a", time: madeAtMs - 1, isEarlier: false },
    { uniqueId: "", time: madeAtMs - 1, isEarlier: false },
  ])
    it(`is ${isEarlier} of ${sourceUniqueId}, of ${time - madeAtMs} ms after ${uniqueId || "no id"}`, () => {
      const shown = uniqueId === "" ? { timeCreated: disk.timeCreated } : { ...disk, uniqueId };
      assert.equal(isOfEarlierDisk({ sourceUniqueId, madeAtMs: time }, shown), isEarlier);
    });

  it("goes by the ids where a time is not known", () => {
    const [unknown, later] = [undefined, madeAtMs + 1];
    assert.equal(isOfEarlierDisk({ sourceUniqueId: "b", madeAtMs: unknown }, disk), true);
    assert.equal(isOfEarlierDisk({ sourceUniqueId: "b", madeAtMs: later }, { uniqueId: "a" }), true);
    assert.equal(isOfEarlierDisk({ madeAtMs: later }, disk), false);
  });
});
