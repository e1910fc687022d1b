import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameNode } from "../../core/api/node-identity.ts";
import { attachedVm } from "../../core/attachment/attached-vm.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { beginFence } from "../../core/writer/writer-steps.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { moveRecord } from "../../objects/update-record.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { DiskHolder } from "../adoption/adopt-disk.ts";
import type { FencingPorts } from "../controller-ports.ts";

/** A VM that lists a disk although the disk does not name the VM, after every update of the VM has ended. */
interface FailedAttach {
  readonly volume: AzVolume;
  readonly diskUri: string;
  readonly entry: DiskHolder;
}

/**
 * Whether an unverified node has nothing of the disk that a failed attach has left in its VM's list: its
 * attachment is marked with a missing device at that LUN, and the node states no checkpoint of the
 * volume. Azure's list of a disk's VMs may lag behind, so it is not enough alone.
 */
export async function isUnusedEntry(
  { store, cache }: FencingPorts,
  { volume, diskUri, entry: { node, lun, isLeaving } }: FailedAttach,
  signal: AbortSignal,
): Promise<boolean> {
  const { nodeName } = node;
  const checkpointed = cache.byIndex("AzDriverNode", "checkpointed", volume.metadata.name);
  if (isLeaving || checkpointed.some(({ spec }) => spec.nodeName === nodeName)) return false;
  const attachment = await readAttachment(store, { diskUri, nodeName }, signal);
  if (!attachment.ok) return false;
  const { status } = attachment.value;
  const vm = attachedVm(attachment.value);
  if (status?.state !== "Attached" || status.deviceMissing !== true || status.lun !== lun) return false;
  return vm !== undefined && isSameNode(vm, node);
}

/**
 * Begins the fence that takes the entry of a failed attach off its VM: any update of the VM may attach
 * the disk, and the node has no device to show itself clean with. Success, too, where the record has
 * changed since.
 */
export async function fenceFailedAttach(
  ports: FencingPorts,
  { volume: { metadata, status }, entry: { node, lun } }: FailedAttach,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { nodeName } = node;
  const moved = await moveRecord(
    ports,
    { volumeName: metadata.name, nodeName, step: "begin-fence" },
    (record, fresh) =>
      fresh.metadata.uid === metadata.uid && record.storeIncarnation === status?.record?.storeIncarnation
        ? beginFence(record, node)
        : fail("the record was rebuilt"),
    signal,
  );
  if (!moved.ok)
    return moved.failure.kind === "NotWriter" || moved.failure.kind === "ObjectNotFound" ? ok({}) : moved;
  ports.events.emit({
    about: { kind: "AzVolume", name: metadata.name },
    nodeName,
    reason: "Fencing",
    message:
      `${nodeName} is being fenced from the disk: an attach to it has failed and has left the disk ` +
      `in its VM's list at LUN ${lun ?? "?"}, where the node finds no device`,
  });
  return ok({});
}
