import { findDisk } from "../../src/emulator/model/world.ts";
import type { DesiredVolume } from "../checkers/rest/desired-volume.ts";
import type { SimSource } from "../kubernetes/sim-cluster.ts";
import type { SimWorld } from "../world.ts";
import type { DesiredVolumes } from "./desired-volumes.ts";
import { lacksSource } from "./lacks-source.ts";
import type { UserAct } from "./scenario.ts";

/** What users and operators do to a world, written down as what they desire. */
export interface Operations {
  act(act: UserAct): void;
  /** Every node takes pods again. */
  uncordonAll(): void;
  /** Volumes whose growth waits until no pod uses them: Azure grows a shared disk only then. */
  toGrowOffline(): readonly DesiredVolume[];
  hasGrown(volumeName: string): boolean;
  /** Users delete the copies that cannot be made any more: their source is gone, or larger than they are. */
  giveUpCopies(): void;
  /** Users who got a size that csi-resizer had requested before they lowered it keep that: none shrinks. */
  acceptSizes(): void;
  /** Users whose disk Azure has converted after they had gone back ask for what it is: it stays so. */
  acceptConversions(): void;
}

/** Acts on volumes that exist; what is asked of others is not done. */
export function createOperations({
  world,
  desired,
  nodeNames,
}: {
  readonly world: SimWorld;
  readonly desired: DesiredVolumes;
  readonly nodeNames: () => readonly string[];
}): Operations {
  const { cluster } = world;
  const lowered = new Set<string>();
  let moves = 0;
  /** The node of its pod; where several share the volume, of each of them in turn. */
  const nodeOf = (volumeName: string): string | undefined => {
    const pods = cluster.pods().filter((pod) => pod.volumeName === volumeName && !pod.isDeleted);
    return pods[moves++ % Math.max(1, pods.length)]?.nodeName;
  };
  const note = (volumeName: string, what: string): void => world.trace.note(volumeName, `its user ${what}`);

  function move(volumeName: string, isForced: boolean): void {
    const from = nodeOf(volumeName);
    note(volumeName, `moves its pod away from ${from ?? "nowhere"}`);
    if (from !== undefined) cluster.setUnschedulable(from, true);
    cluster.deletePod(volumeName, { isForced, nodeName: from });
  }

  /** By what users see. A size that a disk got in Azure before a backup was restored is requested again. */
  function hasGrown(volumeName: string): boolean {
    const [volume, sizeGiB] = [desired.find(volumeName), cluster.sizeOf(volumeName)];
    return volume === undefined || sizeGiB === undefined || sizeGiB >= volume.sizeGiB;
  }

  /** The copy has the access mode, the shares and the replicas of its source. */
  function copy(of: DesiredVolume, act: Extract<UserAct, { kind: "restore" | "clone" }>): void {
    const { copyName, skuName, moreGiB } = act;
    const present = cluster.workloads().find(({ volumeName }) => volumeName === of.volumeName);
    if (present === undefined) return;
    const snapshot = cluster
      .volumeSnapshots()
      .find(({ name }) => act.kind === "restore" && name === act.snapshotName);
    const source: SimSource =
      act.kind === "clone"
        ? { kind: "volume", volumeName: of.volumeName }
        : { kind: "VolumeSnapshot", name: act.snapshotName };
    const sizeGiB = Math.max(of.sizeGiB, snapshot?.sizeGiB ?? 0) + moreGiB;
    const { staticDisk: _, ...like } = present;
    const workload = { ...like, volumeName: copyName, skuName, sizeGiB, source };
    desired.apply(workload);
    cluster.apply(workload);
  }

  return {
    act: (act) => {
      if (act.kind === "apply") {
        desired.apply(act.workload);
        return cluster.apply(act.workload);
      }
      if (act.kind === "drain") {
        world.trace.note(act.nodeName, "is drained by an operator");
        return cluster.drain(act.nodeName);
      }
      if (act.kind === "deleteSnapshot") return cluster.deleteSnapshot(act.name);
      const volume = desired.find(act.volumeName);
      if (volume === undefined) return;
      switch (act.kind) {
        case "move":
          return move(act.volumeName, act.isForced);
        case "restart":
          note(act.volumeName, "deletes its pod");
          return cluster.deletePod(act.volumeName, { isForced: act.isForced });
        case "scale":
          note(act.volumeName, `asks for ${act.pods} pods`);
          desired.scale(act.volumeName, act.pods);
          return cluster.scale(act.volumeName, act.pods);
        case "grow":
          if (act.sizeGiB <= volume.sizeGiB) return;
          note(act.volumeName, `asks for ${act.sizeGiB} GiB`);
          lowered.delete(act.volumeName);
          desired.resize(act.volumeName, act.sizeGiB);
          return cluster.grow(act.volumeName, act.sizeGiB);
        case "lower":
          if (hasGrown(act.volumeName) || act.sizeGiB <= (cluster.sizeOf(act.volumeName) ?? 0)) return;
          if (act.sizeGiB >= volume.sizeGiB) return;
          note(act.volumeName, `asks for no more than ${act.sizeGiB} GiB`);
          lowered.add(act.volumeName);
          desired.resize(act.volumeName, act.sizeGiB);
          return cluster.lower(act.volumeName, act.sizeGiB);
        case "modify":
          note(act.volumeName, `asks for class ${act.volumeClass}`);
          desired.modify(act.volumeName, act.volumeClass);
          return cluster.modify(act.volumeName, act.volumeClass);
        case "snapshot":
          return cluster.snapshot(act.name, act.volumeName, act);
        case "restore":
        case "clone":
          return copy(volume, act);
        case "delete":
          note(act.volumeName, "deletes it");
          desired.delete(act.volumeName);
          return cluster.deleteWorkload(act.volumeName);
      }
    },
    uncordonAll: () => {
      for (const nodeName of nodeNames()) cluster.setUnschedulable(nodeName, false);
    },
    toGrowOffline: () =>
      desired
        .all()
        // A lowered size is one that Azure grants while a pod uses the disk.
        .filter(({ volumeName }) => !lowered.has(volumeName))
        .filter(({ exists, isDestroyed, volumeName }) => exists && !isDestroyed && !hasGrown(volumeName)),
    hasGrown,
    giveUpCopies: () => {
      for (const { volumeName, exists } of desired.all()) {
        const workload = cluster.workloads().find((other) => other.volumeName === volumeName);
        if (!exists || workload === undefined || cluster.diskUriOf(volumeName) !== undefined) continue;
        if (!lacksSource(world, workload)) continue;
        note(volumeName, "gives it up: it has no source any more");
        desired.delete(volumeName);
        cluster.deleteWorkload(volumeName);
      }
    },
    acceptSizes: () => {
      for (const { volumeName, sizeGiB, exists } of desired.all()) {
        const grantedGiB = cluster.grantedTo(volumeName) ?? 0;
        if (!exists || !lowered.has(volumeName) || grantedGiB <= sizeGiB) continue;
        note(volumeName, `keeps ${grantedGiB} GiB`);
        desired.resize(volumeName, grantedGiB);
      }
    },
    acceptConversions: () => {
      for (const { volumeName, volumeClass, exists } of desired.all()) {
        if (!exists || volumeClass !== "premium") continue;
        const disk = findDisk(world.azure.model.world, cluster.diskUriOf(volumeName) ?? "none");
        if (disk?.spec.sku.family !== "PremiumV2") continue;
        note(volumeName, "keeps the disk that was converted");
        desired.modify(volumeName, "converted");
        cluster.modify(volumeName, "converted");
      }
    },
  };
}
