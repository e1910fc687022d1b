import type { Failure } from "../core/failure.ts";
import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { resourceUriKey } from "../core/model/disk-uri.ts";
import { includesNode, type NodeIdentity } from "../core/model/node-identity.ts";
import { isRecordMissing } from "../core/plan/observed-volume.ts";
import { isFencing, isUnsettled, isWriter, mayDetach, mayForceOff } from "../core/plan/writer-steps.ts";
import { ok, type Result } from "../core/result.ts";
import type { MayCarryOut } from "../ports/cloud-provisioner.ts";
import { changeStatus } from "./change-object.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { namedAttachment, readAttachment } from "./named-attachment.ts";
import { isTrusted } from "./store-generation.ts";
import { tellAttachment } from "./tell-attachment.ts";

type Ports = Pick<ControllerPorts, "store" | "cache" | "events" | "leaseMemory" | "users">;

/** What an update of a VM is for. */
interface Update {
  readonly node: NodeIdentity;
  /** The disk that is attached: a detach of its own that was left behind is carried out where the node does not hold it. */
  readonly attaches?: string;
  /** It settles the VM: nodes that are unsettled wait for that, so they are not spared. */
  readonly settles?: true;
  /** It is a fence: it waits for a volume in use as well, unless its node is out of service. */
  readonly fences?: true;
}

/** A disk that a VM lists as leaving, with what the store shows of it. */
interface Leaving {
  readonly diskUri: string;
  readonly volumes: readonly AzVolume[];
  /** Its attachment to that VM's node. */
  readonly attachment: AzVolumeAttachment | undefined;
}

/**
 * Answers whether an update of a VM may carry out detaches that others have left behind there (`toBeDetached`): the next update of the VM does so, whatever it is
 * for. Not where the volume is in use on that node: its users would lose their disk. A fence may all the same where its node is out of service: that is lost with all its disks.
 * Where the volume is not in use, its attachment says so before the update is sent. A node that is granted the volume while the update is under way looks at its attachment after
 * the take, and mounts nothing.
 */
export function mayCarryOut(ports: Ports, update: Update): MayCarryOut {
  return async (diskUris, signal) => {
    const before = await findSpared(ports, update, diskUris, signal);
    if (before === undefined) return false;
    for (const leaving of before) if (!(await isMarked(ports, leaving, update.node, signal))) return false;
    // A node that has taken a volume since then has not seen the mark.
    return (await findSpared(ports, update, diskUris, signal)) !== undefined;
  };
}

/** What the store shows of each disk; undefined where a user loses one of them by the update. Where the store does not answer, nothing is risked. */
async function findSpared(ports: Ports, update: Update, diskUris: readonly string[], signal: AbortSignal): Promise<readonly Leaving[] | undefined> {
  const found: Leaving[] = [];
  let isHarmful = false;
  for (const diskUri of diskUris) {
    const leaving = await readLeaving(ports, diskUri, update.node, signal);
    if (!leaving.ok) return undefined;
    found.push(leaving.value);
    for (const volume of leaving.value.volumes) {
      if (!(await isInUse(ports, leaving.value, volume, update, signal))) continue;
      tellUsers(ports, volume.metadata.name, update.node);
      isHarmful = true;
    }
  }
  if (!isHarmful) return found;
  // Asked last, and each time: the mark may have gone since the fence began, and the node be back.
  const isLost = update.fences === true && (await ports.users.isOutOfService(update.node.nodeName, signal));
  return isLost ? found : undefined;
}

/** Past every cache: the volumes of the disk that the cache knows, and the one that its attachment names. */
async function readLeaving(ports: Ports, diskUri: string, { nodeName }: NodeIdentity, signal: AbortSignal): Promise<Result<Leaving, Failure>> {
  const names = new Set(ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(diskUri)).map(({ metadata }) => metadata.name));
  const read = await readAttachment(ports.store, { diskUri, nodeName }, signal);
  if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
  const attachment = read.ok ? read.value : undefined;
  if (attachment !== undefined) names.add(attachment.spec.volumeName);
  const volumes: AzVolume[] = [];
  for (const name of names) {
    const fresh = await ports.store.get("AzVolume", name, signal);
    if (fresh.ok) volumes.push(fresh.value);
    // Of an attachment without its volume it is not known who writes: the volume is made anew first.
    else if (fresh.failure.kind !== "ObjectNotFound" || attachment?.spec.volumeName === name) return fresh;
  }
  return ok({ diskUri, volumes, attachment });
}

async function isInUse(ports: Ports, leaving: Leaving, volume: AzVolume, update: Update, signal: AbortSignal): Promise<boolean> {
  const { node, attaches, settles, fences } = update;
  const record = volume.status?.record;
  if (record === undefined) return isRecordMissing(volume) || leaving.attachment?.spec.role === "Primary";
  if (!(await isTrusted(ports, record, signal))) return true;
  if (settles === true) return isWriter(record, node) || (includesNode(record.unproven, node) && !isUnsettled(record, node));
  // A fence of its own takes it off that node anyway. Two such fences would wait for each other.
  if (fences === true && isFencing(record, node)) return false;
  const isOwn = attaches !== undefined && resourceUriKey(attaches) === resourceUriKey(leaving.diskUri);
  return isOwn ? !mayForceOff(record, node) : !mayDetach(record, node);
}

/** Has the disk's attachment say that it comes off, where it says that the disk is there. False where that could not be written. */
async function isMarked(ports: Ports, { diskUri, volumes }: Leaving, node: NodeIdentity, signal: AbortSignal): Promise<boolean> {
  const isShared = volumes.some(({ status }) => status?.record === undefined);
  let isChanged = false;
  const marked = await changeStatus(
    ports.store,
    namedAttachment({ diskUri, nodeName: node.nodeName }),
    (present) => {
      const { status, spec } = present;
      isChanged = status?.state === "Attached" && status.vmId?.toLowerCase() === node.vmId.toLowerCase() && !(isShared && spec.role === "Primary");
      return isChanged && status !== undefined ? { ...present, status: { ...status, state: "Detaching" } } : undefined;
    },
    signal,
  );
  if (!marked.ok) return marked.failure.kind === "ObjectNotFound";
  const because = `others have asked Azure to take the disk off ${node.nodeName}: an update of its VM does so now`;
  if (isChanged) tellAttachment(ports, marked.value, "DetachCarriedOut", because);
  return true;
}

function tellUsers({ events }: Ports, volumeName: string, { nodeName }: NodeIdentity): void {
  const message = `Azure lists the disk on ${nodeName} as one that is to come off, and the driver has not asked for that: the next update of that VM takes it away from its users`;
  events.emit({ about: { kind: "AzVolume", name: volumeName }, nodeName, reason: "DetachLeftBehind", message, news: nodeName });
}
