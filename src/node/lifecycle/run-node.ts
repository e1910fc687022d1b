import { isInQuarantine } from "../../core/writer/record/writer-steps.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import { freezeReconciler } from "../care/freeze-reconciler.ts";
import { replicasReconciler } from "../care/replica-probe.ts";
import { mountProblemsReconciler } from "../care/state-mount-problems.ts";
import { ownVolumesReconciler } from "../care/volume-reconciler.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { recordNames } from "../scoped-store.ts";
import { preemptReconciler } from "../writer/preempt-reconciler.ts";
import { olderThanCheckpoint } from "../writer/rollback-detector.ts";
import { heartbeatReconciler } from "./heartbeat.ts";
import { thawLeftFreezes } from "./thaw-left-freezes.ts";

const ONLY_KEY = "node";

/**
 * Runs the node role's own work until `signal` is aborted: its heartbeat, and the care of its volumes and
 * replicas. Leaves no file system frozen.
 */
export async function runNode(ports: NodePorts, signal: AbortSignal): Promise<void> {
  const heartbeat = new ControlLoop(heartbeatReconciler(ports), ports);
  const ownVolumes = new ControlLoop(ownVolumesReconciler(ports), ports);
  const replicas = new ControlLoop(replicasReconciler(ports), ports);
  const freezes = new ControlLoop(freezeReconciler(ports), ports);
  const mountProblems = new ControlLoop(mountProblemsReconciler(ports), ports);
  const preemptions = new ControlLoop(preemptReconciler(ports), ports);
  ports.looks.onNews((volumeName) => mountProblems.queue.add(volumeName));
  ports.cache.onChange((change) => {
    if (change.kind === "AzVolume" && change.current?.status?.record?.fencing !== undefined)
      preemptions.queue.add(change.name);
    if (change.kind === "AzVolume" && concerns(ports, change.name)) {
      ownVolumes.queue.add(change.name);
      // The next heartbeat reports the rollback: until then other nodes may be granted what this node
      // writes. A volume that is gone here may be one that was restored to before it had the node's label.
      const { current } = change;
      const mayBeBack = current === undefined || olderThanCheckpoint(ports, current) !== undefined;
      if (mayBeBack && checkpointOf(ports, change.name) !== undefined) heartbeat.queue.add(ONLY_KEY);
    }
    if (change.kind === "AzVolumeAttachment") {
      const attachment = change.current ?? change.previous;
      if (attachment?.spec.nodeName !== ports.node.nodeName) return;
      ownVolumes.queue.add(attachment.spec.volumeName);
      freezes.queue.add(attachment.spec.volumeName);
      mountProblems.queue.add(attachment.spec.volumeName);
    }
  });
  // No change triggers the work that an earlier plug-in has left undone.
  for (const checkpoint of ports.checkpoints.volumes()) ownVolumes.queue.add(checkpoint.volumeName);
  for (const volume of ports.cache.list("AzVolume")) {
    if (volume.status?.record?.fencing !== undefined) preemptions.queue.add(volume.metadata.name);
    if (concerns(ports, volume.metadata.name)) ownVolumes.queue.add(volume.metadata.name);
  }
  for (const { volumeName } of ports.checkpoints.freezes()) freezes.queue.add(volumeName);
  for (const { spec } of ports.cache.byIndex("AzVolumeAttachment", "nodeName", ports.node.nodeName)) {
    ownVolumes.queue.add(spec.volumeName);
    freezes.queue.add(spec.volumeName);
    mountProblems.queue.add(spec.volumeName);
  }
  heartbeat.queue.add(ONLY_KEY);
  replicas.queue.add(ONLY_KEY);
  try {
    await Promise.all([
      heartbeat.run(signal),
      ownVolumes.run(signal),
      replicas.run(signal),
      freezes.run(signal),
      mountProblems.run(signal),
      preemptions.run(signal),
    ]);
  } finally {
    // The container runtime kills the holder with this process, and the next plug-in may come late.
    await thawLeftFreezes(ports, new AbortController().signal);
  }
}

/** Whether a volume concerns this node at all: thousands do not. */
function concerns(ports: NodePorts, volumeName: string): boolean {
  if (checkpointOf(ports, volumeName) !== undefined) return true;
  const volume = ports.cache.get("AzVolume", volumeName);
  if (volume === undefined) return false;
  const record = volume.status?.record;
  // A rebuilt record quarantines every node and names none: a node that waits for the volume has to show
  // that it is clean.
  return (
    recordNames(volume, ports.node.nodeName) ||
    (record !== undefined &&
      isInQuarantine(record, ports.node) &&
      ownAttachment(ports, volumeName) !== undefined)
  );
}
