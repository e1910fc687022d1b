import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planReservation, type ReservationPlan, type SeenReservation } from "./plan-reservation.ts";

const OWN = "617a000000000001";
const FOREIGN = "0000000000000abc";
const none: SeenReservation = { kind: "read", holder: undefined };
const earlier: SeenReservation = { kind: "read", holder: OWN };
const foreign: SeenReservation = { kind: "read", holder: FOREIGN };
const unsupported: SeenReservation = { kind: "unsupported", because: "a loop device" };

interface Row {
  readonly because: string;
  readonly seen: SeenReservation;
  readonly fenced?: string;
  readonly plan: ReservationPlan["kind"];
}

describe("planReservation", () => {
  const rows: readonly Row[] = [
    { because: "free", seen: none, plan: "reserve" },
    {
      because: "an earlier writer's",
      seen: earlier,
      plan: "reserve",
    },
    { because: "other software's", seen: foreign, plan: "wait" },
    { because: "the disk has none", seen: unsupported, plan: "none" },
    { because: "it keeps a fenced node off", seen: earlier, fenced: "node-b", plan: "reserve" },
    {
      because: "the disk has lost what keeps a fenced node off: a write of it may still land",
      seen: none,
      fenced: "node-b",
      plan: "wait",
    },
    { because: "this node can't keep a fenced node off", seen: unsupported, fenced: "node-b", plan: "wait" },
  ];
  for (const { because, seen, fenced, plan } of rows)
    it(`answers ${plan}: ${because}`, () => {
      const planned = planReservation({ seen, fenced });
      assert.equal(planned.kind, plan);
      if (planned.kind === "reserve")
        assert.equal(planned.earlier, seen.kind === "read" ? seen.holder : undefined);
      if (planned.kind === "wait")
        assert.match(planned.forWhat, seen === foreign ? /0x0000000000000abc/u : /node-b/u);
    });
});
