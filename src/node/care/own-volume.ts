import { maxSharesOf } from "../../core/attachment/observed-volume.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ObservedNodeVolume } from "../../core/node/plan-node-volume.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { grantKeyOf } from "../../core/writer/reservation/reservation-key.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { observeTargets } from "../stage/published-targets.ts";
import type { KnownVolume } from "../writer/clean-check-target.ts";
import { lunHere } from "../writer/lun-here.ts";
import { findUntrackedMounts } from "./find-untracked-mounts.ts";

/** A volume as a node knows it, and what is mounted of it there. */
export interface OwnVolume extends KnownVolume {
  readonly volumeId: string;
  readonly volumeName: string;
  readonly observed: ObservedNodeVolume;
  /** As of `ObservedTargets`. */
  readonly isUnflushed: boolean;
}

/** Reads the volume past the cache, and looks at what is mounted here. */
export async function readOwnVolume(
  ports: NodePorts,
  volumeName: string,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<OwnVolume>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  return read.ok || read.failure.kind === "ObjectNotFound"
    ? observeOwnVolume(ports, { volumeName, volumeId, volume: read.ok ? read.value : undefined }, signal)
    : read;
}

/** Looks at what is mounted here of a volume, as it was read. */
export async function observeOwnVolume(
  ports: NodePorts,
  { volumeName, volumeId, volume }: Pick<OwnVolume, "volumeName" | "volumeId" | "volume">,
  signal: AbortSignal,
): Promise<Result<OwnVolume>> {
  const attachment = ownAttachment(ports, volumeName);
  const recordedCheckpoint = checkpointOf(ports, volumeName);
  const found =
    recordedCheckpoint === undefined && volume !== undefined && attachment !== undefined
      ? await findUntrackedMounts(ports, volume, attachment, signal)
      : ok(recordedCheckpoint);
  if (!found.ok) return found;
  const checkpoint = found.value;
  const known: KnownVolume = { volume, checkpoint, attachment };
  const observed = await observeMounts(ports, known, signal);
  return observed.ok ? ok({ ...known, volumeId, volumeName, ...observed.value }) : observed;
}

async function observeMounts(
  ports: NodePorts,
  known: KnownVolume,
  signal: AbortSignal,
): Promise<Result<Pick<OwnVolume, "observed" | "isUnflushed">>> {
  const { checkpoint, volume } = known;
  const targets =
    checkpoint === undefined
      ? ok({ bound: [], bare: [], staging: "none", isUnflushed: false } as const)
      : await observeTargets(ports, checkpoint, signal);
  if (!targets.ok) return targets;
  const { bound, bare, staging, isUnflushed } = targets.value;
  const preempted = await isPreempted(ports, known, signal);
  if (!preempted.ok) return preempted;
  const isHandedOut = checkpoint?.accessType === "block" && bound.length > 0;
  const observed: ObservedNodeVolume = {
    node: ports.node,
    record: volume?.status?.record,
    isMultiWriter: volume !== undefined && !isSingleWriter(volume.spec.capabilities),
    attachment: known.attachment,
    statesRequests: ports.settings.attach === "driver",
    checkpoint:
      checkpoint === undefined
        ? undefined
        : {
            epoch: checkpoint.epoch,
            accessType: checkpoint.accessType,
            isOfEarlierBoot: checkpoint.majorMinor === undefined,
          },
    isPreempted: preempted.value,
    hasEarlierReservation:
      ports.settings.reservations &&
      volume !== undefined &&
      maxSharesOf(volume) > 1 &&
      checkpoint?.reservationKey !== grantKeyOf(volume),
    mount: staging === "none" && isHandedOut ? "live" : staging,
    targets: bound,
    bareTargets: bare,
  };
  return ok({ observed, isUnflushed });
}

/** A mount through which nothing can be written any more may still be read: only the disk shows it. */
async function isPreempted(
  ports: NodePorts,
  { volume, checkpoint, attachment }: KnownVolume,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const lun = lunHere(ports.node, attachment);
  // An attachment of a backup may name the LUN of another disk than the one that is mounted.
  if (volume === undefined || lun === undefined || lun !== checkpoint?.lun) return ok(false);
  // A checkpoint that was lost may have had the key.
  const mayBeReserved =
    checkpoint.reservationKey !== undefined || (ports.settings.reservations && maxSharesOf(volume) > 1);
  if (!mayBeReserved || !isNamed(volume.status?.record, ports.node, "unverified")) return ok(false);
  const device = await ports.host.findDevice({ lun }, signal);
  if (!device.ok) return device.failure.kind === "DeviceNotFound" ? ok(false) : device;
  const holder = await ports.host.readHolder(device.value, signal);
  if (holder.ok) return ok(holder.value?.isThisMachine === false);
  if (holder.failure.kind === "DeviceBusy") {
    const { nodeName } = ports.node;
    const what = `${nodeName} has the volume mounted, and can't learn whether the disk takes its writes`;
    const message = `${what}: ${describeFailure(holder.failure)}`;
    emitOnVolume(ports, volume.metadata.name, "ReservedByOthers", message);
  }
  return holder.failure.kind === "Unsupported" ? ok(false) : holder;
}
