import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createPresences } from "./presences.ts";

const GONE_MAX_MS = 10;

describe("presences", () => {
  const key = "pod";
  /** Looks at a key at some times, and returns how long it has been present at the last one. */
  const lookAt = (
    looks: readonly (readonly [atMs: number, isThere: boolean])[],
    goneMaxMs = GONE_MAX_MS,
  ): number => {
    let nowMs = 0;
    const presences = createPresences(() => nowMs);
    for (const [atMs, isThere] of looks) {
      nowMs = atMs;
      presences.look(new Map(isThere ? [[key, goneMaxMs]] : []));
    }
    return presences.forMs(key);
  };
  const rows = [
    {
      because: "it is there",
      looks: [
        [5, true],
        [8, true],
      ],
      forMs: 3,
    },
    {
      because: "it was gone as briefly as may be",
      looks: [
        [5, true],
        [20, false],
        [30, true],
      ],
      forMs: 25,
    },
    {
      because: "it was gone for longer",
      looks: [
        [5, true],
        [20, false],
        [25, false],
        [31, true],
      ],
      forMs: 0,
    },
    {
      because: "it came back twice",
      looks: [
        [5, true],
        [20, false],
        [30, true],
        [40, false],
        [50, true],
      ],
      forMs: 45,
    },
    {
      because: "it is gone",
      looks: [
        [5, true],
        [20, false],
      ],
      forMs: Number.NEGATIVE_INFINITY,
    },
    { because: "it was never there", looks: [[5, false]], forMs: Number.NEGATIVE_INFINITY },
  ] as const;
  for (const { because, looks, forMs } of rows)
    it(`counts from the arrival if ${because}`, () => assert.equal(lookAt(looks), forMs));

  it("counts from its return if it may not be absent at all", () =>
    assert.equal(
      lookAt(
        [
          [5, true],
          [6, false],
          [7, true],
        ],
        0,
      ),
      0,
    ));
});
