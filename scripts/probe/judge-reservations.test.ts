import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeReservations, type ReservedWrites } from "./judge-reservations.ts";

const BEFORE: ReservedWrites = { when: "before it", own: "written", other: "written" };
const RESERVED: ReservedWrites = { when: "reserved", own: "written", other: "EBADE" };
const DETACHED: ReservedWrites = { when: "detached", own: undefined, other: "EBADE" };
const AGAIN: ReservedWrites = { when: "attached again", own: "written", other: "EBADE" };
const KEPT = [BEFORE, RESERVED, DETACHED, AGAIN];

describe("the judgement of reservations", () => {
  const rows: readonly [because: string, seen: readonly ReservedWrites[], expected: string][] = [
    ["only the holder can write", KEPT, "held"],
    ["nothing is refused", [BEFORE, { ...RESERVED, other: "written" }, DETACHED, AGAIN], "broken"],
    [
      "the other VM writes while detached",
      [BEFORE, RESERVED, { ...DETACHED, other: "written" }, AGAIN],
      "broken",
    ],
    ["the other VM writes later", [BEFORE, RESERVED, DETACHED, { ...AGAIN, other: "written" }], "broken"],
    ["the holder is refused later", [BEFORE, RESERVED, DETACHED, { ...AGAIN, own: "EBADE" }], "broken"],
    ["a refusal may be any failure", [BEFORE, { ...RESERVED, other: "EIO" }, DETACHED, AGAIN], "not tried"],
    [
      "the detached disk fails otherwise",
      [BEFORE, RESERVED, { ...DETACHED, other: "EIO" }, AGAIN],
      "not tried",
    ],
    ["the holder fails otherwise", [BEFORE, RESERVED, DETACHED, { ...AGAIN, own: "ENODEV" }], "not tried"],
    ["no write succeeded before", [{ ...BEFORE, other: "EBADE" }, RESERVED, DETACHED, AGAIN], "not tried"],
    ["there was no detach", [BEFORE, RESERVED], "not tried"],
  ];
  for (const [because, seen, expected] of rows)
    it(`says ${expected} where ${because}`, () => {
      assert.equal(judgeReservations(seen, { mayStop: true }).verdict, expected);
    });

  it("does not say held of a deallocation that it may not try", () => {
    const { verdict, detail } = judgeReservations(KEPT, { mayStop: false });
    assert.equal(verdict, "not tried");
    assert.match(
      detail,
      /^it was kept over the detach, but deallocation was not tried: permit that by --may-stop: /u,
    );
    assert.match(detail, /; detached: the holder has no disk, the other VM's EBADE; /u);
  });

  it("says broken also where it may not stop the VM", () => {
    const seen = [BEFORE, RESERVED, { ...DETACHED, other: "written" }];
    assert.equal(judgeReservations(seen, { mayStop: false }).verdict, "broken");
  });
});
