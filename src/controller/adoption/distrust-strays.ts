import type { AzVolume } from "../../core/api/az-volume.ts";
import { isForeign, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import { distrust } from "../../core/writer/record/writer-steps.ts";
import { isNoLongerDue, updateRecord } from "../../objects/update-record.ts";
import type { AdoptionPorts } from "../controller-ports.ts";

/**
 * Records as unverified the VMs that have a disk although no attachment says so, and reports each. A node
 * then shows itself clean, or its plug-in finds the disk in use. A VM that is no node keeps the disk until a
 * person detaches it. Volumes that several nodes may write have no record: of these, only VMs that are no
 * nodes are reported.
 */
export async function distrustStrays(
  ports: AdoptionPorts,
  volume: AzVolume,
  strays: readonly NodeIdentity[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = volume.metadata.name;
  for (const node of strays) {
    if (volume.status?.record === undefined) {
      if (isForeign(node)) report(ports, volumeName, node);
      continue;
    }
    const updated = await updateRecord(
      ports,
      { volumeName, nodeName: node.nodeName, step: "distrust" },
      (record) => distrust(record, node, "stray"),
      signal,
    );
    if (updated.ok) report(ports, volumeName, node);
    // Either it is named already, or the object is gone: it is then recreated with all VMs that have its
    // disk.
    else if (!isNoLongerDue(updated.failure)) return updated;
  }
  return ok(undefined);
}

/** Whether a record names the VM with this resource id as one that writes, may write, or is being fenced. */
export function isNamedIn({ status }: AzVolume, instanceUri: string): boolean {
  return nodesIn(status?.record, "writer", "fencing", "unverified").some((node) =>
    isSameResourceUri(node.instanceUri, instanceUri),
  );
}

function report(
  { events, logger }: AdoptionPorts,
  volumeName: string,
  { nodeName, instanceUri }: NodeIdentity,
): void {
  logger.warn("disk attached to a VM that no object names", { volumeName, nodeName, instanceUri });
  const message = `the disk is attached to ${instanceUri}, and no record or AzVolumeAttachment says so`;
  events.emit({ about: { kind: "AzVolume", name: volumeName }, reason: "FoundAttached", message });
}
