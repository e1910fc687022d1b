import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type ReservationRule,
  reservationProtocol,
  reservationRules,
} from "./reservation/reservation-protocol.ts";
import { explore } from "./state-space/explore.ts";
import { recording } from "./state-space/recording.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 1_000_000;

/** What goes wrong without each rule. */
const wrong: Readonly<Record<ReservationRule, string>> = {
  reread: "a healthy writer was cut off",
  namedVictim: "a healthy writer was cut off",
  aborted: "two machines can write",
  believed: "two machines can write",
  mayDetach: "two machines can write",
  keep: "a machine can write after a later writer",
  holds: "two machines can write",
  persists: "two machines can write",
  namedFence: "a fence has ended while its node has the disk",
};

const steps: readonly string[] = [
  "n0 reserve lands",
  "n0 late reserve lands",
  "n0 late mount lands",
  "n2 preempt lands",
  "n2 late preempt lands",
  "n2 reports what it preempted before",
  "records the preemption",
  "n1 mount lands",
  "the fence detaches from n0",
  "ends the fence",
  "ends the first fence, beside a writer",
  "the disk forgets its reservation",
  "n0 proves itself clean",
];

describe("a fence by reservation, explored in full", () => {
  it("lets no second machine write, and cuts off no healthy writer", (t) => {
    const seen = new Set<string>();
    const explored = explore(recording(reservationProtocol(new Set()), seen), STATES_MAX);
    assert.deepEqual([explored.kind, explored.kind === "fault" && explored.path], ["exhausted", false]);
    // An exploration that stops early is no proof.
    assert.deepEqual(
      steps.filter((name) => !seen.has(name)),
      [],
    );
    t.diagnostic(`${explored.states} states, all there are`);
  });

  for (const rule of reservationRules) {
    it(`finds what goes wrong without ${rule}: ${wrong[rule]}`, (t) => {
      const explored = explore(reservationProtocol(new Set([rule])), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, wrong[rule]);
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.join("; ")}` : "");
    });
  }
});
