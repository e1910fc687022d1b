import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { describeRound, type Disturbance, planRound, type Round } from "./plan-round.ts";

const nodeNames = ["node-a", "node-b", "node-c", "node-d"];
const places = new Map([
  ["volume-0", "node-a"],
  ["volume-1", "node-b"],
  ["volume-2", "node-b"],
]);

function rounds(hasBackup: boolean): readonly Round[] {
  const random = createSeededRandom(1);
  const processNames = ["store", "controller", ...nodeNames];
  return Array.from({ length: 1_000 }, () =>
    planRound(random, { nodeNames, processNames, hasBackup, places }),
  );
}

function nodeIn(round: Round, kind: "freeze" | "cordon"): string | undefined {
  return round.disturbances.flatMap((each) =>
    each.kind === kind && "nodeName" in each ? each.nodeName : [],
  )[0];
}

function has(round: Round, kind: Disturbance["kind"]): boolean {
  return round.disturbances.some((each) => each.kind === kind);
}

describe("a round of a soak", () => {
  it("moves each pod of a frozen node, and none to a frozen or cordoned one", () => {
    for (const round of rounds(true)) {
      const [frozen, cordoned] = [nodeIn(round, "freeze"), nodeIn(round, "cordon")];
      for (const [volumeName, nodeName] of places) {
        const target = round.moves.get(volumeName);
        assert.ok(nodeName !== frozen || target !== undefined, describeRound(round));
        assert.ok(target === undefined || ![nodeName, frozen, cordoned].includes(target));
      }
    }
  });

  it("kills no frozen node plug-in, and not the store while its file is copied", () => {
    for (const round of rounds(true)) {
      const killed = round.disturbances.find(({ kind }) => kind === "kill");
      if (killed?.kind !== "kill") continue;
      assert.notEqual(killed.processName, nodeIn(round, "freeze"));
      assert.ok(killed.processName !== "store" || !(has(round, "backUp") || has(round, "restore")));
    }
  });

  it("restores the store only once there is a backup, and never while one is made", () => {
    assert.ok(!rounds(false).some((round) => has(round, "restore")));
    assert.ok(!rounds(true).some((round) => has(round, "restore") && has(round, "backUp")));
  });

  it("draws every disturbance, and is the same for the same seed", () => {
    const drawn = rounds(true);
    const kinds = new Set(drawn.flatMap(({ disturbances }) => disturbances.map(({ kind }) => kind)));
    assert.deepEqual([...kinds].toSorted(), ["azure", "backUp", "cordon", "freeze", "kill", "restore"]);
    assert.deepEqual(rounds(true), drawn);
  });
});
