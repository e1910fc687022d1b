import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import { isMissing } from "../stage/find-device.ts";
import { lunHere } from "../writer/lun-here.ts";

/**
 * Interval of the probes of a node's disks, in milliseconds: the maximum delay until a disk that a person
 * detached is noticed.
 */
const PROBE_EVERY_MS = 60_000;

/**
 * Checks at intervals whether the disks of this node's replicas are present. A replica is opened only
 * when it is promoted: only then would it show that another client has moved it to another LUN, or that
 * this machine never saw it, and the failover would need several calls to Azure instead of none. A
 * missing disk is reported to the controller, which reads the VM again. So is that of a staged volume: a
 * workload that only reads may not notice for hours, and Azure reports it only with the next list of
 * disks.
 */
export function replicasReconciler(ports: NodePorts): Reconciler {
  return {
    name: "replicas",
    workers: 1,
    backoff: { baseMs: PROBE_EVERY_MS, maxMs: PROBE_EVERY_MS },
    reconcile: async (_key, signal): Promise<Reconciled> => {
      let failed: Result<never> | undefined;
      for (const attachment of probedAttachments(ports)) {
        const probed = await probe(ports, attachment, signal);
        if (!probed.ok) failed ??= probed;
      }
      return failed ?? ok({ requeueAfterMs: PROBE_EVERY_MS });
    },
  };
}

/**
 * Attachments of this node that stay, and are replicas or staged: for all others, NodeStageVolume looks
 * for the device.
 */
function probedAttachments(ports: NodePorts): readonly AzVolumeAttachment[] {
  const { cache, node } = ports;
  return cache
    .byIndex("AzVolumeAttachment", "nodeName", node.nodeName)
    .filter(
      (attachment) =>
        attachment.metadata.deletionTimestamp === undefined &&
        (isReplica(attachment) || checkpointOf(ports, attachment.spec.volumeName) !== undefined),
    );
}

function isReplica({ spec }: AzVolumeAttachment): boolean {
  return spec.role === "Replica";
}

async function probe(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const lun = lunHere(ports.node, attachment);
  if (lun === undefined) return ok({});
  const found = await ports.host.findDevice({ lun }, signal);
  if (found.ok || !isMissing(found.failure)) return found;
  // Links that lag contradict the kernel: no reason to distrust the disk of a volume in use.
  if (!isReplica(attachment) && found.failure.kind !== "DeviceNotFound") return ok({});
  // One that was detached in the regular way in between is no longer Attached, and is not marked.
  return ignoreNotFound(await markDeviceMissing(ports, attachment, signal));
}
