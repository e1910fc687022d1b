import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeReservations, type ReservedWrites } from "./judge-reservations.ts";

const BEFORE: ReservedWrites = { when: "before it", own: "written", other: "written" };
const RESERVED: ReservedWrites = { when: "reserved", own: "written", other: "EBADE" };
const ALONE: ReservedWrites = { when: "the other VM detached", own: "written", other: undefined };
const DETACHED: ReservedWrites = { when: "the holder detached", own: undefined, other: "EBADE" };
const AGAIN: ReservedWrites = { when: "attached again", own: "written", other: "EBADE" };
const ENDED: ReservedWrites = { when: "ended", own: "written", other: "written" };
const KEPT = [BEFORE, RESERVED, ALONE, DETACHED, AGAIN, ENDED];

/** What is seen where some of that is otherwise. */
function seen(...others: readonly ReservedWrites[]): readonly ReservedWrites[] {
  return KEPT.map((kept) => others.find(({ when }) => when === kept.when) ?? kept);
}

describe("the judgement of reservations", () => {
  const rows: readonly [because: string, seen: readonly ReservedWrites[], expected: string][] = [
    ["only the holder can write", KEPT, "held"],
    ["nothing is refused", seen({ ...RESERVED, other: "written" }), "broken"],
    ["the other VM writes while the holder is detached", seen({ ...DETACHED, other: "written" }), "broken"],
    ["the holder is refused while the other is detached", seen({ ...ALONE, own: "EBADE" }), "broken"],
    ["the other VM writes later", seen({ ...AGAIN, other: "written" }), "broken"],
    ["the holder is refused later", seen({ ...AGAIN, own: "EBADE" }), "broken"],
    ["the other VM is refused after the end", seen({ ...ENDED, other: "EBADE" }), "broken"],
    ["a refusal may be any failure", seen({ ...RESERVED, other: "EIO" }), "not tried"],
    ["the detached disk fails otherwise", seen({ ...DETACHED, other: "EIO" }), "not tried"],
    ["the holder fails otherwise", seen({ ...AGAIN, own: "ENODEV" }), "not tried"],
    ["a write after the end fails otherwise", seen({ ...ENDED, own: "EIO" }), "not tried"],
    ["no write succeeded before", seen({ ...BEFORE, other: "EBADE" }), "not tried"],
    ["the holder was not detached", KEPT.filter((one) => one !== DETACHED), "not tried"],
    ["the other VM was not detached", KEPT.filter((one) => one !== ALONE), "not tried"],
    ["nothing was seen", [], "not tried"],
  ];
  for (const [because, writes, expected] of rows)
    it(`says ${expected} where ${because}`, () => {
      assert.equal(judgeReservations(writes, { mayStop: true }).verdict, expected);
    });

  it("does not say held of a deallocation that it may not try", () => {
    const { verdict, detail } = judgeReservations(KEPT, { mayStop: false });
    assert.equal(verdict, "not tried");
    assert.match(
      detail,
      /^it was kept over the detaches, but restart and deallocation were not tried: permit them by --may-stop: /u,
    );
    assert.match(detail, /; the other VM detached: the holder's write written, the other VM has no disk; /u);
    assert.match(detail, /; the holder detached: the holder has no disk, the other VM's EBADE; /u);
  });

  it("says broken also where it may not stop the VM", () => {
    const writes = seen({ ...DETACHED, other: "written" });
    assert.equal(judgeReservations(writes, { mayStop: false }).verdict, "broken");
  });
});
