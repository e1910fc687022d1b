import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseKeys, parseReservation } from "./parse-sg-persist.ts";

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

  for (const { printed, keys } of [
    { printed: "  PR generation=0x0, there are NO registered reservation keys\n", keys: [] },
    {
      printed: "  PR generation=0x2, 1 registered reservation key follows:\n    0x617a00000000000a\n",
      keys: ["617a00000000000a"],
    },
    {
      printed:
        "  PR generation=0x2, 2 registered reservation keys follow:\n    0xb\n    0x617a00000000000a\n",
      keys: ["000000000000000b", "617a00000000000a"],
    },
    { printed: "  PR generation=0x2, 2 registered reservation keys follow:\n    0xb\n", keys: undefined },
    { printed: "", keys: undefined },
  ])
    it(`reads ${JSON.stringify(keys)} as the keys`, () => {
      assert.deepEqual(parseKeys(printed), keys);
    });
});
