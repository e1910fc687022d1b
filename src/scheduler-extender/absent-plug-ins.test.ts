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

  it("remembers no more than 20,000 nodes", async () => {
    const clock = createVirtualClock();
    const absent = new AbsentPlugIns(clock);
    for (let at = 0; at < 20_000; at++) absent.note(`node-${at}`);
    await clock.advance(300_000);
    assert.equal(absent.isLasting("node-0"), true);
    absent.note("node-0");
    assert.equal(absent.isLasting("node-0"), true);
    absent.note("another");
    assert.equal(absent.isLasting("node-0"), false);
  });
});
