import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { lastingReasons } from "../../core/node/file-system/why-not-grown.ts";
import { isStagedReadOnly } from "../../core/node/mount-options.ts";
import { geometryOf } from "../../core/volume/device/file-system-geometry.ts";
import { partitionOf } from "../../core/volume/device/partition.ts";
import type { ReservationKey } from "../../core/writer/reservation/reservation-key.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import { tuneDevice } from "./device-tuning.ts";
import type { FoundVolume } from "./find-device.ts";
import { prepareFileSystem, recordHandedOutRaw } from "./prepare-file-system.ts";
import { findReservation, keyToReserve, reserveDisk } from "./reserve-disk.ts";
import { confirmInAzure, verifyLunInAzure, whileSame } from "./same-device.ts";
import type { StageRequest, Staged } from "./stage-request.ts";

/** By what this node holds a volume. */
interface Grant {
  readonly epoch: number;
  readonly reservationKey: ReservationKey | undefined;
}

/**
 * Makes the device of a volume that is acquired, or needs no acquire (epoch 0), ready, and mounts its file
 * system.
 */
export async function stageAcquired(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const { volume, device, disk } = found;
  const reservation = await findReservation(ports, found, signal);
  if (!reservation.ok) return reservation;
  const identified =
    reservation.value === undefined ? ok(undefined) : await confirmUnknown(ports, request, found, signal);
  if (!identified.ok) return identified;
  // Also where the disk can't be reserved: without it the node's own loop would ask the disk once more.
  const grant = { epoch, reservationKey: keyToReserve(ports, volume) };
  const checkpointed = await checkpoint(ports, request, found, grant, signal);
  if (!checkpointed.ok) return checkpointed;
  const reserved =
    reservation.value === undefined
      ? ok(undefined)
      : await reserveDisk(ports, found, reservation.value, signal);
  if (!reserved.ok) return reserved;
  // Another node may have written the disk since this kernel read it as a replica's: raw block would hand
  // out the old blocks, and write some of them back.
  const dropped = await ports.host.dropCachedBlocks(device, signal);
  if (!dropped.ok) return dropped;
  // A partition's blocks are cached apart from its disk's, which has the table.
  const tableDropped = device === disk ? ok(undefined) : await ports.host.dropCachedBlocks(disk, signal);
  if (!tableDropped.ok) return tableDropped;
  const tuned = await tuneDevice(ports, { ...request, volume, device }, signal);
  if (!tuned.ok) return tuned;
  if (request.accessType === "block") return handOutRaw(ports, found, signal);
  const { stagingPath, fsType, mountFlags, readOnly } = request;
  const ready = await prepareFileSystem(
    ports,
    {
      volume,
      device,
      partition: partitionOf(request.volumeContext),
      geometry: geometryOf(request.volumeContext),
      fsType,
      readOnly,
      confirmInAzure: () => confirmInAzure(ports, request, found, signal),
      verifyLunInAzure: () => verifyLunInAzure(ports, request, found, signal),
    },
    signal,
  );
  if (!ready.ok) return ready;
  const mounted = await ports.steps.run("mount", () =>
    ports.host.mountDevice({ device, path: stagingPath, fsType, mountFlags, readOnly }, signal),
  );
  if (!mounted.ok) return mounted;
  const staged = await growUnexpanded(ports, request, found, { mayWait: false }, signal);
  if (!staged.ok) return staged;
  ports.logger.info("volume staged", {
    volumeName: volume.metadata.name,
    devicePath: device.path,
    fsType,
  });
  return staged;
}

/**
 * Confirms a disk that is to be reserved, unless its file system is the one on record: at the LUN of a
 * backup it may be another volume's, whose writer would be cut off. Refuses nothing by what it reads: this
 * kernel may have cached that as a replica's.
 */
async function confirmUnknown(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  // A raw one was confirmed as it was held.
  if (request.accessType === "block") return ok(undefined);
  const uuid = found.volume.status?.detail?.formatted?.uuid;
  const content = uuid === undefined ? undefined : await ports.host.inspectDevice(found.device, signal);
  const isOnRecord =
    content?.ok === true && content.value.kind === "fileSystem" && content.value.uuid === uuid;
  return isOnRecord ? ok(undefined) : confirmInAzure(ports, request, found, signal);
}

/** Gives a volume that was staged before its checkpoint, the settings of its device, and its size. */
export async function adjustStaged(
  ports: NodePorts,
  request: StageRequest,
  staged: Staged,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const adjust = async (): Promise<Result<Staged>> => {
    const checkpointed = await restoreCheckpoint(ports, request, staged, epoch, signal);
    if (!checkpointed.ok) return checkpointed;
    const tuned = await tuneDevice(ports, { ...request, ...staged }, signal);
    // Pods use it with the size that it has: the next stage, after a check, grows it.
    return tuned.ok ? growUnexpanded(ports, request, staged, { mayWait: true }, signal) : tuned;
  };
  // A mount holds its device, a bound device node does not.
  return request.accessType === "block" ? whileSame(ports, request, staged, adjust, signal) : adjust();
}

/**
 * Grows a mounted file system to its disk where no client expands it: the source of a copy may have been
 * smaller, and a disk that the driver did not create may have been enlarged in Azure, which V1 followed with
 * each mount. Such a disk was used with its size before, so it is staged where it does not grow. A read-only
 * mount can't grow. `mayWait`: a copy stays as it is where it grows only with its next mount.
 */
async function growUnexpanded(
  { host, logger }: NodePorts,
  request: StageRequest,
  staged: Staged,
  { mayWait }: { readonly mayWait: boolean },
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const { volume, device } = staged;
  const { accessType, stagingPath, fsType } = request;
  const isCopy = volume.spec.disk.sourceUri !== undefined;
  const isAdopted = volume.spec.diskUri !== undefined;
  const isFixed = accessType === "block" || isStagedReadOnly(request);
  if (isFixed || !(isCopy || isAdopted)) return ok(staged);
  const grown = await host.growFileSystem({ device, mountPath: stagingPath, fsType }, signal);
  if (grown.ok) return ok(staged);
  if (isCopy) {
    if (grown.failure.kind !== "GrowsUnmounted") return grown;
    // Where no later stage can grow it either, and the kernel has mounted it.
    if (!mayWait && !lastingReasons.has(grown.failure.reason)) return grown;
  }
  logger.warn("mounted file system not grown", { volumeName: volume.metadata.name, failure: grown.failure });
  return ok(staged);
}

/** What a pod writes to a raw disk must never be taken for an unfinished first format, nor for no data. */
async function handOutRaw(
  ports: NodePorts,
  found: FoundVolume,
  signal: AbortSignal,
): Promise<Result<Staged>> {
  const { volume, device } = found;
  const detail = volume.status?.detail;
  if (detail === undefined) return stillWaiting(volume.metadata.name, "its disk to be created");
  const recorded = await recordHandedOutRaw(ports, volume, signal);
  if (!recorded.ok) return recorded;
  const erased = await ports.host.eraseFormatMark({ device, diskUri: detail.diskUri }, signal);
  return erased.ok ? ok(found) : erased;
}

/** Written before anything is mounted: after a crash or a rollback the node knows what it may have had. */
function checkpoint(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  { epoch, reservationKey }: Grant,
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = found.volume.metadata.name;
  const earlier = checkpointOf(ports, volumeName);
  // Otherwise a try to mount it that has failed is repeated, and what its check has repaired counts.
  const isSameMount = earlier?.epoch === epoch && earlier.majorMinor === found.device.majorMinor;
  if (!isSameMount) ports.looks.begun(volumeName, ports.clock.nowMs());
  const targetPaths = earlier?.targetPaths ?? [];
  return putCheckpoint(ports, request, found, { epoch, targetPaths, reservationKey }, signal);
}

/**
 * Writes the checkpoint of a volume that is mounted here without one, since its file was lost: by the next
 * recall a node without it would release the volume under its pods, and not answer that they use it. What is
 * bound are the targets. Does nothing where there is one.
 */
async function restoreCheckpoint(
  ports: NodePorts,
  request: StageRequest,
  staged: Staged,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { volume, device } = staged;
  if (checkpointOf(ports, volume.metadata.name) !== undefined) return ok(undefined);
  const mounts = await ports.host.mountsOf(device.majorMinor, signal);
  if (!mounts.ok) return mounts;
  // As the kernel shows it: the client's path may lead there by a link.
  const atStaging = await ports.host.mountAt(request.stagingPath, signal);
  if (!atStaging.ok) return atStaging;
  const targetPaths = mounts.value
    .map(({ path }) => path)
    .filter((path) => path !== atStaging.value?.path)
    .toSorted();
  return putCheckpoint(ports, request, staged, { epoch, targetPaths, reservationKey: undefined }, signal);
}

function putCheckpoint(
  ports: NodePorts,
  request: StageRequest,
  { volume, device, lun }: FoundVolume,
  { epoch, targetPaths, reservationKey }: Grant & Pick<VolumeCheckpoint, "targetPaths">,
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = volume.metadata.name;
  const earlier = checkpointOf(ports, volumeName);
  return ports.steps.run("checkpoint", () =>
    ports.checkpoints.put(
      {
        volumeName,
        uid: volume.metadata.uid,
        volumeId: request.volumeId,
        epoch,
        stagingPath: request.stagingPath,
        targetPaths,
        lun,
        majorMinor: device.majorMinor,
        accessType: request.accessType,
        ...(reservationKey === undefined ? {} : { reservationKey }),
        ...(earlier?.deviceSettings === undefined || earlier.majorMinor !== device.majorMinor
          ? {}
          : { deviceSettings: earlier.deviceSettings }),
        vm: { vmId: ports.node.vmId, instanceUri: ports.node.instanceUri },
      },
      signal,
    ),
  );
}
