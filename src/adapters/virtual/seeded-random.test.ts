import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "./seeded-random.ts";

const DRAWS = 10_000;

describe("createSeededRandom", () => {
  it("gives the same numbers for the same seed, and others for another seed", () => {
    const draw = (seed: number | string): readonly number[] => {
      const random = createSeededRandom(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
    assert.deepEqual(draw("7"), draw(7));
  });

  it("keeps giving the numbers that recorded seeds rely on", () => {
    const random = createSeededRandom(1);
    assert.deepEqual(
      [random.next(), random.next(), random.uuid()],
      [0.8303971639834344, 0.6603045715019107, "4e0cb86b-71c1-44fe-aafc-247625e0d784"],
    );
  });

  it("draws from [0, 1) evenly", () => {
    const random = createSeededRandom("even");
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let drawn = 0; drawn < DRAWS; drawn++) {
      const value = random.next();
      assert.ok(value >= 0 && value < 1);
      const tenth = Math.floor(value * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths)
      assert.ok(Math.abs(count - DRAWS / 10) < DRAWS / 50, `uneven: ${tenths.join(" ")}`);
  });

  it("makes lower-case UUIDs of version 4 that differ", () => {
    const random = createSeededRandom(3);
    const uuids = Array.from({ length: 1000 }, () => random.uuid());
    for (const uuid of uuids)
      assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(new Set(uuids).size, uuids.length);
  });

  it("forks sources that don't depend on what was drawn before", () => {
    const early = createSeededRandom(5).fork("store");
    const parent = createSeededRandom(5);
    parent.next();
    assert.equal(parent.fork("store").next(), early.next());
    assert.notEqual(createSeededRandom(5).fork("store").next(), createSeededRandom(5).fork("cloud").next());
  });
});
