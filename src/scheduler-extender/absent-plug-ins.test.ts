import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { AbsentPlugIns } from "./absent-plug-ins.ts";

describe("AbsentPlugIns", () => {
  it("takes a plug-in for missing for good after five minutes of offers", async () => {
    const clock = createVirtualClock();
    const absent = new AbsentPlugIns(clock);
    assert.equal(absent.isLasting("node-a"), false);
    absent.note("node-a");
    await clock.advance(299_999);
    absent.note("node-a");
    assert.equal(absent.isLasting("node-a"), false);
    await clock.advance(1);
    assert.deepEqual([absent.isLasting("node-a"), absent.isLasting("node-b")], [true, false]);
    absent.forget("node-a");
    assert.equal(absent.isLasting("node-a"), false);
  });

  it("takes a node for a new one that was not offered for a day", async () => {
    const clock = createVirtualClock();
    const absent = new AbsentPlugIns(clock);
    for (const name of ["node-a", "node-b"]) absent.note(name);
    await clock.advance(300_000);
    absent.note("node-b");
    await clock.advance(86_400_000 - 300_000 - 1);
    const lasting = (): readonly boolean[] => ["node-a", "node-b"].map((name) => absent.isLasting(name));
    assert.deepEqual(lasting(), [true, true]);
    await clock.advance(1);
    assert.deepEqual(lasting(), [false, true]);
    for (const name of ["node-a", "node-b"]) absent.note(name);
    assert.deepEqual(lasting(), [false, true]);
    await clock.advance(300_000);
    assert.deepEqual(lasting(), [true, true]);
  });

  it("remembers no more than 20,000 nodes, of which those offered last", async () => {
    const clock = createVirtualClock();
    const absent = new AbsentPlugIns(clock);
    for (let at = 0; at < 20_000; at++) absent.note(`node-${at}`);
    await clock.advance(300_000);
    absent.note("node-0");
    absent.note("another");
    const names = ["node-0", "node-1", "node-2", "another"];
    assert.deepEqual(
      names.map((name) => absent.isLasting(name)),
      [true, false, true, false],
    );
  });
});
