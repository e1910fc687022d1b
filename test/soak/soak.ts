import assert from "node:assert/strict";
import type { LabNode } from "../../demo/lab/lab.ts";
import { leftovers, stateOfFileSystem } from "../../demo/observe.ts";
import { committedByFsync, createVolume, deleteVolume } from "../../demo/volume-moves.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { untilServed } from "../workflows/volume-use.ts";
import { type StalePod, startWritingPod, type WritingPod } from "../workflows/writing-pod.ts";
import { disturb } from "./disturb.ts";
import { describeRound, planRounds, type Round, type SituatedPod, type Situation } from "./plan-round.ts";
import type { SoakLab } from "./soak-lab.ts";
import { watchPauses } from "./watch-pauses.ts";

/** What is done with a lab, and for how long. */
export interface SoakOptions {
  readonly lab: SoakLab;
  readonly seed: number;
  readonly volumes: number;
  /** Whether another round begins. */
  readonly continues: (roundsSoFar: number) => boolean;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** What was done, and how long pods did not write. */
export interface Soaked {
  readonly rounds: number;
  /** From the last record before a graceful move until the first one after it, in milliseconds. */
  readonly movesMs: readonly number[];
  /** From the moment when a lost node is marked out of service until the next record, in milliseconds. */
  readonly failOversMs: readonly number[];
  readonly records: number;
}

/** Attached to three nodes, to two, and to one: with and without replicas. */
const MAX_SHARES = [3, 2, 1] as const;
const FILE_SYSTEMS = ["ext4", "ext4", "xfs", "btrfs"] as const;
const FIRST_GIB = 1;
/** Azure attaches it in its zone alone, or in all of these. */
const ZONES = {
  Premium_LRS: ["1"],
  Premium_ZRS: ["1", "2"],
} as const;

/** What the volume of a pod is made with. */
interface Kind {
  readonly skuName: keyof typeof ZONES;
  readonly maxShares: (typeof MAX_SHARES)[number];
  readonly fsType: (typeof FILE_SYSTEMS)[number];
}

function kindOf(index: number): Kind {
  return {
    skuName: index % 2 === 0 ? "Premium_LRS" : "Premium_ZRS",
    maxShares: MAX_SHARES[index % MAX_SHARES.length] ?? 1,
    fsType: FILE_SYSTEMS[index % FILE_SYSTEMS.length] ?? "ext4",
  };
}

/**
 * Azure grows a disk that VMs may share only while none has it, and the kernel a mounted ext4 only with
 * CAP_SYS_RESOURCE, which this machine may lack.
 */
function growsInUse({ maxShares, fsType }: Kind): boolean {
  return maxShares === 1 && fsType !== "ext4";
}

/** Where the pods of a soak start. */
export function firstSituation(
  { nodes, processes }: Pick<SoakLab, "nodes" | "processes">,
  volumes: number,
): Situation {
  return {
    nodeNames: [...nodes.keys()],
    processNames: [...processes.keys()].toSorted(),
    hasBackup: false,
    pods: Array.from({ length: volumes }, (_, index): SituatedPod => {
      const kind = kindOf(index);
      const zones: readonly string[] = ZONES[kind.skuName];
      const reaches = [...nodes.values()].filter(({ zone }) => zones.includes(zone)).map(({ name }) => name);
      return {
        volumeName: `volume-${index}`,
        nodeName: reaches[index % reaches.length] ?? "",
        reaches,
        sizeGiB: FIRST_GIB,
        grows: growsInUse(kind),
      };
    }),
  };
}

/**
 * Lets pods write to volumes, and move between nodes, while nodes freeze or lose their power, processes are
 * killed and Azure fails. Throws at the first round in which a synced record or a file is lost, a fenced
 * writer still writes, or a pod does not come to write again; at the end also where a file system has faults
 * or anything is left.
 */
export async function soak({ lab, seed, volumes, continues, say, signal }: SoakOptions): Promise<Soaked> {
  const random = createSeededRandom(seed);
  const nodeOf = (name: string): LabNode => lab.nodes.get(name) ?? assert.fail(`the lab has no ${name}`);
  const situation = firstSituation(lab, volumes);
  const movesMs: number[] = [];
  const failOversMs: number[] = [];
  const pods = await Promise.all(
    situation.pods.map(({ nodeName }, index) => startPod(index, nodeOf(nodeName))),
  );
  const pauses = watchPauses(pods);
  let rounds = 0;
  for (const { round } of planRounds(random, situation)) {
    if (!continues(rounds)) break;
    say(`round ${rounds + 1}: ${describeRound(round)}`);
    const startedMs = performance.now();
    await play(round);
    const pause = pauses.longest();
    say(
      `  ${seconds(performance.now() - startedMs)}; ` +
        `${pause?.volumeName ?? "no pod"} did not write for ${seconds(pause?.ms ?? 0)}`,
    );
    rounds += 1;
  }
  pauses.end();
  let records = 0;
  for (const pod of pods) {
    records += await pod.end();
    assert.equal(await stateOfFileSystem(lab, pod.volume), "clean");
    await untilServed(() => deleteVolume(lab, pod.volume));
  }
  assert.deepEqual(await leftovers(lab, signal), [], "left behind");
  return { rounds, movesMs, failOversMs, records };

  async function startPod(index: number, node: LabNode): Promise<WritingPod> {
    const { skuName, maxShares, fsType } = kindOf(index);
    const volume = await untilServed(() =>
      createVolume(lab, {
        name: `volume-${index}`,
        sizeGiB: BigInt(FIRST_GIB),
        parameters: { skuName, maxShares: String(maxShares) },
        zones: ZONES[skuName].map((zone) => `eastus-${zone}`),
        capability: committedByFsync(fsType),
      }),
    );
    return startWritingPod({ lab, signal }, volume, node);
  }

  /** All pods write when it ends, and nothing of its disturbances is left. */
  async function play({ disturbances, moves }: Round): Promise<void> {
    const lost = new Map<string, "frozen" | "off">();
    for (const each of disturbances)
      if (each.kind === "freeze") lost.set(each.nodeName, "frozen");
      else if (each.kind === "powerLoss") lost.set(each.nodeName, "off");
    const ends = await Promise.all(disturbances.map((each) => disturb({ lab, pods, moves, signal }, each)));
    const stale: StalePod[] = [];
    await Promise.all(
      pods.map(async (pod) => {
        const target = moves.get(pod.volume.name);
        if (target === undefined) return;
        const startedMs = performance.now();
        const how = lost.get(pod.node.name);
        if (how !== undefined) {
          stale.push(await pod.failOverTo(nodeOf(target), how));
          failOversMs.push(performance.now() - startedMs);
        } else {
          await pod.moveTo(nodeOf(target));
          movesMs.push(performance.now() - startedMs);
        }
      }),
    );
    for (const end of ends) await end();
    await Promise.all(stale.map((pod) => pod.untilRefused()));
    for (const nodeName of lost.keys()) await lab.orchestrator.setOutOfService(nodeName, false);
    await Promise.all(stale.map((pod) => pod.cleanUp()));
    await Promise.all(pods.map((pod) => pod.untilWritten()));
  }
}

/** Such as `1.2 s`. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}
