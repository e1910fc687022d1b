import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import type { TimedFault } from "../../../scenario/scenario.ts";
import { diceAgain, type FaultContext, type FaultVariant, pick, processesOf } from "../../fault-class.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";

/** From the backup until it is restored, as shares of the fault. */
const RESTORED_AT = [0.2, 0.4, 0.6] as const;
/** How long the API server is down for it, in milliseconds. */
const AWAY_MS = [0, 4_000, 20_000] as const;
/** How long it takes a person to start kubelets and sidecars again, in milliseconds: each has its own. */
const STARTED_AGAIN_MS = [0, 3_000, 12_000, 45_000] as const;
const LOOK_MS = 100;
/** How long a mark that the backup has brought back stays on a node that is well, in milliseconds. */
const UNMARKED_AFTER_MS = 30_000;

/**
 * A backup of etcd is restored: pods, claims, Nodes and VolumeAttachments go back with the driver's objects.
 * A pod that has moved since runs where it was, by the API server, while the later one still writes.
 * Kubernetes' controllers are started again at once; sidecars, with or without the driver's controllers,
 * and kubelets later, as docs/install.md asks.
 */
export const restoredWithCluster: FaultVariant = {
  forMs: [60_000, 150_000],
  isDirected: true,
  begin: (context, fault) => backUpAndRestore(context, fault, () => []),
};

/**
 * Takes a backup of etcd, and restores it later. `beforeRestore` is called right before, and answers what
 * people do after it, each at a time of its own.
 */
export function backUpAndRestore(
  context: FaultContext,
  { forMs, dice }: Pick<TimedFault, "forMs" | "dice">,
  beforeRestore: () => readonly (() => void)[],
): () => void {
  const { world, nodeNames, later } = context;
  const { store, cluster } = world;
  const leaseVersion = (): string | undefined => store.objects("Lease")[0]?.metadata.resourceVersion;
  const [backup, restoreCluster, versionAtBackup] = [store.snapshot(), cluster.backUp(), leaseVersion()];
  const toStart = new Set<() => void>();
  let isOver = false;

  const setReachable = (isReachable: boolean): void => {
    cluster.setApiReachable(isReachable);
    for (const process of processesOf(context)) process.store.setReachable(isReachable);
  };
  const stop = (): void => {
    if (isOver) return;
    // Assumed in docs/assurance/promises.md: no process can notice a backup that is as recent as the last
    // renewal of the Lease.
    if (leaseVersion() === versionAtBackup) return later(LOOK_MS, stop);
    setReachable(false);
    later(pick(AWAY_MS, diceAgain(dice, 1)), restore);
    toStart.add(restore);
  };
  const restore = (): void => {
    if (!toStart.delete(restore)) return;
    const repairs = beforeRestore();
    store.restore(backup);
    restoreCluster();
    setReachable(true);
    noteMarks(context);
    noteLostDisks(context);
    startLater(() => startSidecars(context, dice), 2);
    for (const [at, name] of nodeNames.entries()) startLater(() => startKubelet(context, name), 3 + at);
    for (const [at, repair] of repairs.entries()) startLater(repair, 3 + nodeNames.length + at);
  };
  const startLater = (start: () => void, time: number): void => {
    const once = (): void => {
      if (toStart.delete(once)) start();
    };
    toStart.add(once);
    later(pick(STARTED_AGAIN_MS, diceAgain(dice, time)), once);
  };

  later(forMs * pick(RESTORED_AT, dice), stop);
  return () => {
    isOver = true;
    // What a restore adds comes last.
    for (const start of toStart) start();
  };
}

/** A backup may have a mark that was removed since, or none where there was one. */
function noteMarks(context: FaultContext): void {
  for (const { name, isOutOfService } of context.world.cluster.nodes()) {
    context.outside.noteOutOfService(name, isOutOfService);
    if (isOutOfService) context.later(UNMARKED_AFTER_MS, () => markOutOfService(context, name, false));
  }
}

/** A pod that the backup has brought back may have lost its disk since, by a fence: a person restarts it. */
function noteLostDisks({ world: { azure, cluster }, toRestart }: FaultContext): void {
  for (const { volumeName, nodeName = "" } of cluster.pods()) {
    const diskUri = cluster.diskUriOf(volumeName) ?? "";
    const entry = azure.vmOf(nodeName)?.dataDisks.find(({ diskId }) => isSameResourceUri(diskId, diskUri));
    if (entry?.phase !== "Attached") toRestart(volumeName);
  }
}

function startKubelet({ world }: FaultContext, nodeName: string): void {
  world.cluster.setKubeletRunning(nodeName, false);
  world.cluster.setKubeletRunning(nodeName, true);
}

/** They are in one pod with a controller of the driver, and may be started again alone. */
function startSidecars({ world }: FaultContext, dice: number): void {
  world.cluster.restartSidecars();
  if (dice < 0.5) return;
  for (const controller of world.controllers) {
    controller.kill();
    controller.start();
  }
}
