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

function nodeIn(round: Round, ...kinds: readonly Disturbance["kind"][]): string | undefined {
  return round.disturbances.flatMap((each) =>
    kinds.includes(each.kind) && "nodeName" in each ? each.nodeName : [],
  )[0];
}

function has(round: Round, kind: Disturbance["kind"]): boolean {
  return round.disturbances.some((each) => each.kind === kind);
}

describe("a round of a soak", () => {
  it("moves all pods of a lost node, to nodes in reach that are up and not cordoned", () => {
    for (const round of rounds(true)) {
      const [lost, cordoned] = [nodeIn(round, "freeze", "powerLoss"), nodeIn(round, "cordon")];
      for (const { volumeName, nodeName, reaches } of pods) {
        const target = round.moves.get(volumeName);
        assert.ok(nodeName !== lost || target !== undefined, describeRound(round));
        assert.ok(target === undefined || reaches.includes(target), describeRound(round));
        assert.ok(target === undefined || ![nodeName, lost, cordoned].includes(target));
      }
    }
  });

  it("strikes one node at most, and grows only a disk that grows in use", () => {
    for (const round of rounds(true)) {
      const struck = (["freeze", "powerLoss", "reboot"] as const).filter((kind) => has(round, kind));
      assert.ok(struck.length <= 1, describeRound(round));
      const [grown = { kind: "grow", volumeName: "volume-2", toGiB: 6 }] = round.disturbances.filter(
        ({ kind }) => kind === "grow",
      );
      assert.deepEqual(grown, { kind: "grow", volumeName: "volume-2", toGiB: 6 });
    }
  });

  it("copies no volume whose pod is on a struck node, or moves there", () => {
    for (const round of rounds(true)) {
      const copied = round.disturbances.find(({ kind }) => kind === "snapshot");
      const struck = nodeIn(round, "freeze", "powerLoss", "reboot");
      if (copied?.kind !== "snapshot" || struck === undefined) continue;
      const pod = pods.find(({ volumeName }) => volumeName === copied.volumeName);
      assert.ok(pod?.nodeName !== struck && round.moves.get(copied.volumeName) !== struck);
    }
  });

  it("copies volumes of pods that stay, too, also where no node is struck", () => {
    const isStaying = (round: Round): boolean =>
      nodeIn(round, "freeze", "powerLoss", "reboot") === undefined &&
      round.disturbances.some((each) => each.kind === "snapshot" && !round.moves.has(each.volumeName));
    assert.ok(rounds(true).some(isStaying));
  });

  it("kills no plug-in of a struck node, and not the store while its file is copied", () => {
    for (const round of rounds(true)) {
      const killed = round.disturbances.find(({ kind }) => kind === "kill");
      if (killed?.kind !== "kill") continue;
      assert.notEqual(killed.processName, nodeIn(round, "freeze", "powerLoss", "reboot"));
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
