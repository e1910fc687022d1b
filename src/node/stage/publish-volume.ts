import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { deviceBusy, notWriter } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import type { Device, MountPoint } from "../../ports/host/host-provisioner.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, checkpointOfDisk } from "../own-state.ts";
import { coverVolume, reportUnflushed, unmountVolume } from "../unmount-volume.ts";
import { checkHeld } from "../writer/check-held.ts";
import { isUnflushed } from "./published-targets.ts";
import { whileSame } from "./same-device.ts";
import type { Staged, StageRequest } from "./stage-request.ts";
import { stageVolume } from "./stage-volume.ts";

type PublishRequest = StageRequest & { readonly targetPath: string; readonly targetReadOnly: boolean };

/**
 * Binds a staged volume to a target. Reads the record uncached, as for staging, and requires a live mount
 * of the right device at the staging path: a recall may have unmounted and released it unknown to the
 * orchestrator, which believes it staged and will not stage it again. So it is staged first where it is
 * not, whatever is known of it here.
 */
export async function publishVolume(
  ports: NodePorts,
  request: PublishRequest,
  signal: AbortSignal,
): Promise<Result<void>> {
  // For a staged volume this is a check of the mount and one read of the record.
  const staged = await stageVolume(ports, request, signal);
  if (!staged.ok) return staged;
  return request.accessType === "block"
    ? publishRaw(ports, request, staged.value, signal)
    : publishFileSystem(ports, request, staged.value, signal);
}

/**
 * A bound device node holds no device, and the stage has closed it. The bind may have to wait for slower
 * mounts, long enough for the disk to go and another to get its number: nothing would show that later.
 */
function publishRaw(
  ports: NodePorts,
  request: PublishRequest,
  staged: Staged,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { device, volume } = staged;
  const { targetPath, targetReadOnly: readOnly } = request;
  const bind = async (): Promise<Result<void>> => {
    const present = await publishedAt(ports, volume.metadata.name, targetPath, signal);
    if (!present.ok) return present;
    const before = isOf(present.value, device) ? "live" : "none";
    const checkpointed = await addTarget(ports, volume.metadata.name, targetPath, signal);
    if (!checkpointed.ok) return checkpointed;
    const bound = await ports.host.bindDevice({ device, targetPath, readOnly }, signal);
    return bound.ok ? checkAfterBind(ports, { ...request, before }, staged, signal) : bound;
  };
  return whileSame(ports, request, staged, bind, signal);
}

/** The mount at the staging path holds the device. */
async function publishFileSystem(
  ports: NodePorts,
  request: PublishRequest,
  staged: Staged,
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = staged.volume.metadata.name;
  const { stagingPath, targetPath, targetReadOnly: readOnly, mountFlags } = request;
  const present = await publishedAt(ports, volumeName, targetPath, signal);
  if (!present.ok) return present;
  const below = await isBelow(ports, present.value, staged.device, signal);
  if (!below.ok) return below;
  // The pod has it, and has mounted something over it since.
  if (below.value) return checkAfterBind(ports, { ...request, before: "live" }, staged, signal);
  const covered = isOf(present.value, staged.device)
    ? ok("live" as const)
    : await coverDead(ports, { volumeName, path: targetPath }, present.value, signal);
  if (!covered.ok) return covered;
  const checkpointed = await addTarget(ports, volumeName, targetPath, signal);
  if (!checkpointed.ok) return checkpointed;
  const bound = await ports.host.bindMount({ stagingPath, targetPath, readOnly, mountFlags }, signal);
  return bound.ok ? checkAfterBind(ports, { ...request, before: covered.value }, staged, signal) : bound;
}

/**
 * The existing mount at the target, with which a pod may run: a restarted kubelet publishes again what is
 * published, and a placeholder is only where a volume was.
 */
async function publishedAt(
  ports: NodePorts,
  volumeName: string,
  targetPath: string,
  signal: AbortSignal,
): Promise<Result<MountPoint | undefined>> {
  const checkpoint = checkpointOf(ports, volumeName);
  return checkpoint?.targetPaths.includes(targetPath) === true
    ? ports.host.mountAt(targetPath, signal)
    : ok(undefined);
}

/**
 * A bound but unchecked publish is repeated, and the disk may have gone and come back as another device
 * since: the dead mount is replaced. After a permanent refusal kubelet would take the target for
 * unmounted, and never unpublish it. What lives there stays: a placeholder would end all mounts there.
 */
async function coverDead(
  ports: NodePorts,
  target: { readonly volumeName: string; readonly path: string },
  present: MountPoint | undefined,
  signal: AbortSignal,
): Promise<Result<"none" | "placeholder">> {
  if (present === undefined) return ok("none");
  if (present.isPlaceholder) return ok("placeholder");
  if (!present.isDead)
    return deviceBusy(
      target.path,
      `a ${present.fsType} (${present.majorMinor}) is mounted there, not the volume: unmount it`,
    );
  const covered = await coverVolume(ports, target, signal);
  return covered.ok ? ok("placeholder") : covered;
}

/**
 * Whether something else is mounted at a target over the volume: with `mountPropagation: Bidirectional` a pod
 * may do that.
 */
async function isBelow(
  { host }: NodePorts,
  present: MountPoint | undefined,
  device: Device,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  if (present === undefined || present.isPlaceholder || present.isDead) return ok(false);
  if (present.majorMinor === device.majorMinor) return ok(false);
  const mounts = await host.mountsOf(device.majorMinor, signal);
  return mounts.ok ? ok(mounts.value.some(({ path }) => path === present.path)) : mounts;
}

function isOf(mount: MountPoint | undefined, device: Device): boolean {
  if (mount === undefined) return false;
  return !mount.isPlaceholder && !mount.isDead && mount.majorMinor === device.majorMinor;
}

/** A target that has just been bound, and what was there before. */
interface BoundTarget extends Pick<PublishRequest, "volumeId" | "targetPath"> {
  readonly before: "none" | "placeholder" | "live";
}

/**
 * Between the read of the record and the bind a fence may have begun, or a rebuild: then the target is as
 * before again, and the caller retries. A pod that ran there is not left with a bare directory, and what it
 * has is for the node's own loop to reclaim or to remove.
 */
async function checkAfterBind(
  ports: NodePorts,
  bound: BoundTarget,
  staged: Staged,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (!isSingleWriter(staged.volume.spec.capabilities)) return ok(undefined);
  const held = await checkHeld(ports, staged.volume.metadata.name, signal);
  if (!held.ok || held.value !== undefined) return held.ok ? ok(undefined) : held;
  const undone = await unbind(ports, staged.volume.metadata.name, bound, signal);
  if (!undone.ok) return undone;
  return notWriter(
    bound.volumeId,
    ports.node.nodeName,
    "the volume was revoked while it was being published",
  );
}

function unbind(
  ports: NodePorts,
  volumeName: string,
  bound: BoundTarget,
  signal: AbortSignal,
): Promise<Result<void>> {
  switch (bound.before) {
    case "live":
      return Promise.resolve(ok(undefined));
    case "placeholder":
      return coverVolume(ports, { volumeName, path: bound.targetPath }, signal);
    case "none":
      return unpublishVolume(ports, bound, signal);
  }
}

/** Unbinds a target and removes it from the checkpoint. Success if nothing is there. */
export async function unpublishVolume(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly targetPath: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const { targetPath: path } = request;
  const checkpoint = checkpointOfDisk(ports, request.volumeId);
  const [shown] = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(request.volumeId));
  const volumeName = checkpoint?.volumeName ?? shown?.metadata.name;
  if (checkpoint?.accessType === "block" && (await isDeviceUnflushed(ports, checkpoint, signal)))
    await reportUnflushed(ports, checkpoint.volumeName, signal);
  // Where nothing is left at the staging path this is the volume's last mount, which is flushed.
  const unbound =
    volumeName === undefined
      ? await ports.host.unmount(path, signal)
      : await unmountVolume(ports, { volumeName, path }, signal);
  if (!unbound.ok) return unbound;
  if (checkpoint === undefined) return ok(undefined);
  return checkpointTargets(
    ports,
    checkpoint.volumeName,
    (targets) => targets.filter((target) => target !== request.targetPath),
    signal,
  );
}

/** Whether a raw device is gone that may have been written to. Its binds are all of its mounts. */
async function isDeviceUnflushed(
  { host }: NodePorts,
  { majorMinor }: VolumeCheckpoint,
  signal: AbortSignal,
): Promise<boolean> {
  const mounts = majorMinor === undefined ? undefined : await host.mountsOf(majorMinor, signal);
  return mounts?.ok === true && mounts.value.some(isUnflushed);
}

function addTarget(
  ports: NodePorts,
  volumeName: string,
  targetPath: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  return checkpointTargets(
    ports,
    volumeName,
    (targets) => [...targets.filter((target) => target !== targetPath), targetPath],
    signal,
  );
}

async function checkpointTargets(
  ports: NodePorts,
  volumeName: string,
  change: (targets: readonly string[]) => readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const checkpoint = checkpointOf(ports, volumeName);
  if (checkpoint === undefined) return ok(undefined);
  return ports.checkpoints.put(
    { ...checkpoint, targetPaths: change(checkpoint.targetPaths).toSorted() },
    signal,
  );
}
