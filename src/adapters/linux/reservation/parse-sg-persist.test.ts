import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseReservation } from "./parse-sg-persist.ts";

const HELD = "  PR generation=0x3, Reservation follows:\n";

describe("what sg_persist prints", () => {
  for (const { printed, seen } of [
    {
      printed: `${HELD}    Key=0x617a00000000000a\n    scope: LU_SCOPE,  type: Write Exclusive\n`,
      seen: { key: "617a00000000000a", type: "Write Exclusive" },
    },
    {
      printed: `${HELD}    Key=0xaaa\n    scope: LU_SCOPE,  type: Write Exclusive, registrants only\n`,
      seen: { key: "0000000000000aaa", type: "Write Exclusive, registrants only" },
    },
    { printed: "  PR generation=0x0, there is NO reservation held\n", seen: "none" },
    { printed: `${HELD}    Key=0xaaa\n`, seen: undefined },
    { printed: "", seen: undefined },
  ])
    it(`reads ${JSON.stringify(seen)} as the reservation`, () => {
      assert.deepEqual(parseReservation(printed), seen);
    });
});
