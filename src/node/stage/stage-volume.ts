import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { maxSharesOf } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { unservedOn } from "../../core/platform/unserved-on.ts";
import { geometryOf } from "../../core/volume/device/file-system-geometry.ts";
import { partitionOf } from "../../core/volume/device/partition.ts";
import { reportMissing } from "../../objects/mark-device-missing.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { readVolume } from "../../objects/read-volume.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import { confirmHeld, releaseVolume, acquireVolume } from "../writer/acquire-volume.ts";
import { lunHere } from "../writer/lun-here.ts";
import { restoreDevice, tuneDevice } from "./device-tuning.ts";
import { findRightDevice } from "./find-device.ts";
import type { AttachedDevice } from "./find-device.ts";
import { type FileSystemRequest, prepareFileSystem } from "./prepare-file-system.ts";
import { waitForAttachment, waitForGrant } from "./wait-for-device.ts";

/**
 * How long the controller may take to read the VM again, in milliseconds; then the volume is released,
 * and the next call retries.
 */
const LOOK_AGAIN_MAX_MS = 20_000;

/** A request to stage a volume. */
export interface StageRequest extends FileSystemRequest {
  readonly volumeId: string;
  readonly stagingPath: string;
  readonly accessType: "block" | "mount";
  readonly mountFlags: readonly string[];
  readonly volumeContext: Readonly<Record<string, string>>;
  /** How long to wait for attach and grant, in milliseconds; default `stageWaitMs` of the settings. */
  readonly waitMs?: number;
}

/** A staged volume: its device, and for a file system a live mount at the staging path. */
export interface Staged {
  readonly volume: AzVolume;
  readonly device: Device;
}

/**
 * Stages a volume: makes the request with `attach: driver`, waits for attach and grant, verifies the
 * device, acquires, and only then reads the device, makes a file system if there never was one, and
 * mounts. Safe to repeat after any interruption.
 */
export async function stageVolume(
  ports: NodePorts,
  request: StageRequest,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const waitUntilMs = ports.clock.elapsedMs() + (request.waitMs ?? ports.settings.stageWaitMs);
  const waitMs = (): number => Math.max(0, waitUntilMs - ports.clock.elapsedMs());
  const read = await readVolume(ports, request.volumeId, signal);
  if (!read.ok) return read;
  const volume = read.value;
  const unserved = unservedOn(ports.settings.platform, { ...request, maxShares: maxSharesOf(volume) });
  if (unserved !== undefined) return fail(unserved);
  const attachmentName = attachmentObjectName({ diskUri: request.volumeId, nodeName: ports.node.nodeName });
  const requested = await requestOwnWriter(ports, request, volume, signal);
  if (!requested.ok) return requested;
  // During the wait the node cleans up what it has to, in quarantine perhaps.
  const found = await ports.locks.whileWaiting(request.volumeId, async () => {
    if (volume.status?.record !== undefined) {
      const granted = await waitForGrant(
        ports,
        { volumeId: request.volumeId, volumeName: volume.metadata.name, waitMs: waitMs() },
        signal,
      );
      if (!granted.ok) return granted;
    }
    const attached = await waitForAttachment(
      ports,
      { volumeId: request.volumeId, attachmentName, waitMs: waitMs() },
      signal,
    );
    if (!attached.ok) return attached;
    return findRightDevice(
      ports,
      {
        volume,
        partition: partitionOf(request.volumeContext),
        attachment: attached.value,
        waitMs: Math.min(ports.settings.deviceWaitMs, waitMs()),
      },
      signal,
    );
  });
  if (!found.ok) return found;
  return volume.status?.record === undefined
    ? stageShared(ports, request, volume, found.value, signal)
    : stageAsWriter(ports, request, volume, found.value, signal);
}

/**
 * Where the orchestrator does not publish, the node itself requests the volume; elsewhere it only renews
 * the request after it had unstaged.
 */
async function requestOwnWriter(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  if (ports.settings.attach === "kubernetes") {
    const present = await readAttachment(
      ports.store,
      { diskUri: request.volumeId, nodeName: ports.node.nodeName },
      signal,
    );
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    const isPublished =
      present.ok &&
      present.value.spec.role === "Primary" &&
      present.value.metadata.deletionTimestamp === undefined;
    if (isPublished && present.value.spec.writerRequest !== undefined) return present;
    if (!isPublished) {
      return fail({
        kind: "StillWaiting",
        volumeId: request.volumeId,
        what: `ControllerPublishVolume for ${ports.node.nodeName}: the volume is not published to this node`,
      });
    }
  }
  const creates = ports.settings.attach === "driver";
  return requestWriter(
    ports,
    { volume, nodeName: ports.node.nodeName, volumeContext: request.volumeContext, creates },
    signal,
  );
}

/** Several nodes may write: there is nothing to acquire, and only raw block gets here. */
async function stageShared(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  found: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  if (request.accessType === "mount")
    return fail({
      kind: "InvalidArgument",
      field: "volume_capability.access_mode",
      value: "MULTI_NODE",
      problem: "a file system can be used on one node only",
    });
  const { device } = found;
  const checkpointed = await checkpoint(ports, request, volume, found, 0, signal);
  if (!checkpointed.ok) return checkpointed;
  const fresh = await ports.host.dropCachedBlocks(device, signal);
  return fresh.ok
    ? ports.host.whileHolding(
        device,
        async () => {
          const tuned = await tuneDevice(ports, { ...request, volume, device }, signal);
          return tuned.ok ? handOutRaw(ports, volume, device, signal) : tuned;
        },
        signal,
      )
    : fresh;
}

/** What a pod writes to a raw disk must never be taken for an unfinished first format. */
async function handOutRaw(
  ports: NodePorts,
  volume: AzVolume,
  device: Device,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const erased = await ports.host.eraseFormatMark(device, signal);
  return erased.ok ? ok({ volume, device }) : erased;
}

async function stageAsWriter(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  found: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const { attachment, device } = found;
  const volumeName = volume.metadata.name;
  const present = await mountState(ports, request, volumeName, device, signal);
  if (!present.ok) {
    await reportWrongDevice(ports, attachment, present.failure, signal);
    return present;
  }
  if (present.value === "live") {
    // Success only if an uncached record says that this very node holds it: a mount that looks alive may
    // have been fenced.
    const held = await confirmHeld(ports, volumeName, signal);
    if (!held.ok) return held;
    if (held.value !== undefined) return adjusted(ports, request, { volume, device }, signal);
  }
  if (present.value !== "none") {
    const unmounted = await ports.steps.run("unmount", () => ports.host.unmount(request.stagingPath, signal));
    if (!unmounted.ok) return unmounted;
  }
  const taken = await acquireVolume(ports, volumeName, found.lun, signal);
  if (!taken.ok) return taken;
  // From before the last check until the mount: a mount command paused in between would otherwise mount
  // whatever disk has that name by then.
  const staged = await ports.host.whileHolding(
    device,
    async () => {
      const same = await findSameDevice(ports, request, taken.value, found, signal);
      return same.ok ? stageAcquired(ports, request, taken.value, found, signal) : same;
    },
    signal,
  );
  if (staged.ok) return staged;
  await reportWrongDevice(ports, attachment, staged.failure, signal);
  return releaseAfterFailure(ports, request, volumeName, staged.failure, signal);
}

/** Where the disk was not the volume's, its LUN is looked up in Azure. */
async function reportWrongDevice(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  failure: Failure,
  signal: AbortSignal,
): Promise<void> {
  if (failure.kind !== "WrongDevice") return;
  const reported = await reportMissing(ports, attachment, signal);
  if (!reported.ok)
    ports.logger.warn("wrong device not reported", {
      volumeName: attachment.spec.volumeName,
      failure: reported.failure,
    });
}

/**
 * The device was chosen before the acquire, and this process may have been paused in between, long enough
 * for the disk to go and another to get its name. An acquired volume can't be detached, so its device is
 * found once more, by the attachment's present LUN.
 */
async function findSameDevice(
  ports: NodePorts,
  { volumeContext }: StageRequest,
  volume: AzVolume,
  { attachment, lun: attachedLun, device }: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const fresh = await ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal);
  if (!fresh.ok) return fresh;
  const lun = lunHere(ports.node, fresh.value);
  if (lun !== attachedLun) {
    const place = lun === undefined ? "nowhere" : `at LUN ${lun}`;
    return fail({
      kind: "WrongDevice",
      devicePath: device.path,
      problem: `by its attachment the disk was at LUN ${attachedLun} before the acquire, and is ${place} now`,
    });
  }
  // A single look suffices for what was just there.
  const partition = partitionOf(volumeContext);
  const again = await findRightDevice(
    ports,
    { volume, partition, attachment: fresh.value, waitMs: 0 },
    signal,
  );
  if (!again.ok) return again;
  return again.value.device.majorMinor === device.majorMinor
    ? ok(undefined)
    : fail({
        kind: "WrongDevice",
        devicePath: device.path,
        problem:
          `LUN ${lun} was ${device.majorMinor} before the acquire, ` +
          `and is ${again.value.device.majorMinor} now`,
      });
}

/** Requests another read of the disk's LUN from Azure, and finds the device by that. */
async function lookAgain(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  found: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { metadata, spec } = found.attachment;
  const reported = await reportMissing(ports, found.attachment, signal);
  if (!reported.ok) return reported;
  const again = await waitForAttachment(
    ports,
    { volumeId: spec.volumeId, attachmentName: metadata.name, waitMs: LOOK_AGAIN_MAX_MS },
    signal,
  );
  return again.ok ? findSameDevice(ports, request, volume, found, signal) : again;
}

async function stageAcquired(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  found: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const { device, disk } = found;
  const checkpointed = await checkpoint(
    ports,
    request,
    volume,
    found,
    volume.status?.record?.writer?.epoch ?? 0,
    signal,
  );
  if (!checkpointed.ok) return checkpointed;
  // Another node may have written the disk since this kernel read it as a replica's: raw block would hand
  // out the old blocks, and write some of them back.
  const fresh = await ports.host.dropCachedBlocks(device, signal);
  if (!fresh.ok) return fresh;
  // A partition's blocks are cached apart from its disk's, which has the table.
  const table = device === disk ? ok(undefined) : await ports.host.dropCachedBlocks(disk, signal);
  if (!table.ok) return table;
  const tuned = await tuneDevice(ports, { ...request, volume, device }, signal);
  if (!tuned.ok) return tuned;
  if (request.accessType === "block") return handOutRaw(ports, volume, device, signal);
  const { fsType, readOnly } = request;
  const ready = await prepareFileSystem(
    ports,
    {
      volume,
      device,
      partition: partitionOf(request.volumeContext),
      geometry: geometryOf(request.volumeContext),
      fsType,
      readOnly,
      lookAgain: () => lookAgain(ports, request, volume, found, signal),
    },
    signal,
  );
  if (!ready.ok) return ready;
  const mounted = await ports.steps.run("mount", () =>
    ports.host.mountDevice(
      {
        device,
        path: request.stagingPath,
        fsType: request.fsType,
        mountFlags: request.mountFlags,
        readOnly: request.readOnly,
      },
      signal,
    ),
  );
  if (!mounted.ok) return mounted;
  const staged = await growCopy(ports, request, { volume, device }, signal);
  if (!staged.ok) return staged;
  ports.logger.info("volume staged", {
    volumeName: volume.metadata.name,
    devicePath: device.path,
    fsType: request.fsType,
  });
  return staged;
}

/** A volume that was staged before, with the settings of its device and the size that it is to have. */
async function adjusted(
  ports: NodePorts,
  request: StageRequest,
  staged: Staged,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const tuned = await tuneDevice(ports, { ...request, ...staged }, signal);
  return tuned.ok ? growCopy(ports, request, staged, signal) : tuned;
}

/**
 * A mounted volume, whose file system fills its disk where that is a copy: it came from a source that may be
 * smaller. No client expands it, since the volume has had its size from the start.
 */
async function growCopy(
  { host }: NodePorts,
  { accessType, stagingPath, fsType, readOnly }: StageRequest,
  staged: Staged,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const { volume, device } = staged;
  if (volume.spec.disk.sourceUri === undefined || accessType === "block" || readOnly) return ok(staged);
  const filled = await host.growFileSystem({ device, mountPath: stagingPath, fsType }, signal);
  return filled.ok ? ok(staged) : filled;
}

/** Written before anything is mounted: after a crash or a rollback the node knows what it may have had. */
function checkpoint(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  { device, lun }: AttachedDevice,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const volumeName = volume.metadata.name;
  const earlier = ports.checkpoints.volumes().find((other) => other.volumeName === volumeName);
  return ports.steps.run("checkpoint", () =>
    ports.checkpoints.put(
      {
        volumeName,
        uid: volume.metadata.uid,
        volumeId: request.volumeId,
        epoch,
        stagingPath: request.stagingPath,
        targetPaths: earlier?.targetPaths ?? [],
        lun,
        majorMinor: device.majorMinor,
        accessType: request.accessType,
        ...(earlier?.deviceSettings === undefined || earlier.majorMinor !== device.majorMinor
          ? {}
          : { deviceSettings: earlier.deviceSettings }),
        vm: { vmId: ports.node.vmId, instanceUri: ports.node.instanceUri },
      },
      signal,
    ),
  );
}

/** A failed stage leaves nothing mounted and the volume released, so that another node may have it. */
async function releaseAfterFailure(
  ports: NodePorts,
  request: StageRequest,
  volumeName: string,
  failure: Failure,
  signal: AbortSignal,
): Promise<Result<Staged, Failure>> {
  const mounted = await ports.host.mountAt(request.stagingPath, signal);
  if (mounted.ok && mounted.value === undefined) {
    await restoreDevice(ports, volumeName, signal);
    const given = await releaseVolume(ports, volumeName, signal);
    const settled = given.ok ? await ports.checkpoints.remove(volumeName, signal) : given;
    if (!settled.ok)
      ports.logger.warn("volume not released after a failed stage; the next stage acquires it again", {
        volumeName,
        failure: settled.failure,
      });
  }
  return fail(failure);
}

/**
 * What is at the staging path: nothing, this device alive, or something to be removed first. Fails with
 * `WrongDevice` where another volume uses the raw device.
 */
async function mountState(
  ports: NodePorts,
  request: StageRequest,
  volumeName: string,
  device: Device,
  signal: AbortSignal,
): Promise<Result<"none" | "live" | "stale", Failure>> {
  if (request.accessType === "block") {
    const targets = await ports.host.mountsOf(device.majorMinor, signal);
    if (!targets.ok) return targets;
    const paths = targets.value.map(({ path }) => path);
    // With an attachment from a backup the LUN may lead to another volume's disk, and the record from
    // that backup may name this node.
    const other = ports.checkpoints
      .volumes()
      .find(
        (checkpoint) =>
          checkpoint.volumeName !== volumeName && checkpoint.targetPaths.some((path) => paths.includes(path)),
      );
    if (other !== undefined)
      return fail({
        kind: "WrongDevice",
        devicePath: device.path,
        problem: `a pod has it as volume ${other.volumeName}`,
      });
    return ok(paths.length > 0 ? "live" : "none");
  }
  const mounted = await ports.host.mountAt(request.stagingPath, signal);
  if (!mounted.ok) return mounted;
  if (mounted.value === undefined) return ok("none");
  return ok(mounted.value.majorMinor === device.majorMinor && !mounted.value.isDead ? "live" : "stale");
}
