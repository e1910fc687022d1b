import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameVmId } from "../../core/api/identity/node-identity.ts";
import { recordedVm } from "../../core/attachment/attachment-state.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { listAttachments } from "../../objects/cache/attachments-now.ts";
import { asStaged } from "../../objects/staged-mark.ts";
import { changeSpec, changeStatus } from "../../objects/update-object.ts";
import { readDiskUnlessGone } from "../adoption/confirm-disk-gone.ts";
import { type AttachedVm, findAttachedVms, type VolumeDisk } from "../adoption/find-attached-vms.ts";
import { recordAsLeaving } from "../adoption/record-attached-vms.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { isGeneral, oneToReport, tryEach } from "../try-each.ts";

/** The disk of a volume that several nodes may write. Undefined: one node writes it, or it has none yet. */
export function sharedDisk(volume: AzVolume): VolumeDisk | undefined {
  const diskUri = volume.status?.detail?.diskUri;
  return diskUri === undefined || isSingleWriter(volume.spec.capabilities) ? undefined : { volume, diskUri };
}

/**
 * What a write barrier is to a volume with a record: a detach that the lost objects have allowed may be under
 * way, and a pod that comes back would lose its disk to it. So every attachment is marked as one whose detach
 * was begun. Such a mark is taken back once the VM's ETag has moved (`takeBackDetach`), and until then its
 * node stages nothing; what is staged stays. Then come the VMs that an older backup does not name: a failure
 * of Azure, which may last, is reported by `onUnread` and delays no other volume. Idempotent. An attachment
 * that takes no mark delays no other; fails as the store does, once all were tried.
 */
export async function distrustShared(
  ports: AdoptionPorts,
  shared: VolumeDisk,
  onUnread: (failure: Failure) => void,
  signal: AbortSignal,
): Promise<Result<void>> {
  const attempt = ports.random.uuid();
  const marked = await markAll(ports, shared.volume, attempt, signal);
  if (!marked.ok) return marked;
  const { vmIds, failed } = marked.value;
  if (failed !== undefined && isGeneral(failed)) return fail(failed);
  const unnamed = await unnamedVms(ports, shared, vmIds, signal);
  if (signal.aborted) return unnamed.ok ? ok(undefined) : unnamed;
  if (!unnamed.ok) onUnread(unnamed.failure);
  const recorded = await recordAsLeaving(
    ports,
    { ...shared, attempt },
    unnamed.ok ? unnamed.value : [],
    signal,
  );
  const worst = recorded.ok ? failed : oneToReport(failed, recorded.failure);
  return worst === undefined ? ok(undefined) : fail(worst);
}

/** The VMs that have the disk, without those of these `vmIds`. */
async function unnamedVms(
  ports: AdoptionPorts,
  { diskUri }: VolumeDisk,
  vmIds: readonly string[],
  signal: AbortSignal,
): Promise<Result<readonly AttachedVm[]>> {
  const disk = await readDiskUnlessGone(ports.cloud, diskUri, signal);
  if (!disk.ok) return disk;
  if (disk.value === undefined) return ok([]);
  const attachedVms = await findAttachedVms(ports, disk.value, "primaryAttach", signal);
  return attachedVms.ok
    ? ok(attachedVms.value.filter(({ node }) => !vmIds.some((vmId) => isSameVmId(vmId, node.vmId))))
    : attachedVms;
}

/**
 * Marks the attachments of a volume that name a VM. Answers those VMs, by their `vmId`, and the first failure
 * of an attachment that took no mark.
 */
async function markAll(
  ports: AdoptionPorts,
  { metadata: { name: volumeName } }: AzVolume,
  attempt: string,
  signal: AbortSignal,
): Promise<Result<{ readonly vmIds: readonly string[]; readonly failed: Failure | undefined }>> {
  const { logger } = ports;
  const listed = await listAttachments(ports, { volumeName }, signal);
  if (!listed.ok) return listed;
  const { done, failed } = await tryEach(
    listed.value,
    {
      attempt: (attachment) => markOne(ports, attachment, attempt, signal),
      onFailure: ({ spec: { nodeName } }, failure) =>
        logger.warn("an attachment was not marked after a rollback", { volumeName, nodeName, failure }),
      logger,
      atOnce: 1,
    },
    signal,
  );
  return ok({ vmIds: done.flat(), failed });
}

/**
 * Answers the `vmId` of the marked VM, if there is one. It is marked as staged, too: since the backup its
 * node may have staged the volume, which only that node knows.
 */
async function markOne(
  { store }: AdoptionPorts,
  { metadata: { name, uid } }: AzVolumeAttachment,
  attempt: string,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const target = { kind: "AzVolumeAttachment", name, uid } as const;
  const kept = await changeSpec(store, target, asStaged, signal);
  const marked = kept.ok
    ? await changeStatus(store, target, (present) => withDetachBegun(present, attempt), signal)
    : kept;
  if (!marked.ok) return marked.failure.kind === "ObjectNotFound" ? ok([]) : marked;
  const vm = recordedVm(marked.value);
  return ok(vm === undefined ? [] : [vm.vmId]);
}

/** Undefined: it names no VM, so no detach was begun through it. */
function withDetachBegun(present: AzVolumeAttachment, attempt: string): AzVolumeAttachment | undefined {
  const { status } = present;
  if (status === undefined || recordedVm(present) === undefined) return undefined;
  const { error: _, ...rest } = status;
  return { ...present, status: { ...rest, state: "Detaching", attempt } };
}
