import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { createOutsideEvents } from "./outside-events.ts";

const ECHO_MS = 45_000;

describe("late news", () => {
  it("is late from the first fault that delays it until a while after the last one", async () => {
    const clock = createVirtualClock();
    const outside = createOutsideEvents(clock);
    assert.equal(outside.isNewsLate(), false, "before any");
    outside.noteDelayedNews(true);
    outside.noteDelayedNews(true);
    await clock.advance(10 * ECHO_MS);
    outside.noteDelayedNews(false);
    await clock.advance(2 * ECHO_MS);
    assert.equal(outside.isNewsLate(), true, "one is still under way");
    outside.noteDelayedNews(false);
    await clock.advance(ECHO_MS - 1);
    assert.equal(outside.isNewsLate(), true, "the last one has just ended");
    await clock.advance(1);
    assert.equal(outside.isNewsLate(), false, "long after");
  });
});
