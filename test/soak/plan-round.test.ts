import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { describeRound, type Disturbance, planRound, type Round, type SituatedPod } from "./plan-round.ts";

const nodeNames = ["node-a", "node-b", "node-c", "node-d"];
const inOneZone = ["node-a", "node-b", "node-c"];
const pods: readonly SituatedPod[] = [
  { volumeName: "volume-0", nodeName: "node-a", reaches: inOneZone, sizeGiB: 1, grows: false },
  { volumeName: "volume-1", nodeName: "node-b", reaches: nodeNames, sizeGiB: 1, grows: false },
  { volumeName: "volume-2", nodeName: "node-b", reaches: inOneZone, sizeGiB: 5, grows: true },
];

function rounds(hasBackup: boolean): readonly Round[] {
  const random = createSeededRandom(1);
  const processNames = ["store", "controller", ...nodeNames];
  return Array.from({ length: 1_000 }, () => planRound(random, { nodeNames, processNames, hasBackup, pods }));
}

function nodesIn(round: Round, ...kinds: readonly Disturbance["kind"][]): readonly string[] {
  return round.disturbances.flatMap((each) =>
    kinds.includes(each.kind) && "nodeName" in each ? each.nodeName : [],
  );
}

function struckIn(round: Round): readonly string[] {
  return nodesIn(round, "freeze", "powerLoss", "reboot");
}

function has(round: Round, kind: Disturbance["kind"]): boolean {
  return round.disturbances.some((each) => each.kind === kind);
}

describe("a round of a soak", () => {
  it("moves all pods of a lost node, to nodes in reach that are up and not cordoned", () => {
    for (const round of rounds(true)) {
      const lost = nodesIn(round, "freeze", "powerLoss");
      const cordoned = nodesIn(round, "cordon");
      for (const { volumeName, nodeName, reaches } of pods) {
        const target = round.moves.get(volumeName);
        assert.ok(!lost.includes(nodeName) || target !== undefined, describeRound(round));
        assert.ok(target === undefined || reaches.includes(target), describeRound(round));
        assert.ok(target === undefined || ![nodeName, ...lost, ...cordoned].includes(target));
      }
    }
  });

  it("strikes up to two nodes, and never all that a pod reaches", () => {
    const counts = rounds(true).map((round) => {
      const struck = struckIn(round);
      assert.equal(new Set(struck).size, struck.length, describeRound(round));
      for (const { reaches } of pods)
        assert.ok(!reaches.every((name) => struck.includes(name)), describeRound(round));
      return struck.length;
    });
    assert.deepEqual(new Set(counts), new Set([0, 1, 2]));
  });

  it("grows only a disk that grows in use", () => {
    for (const round of rounds(true)) {
      const [grown = { kind: "grow", volumeName: "volume-2", toGiB: 6 }] = round.disturbances.filter(
        ({ kind }) => kind === "grow",
      );
      assert.deepEqual(grown, { kind: "grow", volumeName: "volume-2", toGiB: 6 });
    }
  });

  it("copies volumes of pods on struck nodes, and of pods that stay", () => {
    const copies = rounds(true).flatMap((round) =>
      round.disturbances.flatMap((each) => {
        if (each.kind !== "snapshot") return [];
        const { nodeName = "" } = pods.find(({ volumeName }) => volumeName === each.volumeName) ?? {};
        return { isStruck: struckIn(round).includes(nodeName), stays: !round.moves.has(each.volumeName) };
      }),
    );
    for (const isStruck of [true, false])
      for (const stays of [true, false])
        assert.ok(copies.some((copy) => copy.isStruck === isStruck && copy.stays === stays));
  });

  it("kills no plug-in of a struck node, and not the store while its file is copied", () => {
    for (const round of rounds(true)) {
      const killed = round.disturbances.find(({ kind }) => kind === "kill");
      if (killed?.kind !== "kill") continue;
      assert.ok(!struckIn(round).includes(killed.processName), describeRound(round));
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
    const all = ["azure", "backUp", "cordon", "freeze", "grow", "kill", "powerLoss", "reboot", "restore"];
    assert.deepEqual([...kinds].toSorted(), [...all, "snapshot"]);
    assert.deepEqual(rounds(true), drawn);
  });
});
