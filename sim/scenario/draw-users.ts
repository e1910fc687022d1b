import type { Random } from "../../src/ports/random.ts";
import { between } from "../kubernetes/api/between.ts";
import type { SimWorkload } from "../kubernetes/sim-cluster.ts";
import { oneOf } from "./dice.ts";
import type { Shape } from "./draw-faults.ts";
import type { TimedAct } from "./scenario.ts";

const UNTIL_AGAIN_MS = 20_000;
/** Users do the last of what they do this long before the storm ends, in milliseconds. */
const LAST_ACT_BEFORE_END_MS = 20_000;

/** A volume and the pod that uses it. */
export function drawWorkload(random: Random, volumeName: string): SimWorkload {
  const dice = random.next();
  const [maxShares, replicas] = dice < 0.25 ? [1, 0] : dice < 0.8 ? [2, 1] : [3, random.next() < 0.5 ? 1 : 2];
  return {
    volumeName,
    sizeGiB: oneOf(random, [4, 16, 64]),
    skuName: random.next() < 0.25 ? "Premium_ZRS" : "Premium_LRS",
    maxShares,
    replicas,
    access: random.next() < 0.2 ? "block" : "mount",
  };
}

const SNAPSHOTS = [0, 3] as const;
/** Longer than Azure usually takes for a snapshot, and at times not. */
export const FREEZE_SECONDS = 20;
/** A region without VMs. */
const OTHER_REGION = "westus";

/** The snapshots that users take during the storm, here and in another region, and delete again. */
export function drawSnapshots(random: Random, { workloads, stormMs }: Shape): readonly TimedAct[] {
  return Array.from({ length: between(random, SNAPSHOTS) }, (_, index): readonly TimedAct[] => {
    const { volumeName } = oneOf(random, workloads);
    const name = `snapshot-${index + 1}`;
    const atMs = Math.floor(random.next() * (stormMs - LAST_ACT_BEFORE_END_MS));
    const isRaw = workloads.some(
      (workload) => workload.volumeName === volumeName && workload.access === "block",
    );
    const here = isRaw || index === 0 ? {} : { freezeSeconds: FREEZE_SECONDS };
    const place = random.next() < 0.5 ? { location: OTHER_REGION } : here;
    const made: TimedAct = { atMs, act: { kind: "snapshot", volumeName, name, ...place } };
    if (random.next() < 0.4) return [made];
    const afterMs = between(random, [0, 3 * UNTIL_AGAIN_MS]);
    return [made, { atMs: atMs + afterMs, act: { kind: "deleteSnapshot", name } }];
  }).flat();
}

/** The share of storms in which users make volumes of snapshots and of volumes. */
const COPIES_SHARE = 0.12;
/** How long after the snapshot, in milliseconds. */
const RESTORED_AFTER_MS = [0, 30_000] as const;
/** How long after the copy is requested its source is deleted, in milliseconds. */
const SOURCE_DELETED_AFTER_MS = [200, 8_000] as const;

/** A volume that users make of a snapshot, or of a volume, whose source they may delete soon. */
export function drawCopies(random: Random, { workloads, stormMs }: Shape): readonly TimedAct[] {
  if (random.next() >= COPIES_SHARE) return [];
  const { volumeName } = oneOf(random, workloads);
  const atMs = Math.floor(random.next() * (stormMs - LAST_ACT_BEFORE_END_MS));
  const copy = {
    volumeName,
    copyName: `${volumeName}-copied`,
    skuName: oneOf(random, ["Premium_LRS", "Premium_ZRS", "PremiumV2_LRS"] as const),
    moreGiB: oneOf(random, [0, 4]),
  };
  const deletedAtMs = atMs + between(random, SOURCE_DELETED_AFTER_MS);
  const isSourceDeleted = random.next() < 0.4;
  if (random.next() < 0.5)
    return [
      { atMs, act: { kind: "clone", ...copy } },
      ...(isSourceDeleted ? [{ atMs: deletedAtMs, act: { kind: "delete" as const, volumeName } }] : []),
    ];
  const snapshotName = "snapshot-to-restore";
  const takenAtMs = Math.max(0, atMs - between(random, RESTORED_AFTER_MS));
  return [
    { atMs: takenAtMs, act: { kind: "snapshot", volumeName, name: snapshotName } },
    { atMs, act: { kind: "restore", snapshotName, ...copy } },
    ...(isSourceDeleted
      ? [{ atMs: deletedAtMs, act: { kind: "deleteSnapshot" as const, name: snapshotName } }]
      : []),
  ];
}

const MODIFICATIONS = [0, 2] as const;

/** The VolumeAttributesClasses that users request during the storm. */
export function drawModifications(random: Random, { workloads, stormMs }: Shape): readonly TimedAct[] {
  return Array.from({ length: between(random, MODIFICATIONS) }, (): TimedAct => {
    const { volumeName, skuName } = oneOf(random, workloads);
    const classes = skuName === "PremiumV2_LRS" ? (["slow", "fast"] as const) : (["open", "closed"] as const);
    const volumeClass = oneOf(random, classes);
    const atMs = Math.floor(random.next() * (stormMs - LAST_ACT_BEFORE_END_MS));
    return { atMs, act: { kind: "modify", volumeName, volumeClass } };
  });
}

/**
 * What users and operators do during the storm: so many moves of pods, spread over the volumes, and `others`
 * more.
 */
export function drawActs(
  random: Random,
  { nodes, workloads, stormMs }: Shape,
  {
    moves: moveCount,
    others: otherActs,
  }: { readonly moves: number; readonly others: readonly [min: number, max: number] },
): readonly TimedAct[] {
  const any = (): SimWorkload => oneOf(random, workloads);
  const time = (): number => Math.floor(random.next() * (stormMs - LAST_ACT_BEFORE_END_MS));
  const moves = Array.from({ length: moveCount }, (_, index): TimedAct => {
    const { volumeName } = workloads[index % workloads.length] ?? any();
    return { atMs: time(), act: { kind: "move", volumeName, isForced: random.next() < 0.2 } };
  });
  const others = Array.from({ length: between(random, otherActs) }, (_, index): readonly TimedAct[] => {
    const { volumeName, sizeGiB } = any();
    const atMs = time();
    switch (oneOf(random, ["restart", "scale", "drain", "grow", "delete"] as const)) {
      case "restart":
        return [{ atMs, act: { kind: "restart", volumeName, isForced: random.next() < 0.3 } }];
      case "scale":
        return [
          { atMs, act: { kind: "scale", volumeName, pods: 0 } },
          {
            atMs: atMs + between(random, [500, UNTIL_AGAIN_MS]),
            act: { kind: "scale", volumeName, pods: 1 },
          },
        ];
      case "drain":
        return [{ atMs, act: { kind: "drain", nodeName: oneOf(random, nodes).name } }];
      case "grow":
        return [{ atMs, act: { kind: "grow", volumeName, sizeGiB: sizeGiB * 2 } }];
      case "delete":
        return [
          { atMs, act: { kind: "delete", volumeName } },
          {
            atMs: atMs + between(random, [0, UNTIL_AGAIN_MS]),
            act: { kind: "apply", workload: drawWorkload(random, `${volumeName}-${index}`) },
          },
        ];
    }
  });
  return [...moves, ...others.flat()];
}
