import assert from "node:assert/strict";
import { it } from "node:test";
import { runBurstsOverWire } from "./bursts-over-wire.ts";

const VOLUMES = 6;
/** On a busy machine calls may arrive too far apart. Without gathering, no round has a single write. */
const ROUNDS = 4;

// A second write costs every pod of the burst one whole attach.
it("attaches and detaches a burst of CSI calls by one update of the VM", async () => {
  const bursts = await runBurstsOverWire({ timeScale: 0.05, rounds: ROUNDS, sizes: [VOLUMES] });
  const writesOf = (name: string): readonly number[] =>
    bursts.filter((burst) => burst.name === `${name}${VOLUMES}`).map(({ writes }) => writes);
  assert.equal(Math.min(...writesOf("publish")), 1, writesOf("publish").join(", "));
  assert.equal(Math.min(...writesOf("unpublish")), 1, writesOf("unpublish").join(", "));
});
