import type { AttachmentStatus } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isForeign, isSameVmId } from "../../core/api/identity/node-identity.ts";
import { ok } from "../../core/failure/result.ts";
import { fromTimestamp, toTimestamp } from "../../core/primitives/timestamp.ts";
import { hasNoContainer } from "../../core/schedule/volume-use.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { withoutPlace } from "../attachment/disk-place.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import type { AttachedVm } from "./find-attached-vms.ts";
import { recordOn } from "./record-attached-vms.ts";

/** How old `listed` gets while it is read again and again, in milliseconds. A node's limit is higher. */
const LISTED_RENEWED_MS = 15_000;

/** An entry in the list of a VM that its disk does not name. */
interface FailedAttach {
  readonly diskUri: string;
  readonly entry: AttachedVm;
  /** An attachment of the node that has a state by now knows better. Default: it is corrected. */
  readonly isNew?: boolean;
}

/**
 * Records where a VM lists a disk that does not name the VM: the node shows itself clean by that place,
 * where it need not find a device. Not while a container may run there: it may use a device that the node
 * does not find by its LUN, and Azure's list of the disk's VMs may lag. No attach is begun, and a later
 * detach takes the disk off the list. An attach that is marked as begun was allowed by an earlier record, and
 * may have ended: it is tried again once the node is clean. Creates the AzVolumeAttachment where it is gone.
 * Idempotent.
 */
export async function recordFailedAttach(
  ports: AdoptionPorts,
  volume: AzVolume,
  { diskUri, entry, isNew = false }: FailedAttach,
  signal: AbortSignal,
): Promise<Reconciled> {
  const storeIncarnation = volume.status?.record?.storeIncarnation;
  const { node, lun, beingDetached } = entry;
  if (beingDetached || storeIncarnation === undefined) return ok({});
  const { nodeName, vmId, instanceUri } = node;
  const use = await ports.users.on({ nodeName, volumeId: diskUri }, signal);
  if (!hasNoContainer(use) || lun === undefined || isForeign(node)) return ok({});
  const nowMs = ports.clock.nowMs();
  const listed = { lun, storeIncarnation, time: toTimestamp(nowMs) };
  const isKnown = ({ listed: known, vmId: knownVm }: AttachmentStatus): boolean =>
    known?.lun === lun &&
    known.storeIncarnation === storeIncarnation &&
    isSameVmId(knownVm, vmId) &&
    Math.abs(nowMs - fromTimestamp(known.time)) < LISTED_RENEWED_MS;
  return recordOn(
    ports,
    { volume, diskUri, node },
    ({ status }) => {
      const present = status ?? { state: "Pending" };
      if (isNew && status !== undefined) return undefined;
      if (isKnown(present)) return undefined;
      const { error: _, ...rest } = withoutPlace(present);
      return { ...rest, state: "AttachmentFailed", vmId, instanceUri, listed };
    },
    signal,
  );
}
