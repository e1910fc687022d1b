import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isForeign, isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isDetachBegun } from "../../core/attachment/attachment-state.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { listAttachments } from "../../objects/cache/attachments-now.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { namedAttachment } from "../../objects/named-attachment.ts";
import { placedReplica } from "../../objects/new-attachment.ts";
import { asStaged } from "../../objects/staged-mark.ts";
import { changeSpec, changeStatus } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { createAttachment } from "../attachment/create-attachment.ts";
import { emitDeletedWithVm } from "../attachment/deleted-with-vm-event.ts";
import { foundAt } from "../attachment/disk-place.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { tryEach } from "../try-each.ts";
import type { AttachedVm, VolumeDisk } from "./find-attached-vms.ts";

/**
 * Creates the AzVolumeAttachments of nodes that already have an adopted disk attached, as replicas: the
 * node that writes reclaims. Existing ones are corrected: an interrupted attach or detach must not hide
 * where the disk is. A disk that is being detached keeps its place, marked so that nothing is staged
 * before the VM is read again: the detach would take the disk from a writer. Where several nodes write, no
 * record and no barrier keeps a node from staging before a detach has landed that no object shows, or that
 * was begun since the VM was read. So the mark of one stays, and what is corrected gets one, as by
 * `recordAsLeaving`. Its own loop then finds the disk. Idempotent. An attachment that can't be written delays
 * no other; fails with the first failure once all were tried.
 */
export async function recordAttachedVms(
  ports: AdoptionPorts,
  volume: AzVolume,
  diskUri: string,
  attachedVms: readonly AttachedVm[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const isShared = !isSingleWriter(volume.spec.capabilities);
  const attempt = ports.random.uuid();
  return recordEach(
    ports,
    { volume, diskUri },
    attachedVms,
    (present, place) => {
      if (isRecorded(present, place) || (isShared && isDetachBegun(present, place.node))) return undefined;
      return isShared ? leavingStatus(present.status, place, attempt) : attachedStatus(present.status, place);
    },
    signal,
  );
}

/**
 * The same of VMs from which a detach may be under way that no object shows: `attempt` marks it as begun, and
 * it is taken back before its node stages anything.
 */
export async function recordAsLeaving(
  ports: AdoptionPorts,
  { volume, diskUri, attempt }: VolumeDisk & { readonly attempt: string },
  attachedVms: readonly AttachedVm[],
  signal: AbortSignal,
): Promise<Reconciled> {
  return recordEach(
    ports,
    { volume, diskUri },
    attachedVms,
    ({ status }, place) => leavingStatus(status, place, attempt),
    signal,
  );
}

/** Records a disk on each VM that is a node and lists it. */
async function recordEach(
  ports: AdoptionPorts,
  { volume, diskUri }: VolumeDisk,
  attachedVms: readonly AttachedVm[],
  change: (present: AzVolumeAttachment, place: Place) => AttachmentStatus | undefined,
  signal: AbortSignal,
): Promise<Reconciled> {
  const places = attachedVms.filter((vm): vm is Place => vm.lun !== undefined && !isForeign(vm.node));
  const { failed } = await tryEach(
    places,
    {
      attempt: async (place) => {
        const { node } = place;
        if (place.deletedWithVm === true)
          emitDeletedWithVm(ports, { volumeName: volume.metadata.name, diskUri, node });
        return recordOn(ports, { volume, diskUri, node }, (present) => change(present, place), signal);
      },
      onFailure: ({ node: { nodeName } }, failure) =>
        ports.logger.warn("the place of a disk was not recorded", {
          volumeName: volume.metadata.name,
          nodeName,
          failure,
        }),
      logger: ports.logger,
      atOnce: 1,
      // The record is rebuilt already: no later pass need come back to those that are left out.
      generalMax: Infinity,
    },
    signal,
  );
  return failed === undefined ? ok({}) : fail(failed);
}

/**
 * Changes the status of a node's attachment, which is created where it is gone; undefined keeps it. Where
 * several nodes may write, it is marked as staged with that: one before it may have been erased, and its own
 * request have been withdrawn while it named no place. Before its place, so that no detach comes in between,
 * and after that: a node without a checkpoint looks for mounts only at a place, and takes back what has none.
 */
export async function recordOn(
  ports: AdoptionPorts,
  { volume, diskUri, node: { nodeName } }: VolumeDisk & { readonly node: NodeIdentity },
  change: (present: AzVolumeAttachment) => AttachmentStatus | undefined,
  signal: AbortSignal,
): Promise<Reconciled> {
  const volumeName = volume.metadata.name;
  const created = await createAttachment(ports, placedReplica(volume, { diskUri, nodeName }), signal);
  if (!created.ok && created.failure.kind !== "ObjectAlreadyExists") return created;
  const target = namedAttachment({ volumeName, diskUri, nodeName });
  const isShared = !isSingleWriter(volume.spec.capabilities);
  const mark = async (isToMark: (present: AzVolumeAttachment) => boolean): Promise<Reconciled> => {
    if (!isShared) return ok({});
    const marked = await changeSpec(
      ports.store,
      target,
      (present) => (isToMark(present) ? asStaged(present) : undefined),
      signal,
    );
    return marked.ok ? ok({}) : marked;
  };
  const marked = await mark((present) => change(present) !== undefined);
  if (!marked.ok) return marked;
  let isChanged = false;
  const recorded = await changeStatus(
    ports.store,
    target,
    (present) => {
      const status = change(present);
      isChanged = status !== undefined;
      return status === undefined ? undefined : { ...present, status };
    },
    signal,
  );
  return recorded.ok ? mark(() => isChanged) : recorded;
}

/**
 * Resets the attachments of nodes that do not have the disk: an outdated LUN would lead to another
 * volume's disk. One that can't be written delays no other; fails with the first failure once all were tried.
 */
export async function forgetOthers(
  ports: AdoptionPorts,
  volumeName: string,
  attachedVms: readonly AttachedVm[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const listed = await listAttachments(ports, { volumeName }, signal);
  if (!listed.ok) return listed;
  const others = listed.value.filter(
    ({ spec }) => !attachedVms.some(({ node }) => node.nodeName === spec.nodeName),
  );
  const { failed } = await tryEach(
    others,
    {
      attempt: ({ metadata }) => forget(ports, metadata.name, signal),
      onFailure: ({ spec: { nodeName } }, failure) =>
        ports.logger.warn("the earlier place of a disk was not removed", { volumeName, nodeName, failure }),
      logger: ports.logger,
      atOnce: 1,
      generalMax: Infinity,
    },
    signal,
  );
  return failed === undefined ? ok({}) : fail(failed);
}

async function forget({ store }: AdoptionPorts, name: string, signal: AbortSignal): Promise<Reconciled> {
  const forgotten = await changeStatus(
    store,
    { kind: "AzVolumeAttachment", name },
    (present) =>
      present.status === undefined || present.status.state === "Pending"
        ? undefined
        : { ...present, status: { state: "Pending" } },
    signal,
  );
  return ignoreNotFound(forgotten);
}

/** Where a disk was found. */
type Place = AttachedVm & { readonly lun: number };

function isRecorded({ status }: AzVolumeAttachment, { node, lun, beingDetached }: Place): boolean {
  if (status?.state !== "Attached" || status.lun !== lun) return false;
  return (
    isSameVmId(status.vmId, node.vmId) &&
    isSameResourceUri(status.instanceUri ?? "", node.instanceUri) &&
    (status.deviceMissing ?? false) === beingDetached
  );
}

function leavingStatus(
  present: AttachmentStatus | undefined,
  place: Place,
  attempt: string,
): AttachmentStatus {
  return { ...foundAt(present, place), state: "Detaching", attempt };
}

function attachedStatus(
  present: AttachmentStatus | undefined,
  { node, lun, beingDetached }: Place,
): AttachmentStatus {
  return { ...foundAt(present, { node, lun }), ...(beingDetached ? { deviceMissing: true } : {}) };
}
