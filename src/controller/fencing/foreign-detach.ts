import type { AttachmentStatus } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { isSameNode, isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isDetachBegun } from "../../core/attachment/attachment-state.ts";
import { isRecordMissing } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { hasNoContainer } from "../../core/schedule/volume-use.ts";
import { isNamed, nodesIn } from "../../core/writer/record/record-nodes.ts";
import { isInQuarantine, mayDetach } from "../../core/writer/record/writer-steps.ts";
import { namedAttachment } from "../../objects/named-attachment.ts";
import { isTrusted } from "../../objects/store-incarnation.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { BarrierMode, ForcedDetaches, MayCompleteDetach } from "../../ports/cloud/cloud-provisioner.ts";
import { emitAttachmentEvent } from "../attachment-events.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { nodeNamesOf } from "../node-of-vm.ts";
import { type LeavingDisk, readLeaving } from "./leaving-disk.ts";

type Ports = Pick<ControllerPorts, "store" | "cache" | "events" | "leaseHighWaterMark" | "users" | "random">;

interface Update {
  readonly node: NodeIdentity;
  /**
   * The disk that is attached, and the attempt of that: a detach of it that was left behind is carried out
   * where the node does not hold it.
   */
  readonly attaches?: { readonly diskUri: string; readonly attempt: string };
  /**
   * It is a barrier. A `flush` is sent to the VM that has the node's resource id by now, so only that id is
   * compared. A `fence` waits for a volume in use as well, unless its node is out of service.
   */
  readonly mode?: BarrierMode;
}

/**
 * Returns whether an update of a VM may carry out foreign detaches that were left behind there
 * (`toBeDetached`): the next update of the VM does so, whatever its purpose. Not where the volume is in
 * use on that node: its users would lose their disk. Of a disk without a volume the pods decide. A fence
 * may all the same where its node is out of service, and lost with all its disks. Where the volume is not
 * in use, its attachment is marked before the update is sent. A node that is granted the volume during
 * the update reads its attachment after the acquire, and mounts nothing.
 */
export function mayCompleteDetach(ports: Ports, update: Update): MayCompleteDetach {
  return async (diskUris, signal) => {
    const before = await findSpared(ports, update, diskUris, signal);
    if (before === undefined) return false;
    for (const leaving of before) if (!(await markDetaching(ports, leaving, update, signal))) return false;
    // A node that has acquired a volume since then has not seen the mark.
    return (await findSpared(ports, update, diskUris, signal)) !== undefined;
  };
}

/**
 * Returns which foreign detaches a fence by force also forces (docs/adr/0029): those of the driver's volumes
 * to which the node has nothing to write; and every one where the node is out of service, and lost with all
 * its disks. Asked again, and not taken from the answer of `mayCompleteDetach`: the mark of the node may be
 * gone since, or the disk be adopted; where the node may write one of the volumes by now, the fence waits.
 * Of any other disk it is not known what the guest still has to write. An event names the disk, as the fence
 * ends only with its regular detach.
 */
export function forcedDetaches(
  ports: Ports,
  { node, volumeName }: { readonly node: NodeIdentity; readonly volumeName: string },
): ForcedDetaches {
  return async (diskUris, signal) => {
    if (await isLost(ports, node, signal)) return diskUris;
    const forced: string[] = [];
    for (const diskUri of diskUris) {
      const leaving = await readLeaving(ports, diskUri, nodeNamesOf(ports, node), signal);
      if (!leaving.ok) continue;
      if (leaving.value.volumes.length === 0) emitUnforced(ports, { diskUri, node, volumeName });
      else if (await confirmSpared(ports, leaving.value, { node, mode: "fence" }, signal))
        forced.push(diskUri);
      else return undefined;
    }
    return forced;
  };
}

/**
 * What the store shows of each disk; undefined where the update takes one of them from a user, or the
 * store does not respond.
 */
async function findSpared(
  ports: Ports,
  update: Update,
  diskUris: readonly string[],
  signal: AbortSignal,
): Promise<readonly LeavingDisk[] | undefined> {
  const found: LeavingDisk[] = [];
  let isHarmful = false;
  for (const diskUri of diskUris) {
    const leaving = await readLeaving(ports, diskUri, nodeNamesOf(ports, update.node), signal);
    if (!leaving.ok) return undefined;
    found.push(leaving.value);
    if (!(await confirmSpared(ports, leaving.value, update, signal))) isHarmful = true;
  }
  if (!isHarmful) return found;
  // Checked last, and each time: the mark may be gone since the fence began, and the node back.
  return update.mode === "fence" && (await isLost(ports, update.node, signal)) ? found : undefined;
}

/** Whether the node is out of service under its name, and under the one that the VM's node has by now. */
async function isLost(
  { users }: Ports,
  { nodeName, instanceUri }: NodeIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  const names = new Set([nodeName, users.cachedNodeNameOf(instanceUri) ?? nodeName]);
  for (const name of names) if (!(await users.isOutOfService(name, signal))) return false;
  return true;
}

/** Returns whether no user loses the disk by the update; reports it to those who do. */
async function confirmSpared(
  ports: Ports,
  leaving: LeavingDisk,
  update: Update,
  signal: AbortSignal,
): Promise<boolean> {
  if (leaving.volumes.length === 0) return confirmUnused(ports, leaving.diskUri, update.node, signal);
  let isHarmless = true;
  for (const volume of leaving.volumes) {
    if (!(await isInUse(ports, leaving, volume, update, signal))) continue;
    if (!isFencedOff(volume, update.node)) emitUsers(ports, volume.metadata.name, update.node);
    isHarmless = false;
  }
  return isHarmless;
}

/** Whether the mark is that of the driver's own fence, which reports itself. */
function isFencedOff({ status }: AzVolume, { instanceUri }: NodeIdentity): boolean {
  return nodesIn(status?.record, "fencing").some((fenced) =>
    isSameResourceUri(fenced.instanceUri, instanceUri),
  );
}

/**
 * No record names the writer of a disk without a volume: it belongs to others, or recovery has not
 * reached it yet. The pods on the VM decide.
 */
async function confirmUnused(
  ports: Ports,
  diskUri: string,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await findPods(ports, diskUri, node, signal);
  if (found === undefined) return true;
  const { nodeName, users } = found;
  const message =
    `Azure lists disk ${diskUri} on ${nodeName} as one that is to come off, ` +
    `and the driver has not asked for that. Its users there: ${users}`;
  ports.events.emit({
    about: { kind: "AzDriverNode", name: nodeName },
    reason: "DetachLeftBehind",
    message,
    localKey: diskUri,
  });
  return false;
}

/**
 * Which pods on the VM use the disk, as the orchestrator reports past every cache; undefined: none.
 * `unknown` counts as a use. A VM that is no node of this cluster has no pods.
 */
async function findPods(
  ports: Ports,
  diskUri: string,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<{ readonly nodeName: string; readonly users: string } | undefined> {
  for (const nodeName of nodeNamesOf(ports, node)) {
    const use = await ports.users.on({ nodeName, volumeId: diskUri }, signal);
    if (use.kind === "used") return { nodeName, users: use.users.join(", ") };
    if (use.kind === "unknown")
      return { nodeName, users: `it is not known whether a pod uses it (${use.because ?? "no answer"})` };
  }
  return undefined;
}

async function isInUse(
  ports: Ports,
  leaving: LeavingDisk,
  volume: AzVolume,
  update: Update,
  signal: AbortSignal,
): Promise<boolean> {
  const { node, attaches, mode } = update;
  const record = volume.status?.record;
  const isUsedByPods = async (): Promise<boolean> =>
    (await findPods(ports, leaving.diskUri, node, signal)) !== undefined;
  const isOwn = attaches !== undefined && isSameResourceUri(attaches.diskUri, leaving.diskUri);
  if (record === undefined) {
    if (isRecordMissing(volume)) return true;
    if (isOwn && (await isOnlyAwaited(ports, leaving, volume, node, signal))) return false;
    // The attachment that names a user of a shared volume may be lost.
    return leaving.attachments.some(({ spec }) => spec.role === "Primary") || isUsedByPods();
  }
  if (!(await isTrusted(ports, record, signal))) return true;
  // The update's own fence detaches it from that node anyway. Two such fences would wait for each other.
  if (mode === "fence" && isNamed(record, node, "fencing")) return false;
  const mayBeUsed = mode === "flush" ? isUsedAt(record, node) : !mayDetach(record, node, { isBegun: isOwn });
  // A rebuilt record names the VMs that Azure listed, and that list may lag behind. A node that is clean
  // is known.
  return mayBeUsed || (isInQuarantine(record, node) && isUsedByPods());
}

/**
 * Whether the users of a shared disk on the VM only wait for its attach: no attachment there has had it,
 * no node there has a checkpoint of the volume, and no container of a pod has ever run. Checkpoints and
 * pods both lag by seconds: each alone would miss a user whose attachment was lost just after its start.
 */
async function isOnlyAwaited(
  ports: Ports,
  leaving: LeavingDisk,
  volume: AzVolume,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  const nodeNames = nodeNamesOf(ports, node);
  const checkpointing = ports.cache.byIndex("AzDriverNode", "checkpointed", volume.metadata.name);
  if (
    checkpointing.some(({ spec }) => nodeNames.includes(spec.nodeName)) ||
    leaving.attachments.some(({ status }) => status?.lun !== undefined)
  )
    return false;
  const uses = await Promise.all(
    nodeNames.map((nodeName) => ports.users.on({ nodeName, volumeId: leaving.diskUri }, signal)),
  );
  return uses.some(({ kind }) => kind === "used") && uses.every(hasNoContainer);
}

/**
 * Whether a node on any VM with the node's resource id writes the volume, may be about to, or is
 * unverified. An unverified node with a pending write barrier may have pods that write.
 */
function isUsedAt(record: WriterRecord, node: NodeIdentity): boolean {
  return nodesIn(record, "writer", "unverified").some(
    (other) => isSameNode(other, node) || isSameResourceUri(other.instanceUri, node.instanceUri),
  );
}

/**
 * Marks the disk's attachments to the VM that record the disk there: it is being detached. A mark of the
 * driver's own detach gets another attempt: taken back, it would hide this one. An attach under way may have
 * seen the disk there before others asked for the detach, and is about to record that. False where the mark
 * could not be written.
 */
async function markDetaching(
  ports: Ports,
  leaving: LeavingDisk,
  update: Update,
  signal: AbortSignal,
): Promise<boolean> {
  for (const nodeName of nodeNamesOf(ports, update.node))
    if (!(await markDetachingAs(ports, leaving, update, nodeName, signal))) return false;
  return true;
}

async function markDetachingAs(
  ports: Ports,
  { diskUri, volumes }: LeavingDisk,
  update: Update,
  nodeName: string,
  signal: AbortSignal,
): Promise<boolean> {
  const isShared = volumes.some(({ status }) => status?.record === undefined);
  let isNew = false;
  const marked = await changeStatus(
    ports.store,
    namedAttachment({ diskUri, nodeName }),
    (present) => {
      const { status, spec } = present;
      isNew = false;
      if (status?.vmId === undefined || !isOnVm(status, update)) return undefined;
      if (isDetachBegun(present, { vmId: status.vmId }) && status.attempt !== undefined)
        return { ...present, status: { ...status, attempt: ports.random.uuid() } };
      const isThere = status.state === "Attached" && !(isShared && spec.role === "Primary");
      // The attach whose update this is looks again after it.
      isNew = isThere || (status.state === "Attaching" && !isAttemptOf(update, status));
      const { attempt: _, ...begun } = status;
      return isNew ? { ...present, status: { ...begun, state: "Detaching" } } : undefined;
    },
    signal,
  );
  if (!marked.ok) return marked.failure.kind === "ObjectNotFound";
  const because = `others have asked Azure to take the disk off ${nodeName}: an update of its VM does so now`;
  if (isNew && !volumes.some((volume) => isFencedOff(volume, update.node)))
    emitAttachmentEvent(ports, marked.value, "DetachCarriedOut", because);
  return true;
}

/** Whether a status is that of the attach whose update it is. */
function isAttemptOf({ attaches }: Update, { attempt }: Pick<AttachmentStatus, "attempt">): boolean {
  return attempt !== undefined && attempt === attaches?.attempt;
}

/** Whether an attachment's status concerns the VM that the update goes to. */
function isOnVm({ vmId, instanceUri = "" }: AttachmentStatus, { node, mode }: Update): boolean {
  return (
    isSameVmId(vmId, node.vmId) || (mode === "flush" && isSameResourceUri(instanceUri, node.instanceUri))
  );
}

function emitUsers({ events }: Ports, volumeName: string, { nodeName }: NodeIdentity): void {
  const message =
    `Azure lists the disk on ${nodeName} as one that is to come off, ` +
    "and the driver has not asked for that: the next update of that VM takes it away from its users";
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "DetachLeftBehind",
    message,
    localKey: nodeName,
  });
}

function emitUnforced(
  { events }: Ports,
  {
    diskUri,
    node: { nodeName },
    volumeName,
  }: { readonly diskUri: string; readonly node: NodeIdentity; readonly volumeName: string },
): void {
  const message =
    `the fence of ${nodeName} also detaches disk ${diskUri}, as others have asked Azure to, and does not ` +
    "force it: the disk has no AzVolume, and that node may still have to write to it";
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "DetachNotForced",
    message,
  });
}
