import type { Failure } from "../core/failure.ts";
import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { attachmentObjectName } from "../core/model/object-names.ts";
import { ok, type Result } from "../core/result.ts";
import type { DiskFacts } from "../ports/cloud-provisioner.ts";
import { findHolders } from "./adopt-disk.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { recordHolders } from "./record-holders.ts";
import { reportMissing } from "./report-missing.ts";

/**
 * Compares the attachments of a volume with the VMs that Azure names for its disk, as they were listed. A disk on a VM of which no object says so, since somebody has
 * erased that, would keep its share for ever, and could never be deleted: its attachment is made anew, as a replica. An attachment whose disk somebody else has taken off would be promoted for
 * nothing: it is marked for a look at the VM. Only a difference costs anything, and it is looked into afresh before anything is written.
 */
export async function compareAttachments(ports: ControllerPorts, volume: AzVolume, listed: DiskFacts, signal: AbortSignal): Promise<Result<void, Failure>> {
  const detail = volume.status?.detail;
  if (detail === undefined || !differs(ports, volume, listed)) return ok(undefined);
  const disk = await ports.cloud.getDisk({ diskUri: detail.diskUri }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? ok(undefined) : disk;
  if (!differs(ports, volume, disk.value)) return ok(undefined);
  const holders = await findHolders(ports.cloud, disk.value, signal);
  if (!holders.ok) return holders;
  const volumeName = volume.metadata.name;
  for (const holder of holders.value) {
    const { nodeName } = holder.node;
    const name = attachmentObjectName({ diskUri: detail.diskUri, nodeName });
    const present = await ports.store.get("AzVolumeAttachment", name, signal);
    if (present.ok || present.failure.kind !== "ObjectNotFound") {
      if (!present.ok) return present;
      continue;
    }
    const recorded = await recordHolders(ports, { volumeName, detail }, [holder], signal);
    if (!recorded.ok) return recorded;
    ports.logger.warn("attachment rebuilt from its disk", { volumeName, nodeName });
  }
  for (const attachment of attachedIn(ports, volumeName)) {
    const { nodeName } = attachment.spec;
    if (holders.value.some(({ node }) => node.nodeName === nodeName)) continue;
    const marked = await reportMissing(ports, attachment, signal);
    if (!marked.ok && marked.failure.kind !== "ObjectNotFound") return marked;
    if (marked.ok) ports.logger.warn("disk no longer where it was attached", { volumeName, nodeName });
  }
  return ok(undefined);
}

/** Whether Azure names another VM of the cluster than the objects do. */
function differs(ports: ControllerPorts, volume: AzVolume, disk: DiskFacts): boolean {
  const named = new Set(disk.attachedTo.flatMap((instanceUri) => ports.cloud.nodeNameOf(instanceUri) ?? []));
  const recorded = new Set(attachmentsOf(ports, volume.metadata.name).map(({ spec }) => spec.nodeName));
  return [...named].some((nodeName) => !recorded.has(nodeName)) || attachedIn(ports, volume.metadata.name).some(({ spec }) => !named.has(spec.nodeName));
}

/** Those that are said to be attached, and nobody doubts it yet. */
function attachedIn(ports: ControllerPorts, volumeName: string): readonly AzVolumeAttachment[] {
  return attachmentsOf(ports, volumeName).filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.state === "Attached" && status.deviceMissing !== true,
  );
}

function attachmentsOf({ cache }: ControllerPorts, volumeName: string): ReturnType<typeof cache.byIndex<"AzVolumeAttachment">> {
  return cache.byIndex("AzVolumeAttachment", "volumeName", volumeName);
}
