import { deviceBusy, wrongDevice } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isStagedReadOnly } from "../../core/node/mount-options.ts";
import { isFileSystemType } from "../../core/volume/device/file-system.ts";
import type { MountPoint } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import type { FoundVolume } from "./find-device.ts";
import { isUnflushedAt, publishedTargets } from "./published-targets.ts";
import type { StageRequest } from "./stage-request.ts";

/** What is at the staging path: nothing, this device alive, or what is removed first, maybe unflushed. */
export type MountState = "none" | "live" | "stale" | "unflushed";

/**
 * Observes the staging path. Fails with `WrongDevice` where another volume uses the raw device, or may come
 * to use it, or a pod has the volume from another device, and with `DeviceBusy` where a pod has this one raw
 * by an earlier number, or by a mount that did not answer, or raw is asked for while its file system is
 * mounted.
 */
export async function mountState(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  signal: AbortSignal,
): Promise<Result<MountState>> {
  const { device } = found;
  const same = await checkOwnNumber(ports, found, signal);
  if (!same.ok) return same;
  if (request.accessType === "block") {
    const targets = await ports.host.mountsOf(device.majorMinor, signal);
    if (!targets.ok) return targets;
    const unmounted = checkUnmounted(ports, found, targets.value);
    if (!unmounted.ok) return unmounted;
    const paths = targets.value.map(({ path }) => path);
    const free = checkFree(ports, found, paths);
    return free.ok ? ok(paths.length > 0 ? "live" : "none") : free;
  }
  const mounted = await ports.host.mountAt(request.stagingPath, signal);
  if (!mounted.ok) return mounted;
  if (mounted.value?.majorMinor === device.majorMinor) {
    if (!mounted.value.isDead) return mayBeWritten(ports, request, mounted.value, signal);
    const unused = await checkUnused(ports, mounted.value, signal);
    if (!unused.ok) return unused;
  }
  const used = await usedElsewhere(ports, request, mounted.value, signal);
  if (!used.ok) return used;
  if (used.value !== undefined) {
    const problem = `the volume is mounted from another device, and in use at ${used.value}`;
    return wrongDevice(device.path, problem);
  }
  const free = checkFree(ports, found, []);
  if (!free.ok) return free;
  if (mounted.value === undefined) return ok("none");
  if (!mounted.value.isDead) return ok("stale");
  const mounts = await ports.host.mountsOf(mounted.value.majorMinor, signal);
  return ok(!mounts.ok || isUnflushedAt(mounted.value.path, mounts.value) ? "unflushed" : "stale");
}

/**
 * Whether a live mount serves the request. One that was made read-only does not serve a pod that is to write,
 * as once `ro` was taken out of the mountOptions: where no pod has it, it is mounted again. Where one has,
 * nothing new is bound (`bindMount`).
 */
async function mayBeWritten(
  { host }: NodePorts,
  request: StageRequest,
  staging: MountPoint,
  signal: AbortSignal,
): Promise<Result<"live" | "stale">> {
  if (!staging.readOnly || isStagedReadOnly(request)) return ok("live");
  const mounts = await host.mountsOf(staging.majorMinor, signal);
  if (!mounts.ok) return mounts;
  return ok(mounts.value.some(({ path }) => path !== staging.path) ? "live" : "stale");
}

/**
 * Fails where a pod has the volume by a mount that the kernel calls alive. A single read of the disk that has
 * failed makes the staging mount look dead, and may succeed the next time.
 */
async function checkUnused(
  { host }: NodePorts,
  staging: MountPoint,
  signal: AbortSignal,
): Promise<Result<void>> {
  const mounts = await host.mountsOf(staging.majorMinor, signal);
  if (!mounts.ok) return mounts;
  const used = mounts.value.find(({ path, isDead }) => path !== staging.path && !isDead);
  if (used === undefined) return ok(undefined);
  const detail = `the disk of ${staging.path} did not answer, and a pod has it at ${used.path}`;
  return deviceBusy(staging.path, detail);
}

/**
 * Where a pod has the volume by what is mounted at the staging path, if that is alive: with an attachment
 * from a backup the LUN may lead to another disk.
 */
async function usedElsewhere(
  ports: NodePorts,
  { volumeId, stagingPath }: StageRequest,
  mounted: MountPoint | undefined,
  signal: AbortSignal,
): Promise<Result<string | undefined>> {
  if (mounted === undefined || mounted.isDead) return ok(undefined);
  const targets = await publishedTargets(ports, volumeId, stagingPath, signal);
  return targets.ok ? ok(targets.value.bound[0]) : targets;
}

/**
 * Fails where a pod has this volume raw by a number that its disk had before it was detached. The checkpoint
 * has to keep that number until the pod has ended: by it the number is refused to other volumes. No permanent
 * refusal: kubelet may not know yet whether it has published that target, and would then never unpublish it.
 */
async function checkOwnNumber(
  ports: NodePorts,
  { volume, device }: FoundVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { accessType, majorMinor, targetPaths = [] } = checkpointOf(ports, volume.metadata.name) ?? {};
  if (accessType !== "block" || majorMinor === undefined || majorMinor === device.majorMinor)
    return ok(undefined);
  for (const path of targetPaths) {
    const bound = await ports.host.mountAt(path, signal);
    if (!bound.ok) return bound;
    if (bound.value?.majorMinor === majorMinor)
      return deviceBusy(
        device.path,
        `${path} is bound to its earlier number ${majorMinor}: the pod has to end first`,
      );
  }
  return ok(undefined);
}

/**
 * Fails while this node has the volume's file system mounted: another PersistentVolume of the same disk may
 * ask for it raw, and what a pod writes there would be written beside the file system. One that a pod has
 * made on a raw device, and mounts itself, is that pod's own. Where the checkpoint was lost, a volume that
 * may be mounted counts as mounted by this node.
 */
function checkUnmounted(
  ports: NodePorts,
  { volume, device }: FoundVolume,
  mounts: readonly MountPoint[],
): Result<void> {
  const checkpoint = checkpointOf(ports, volume.metadata.name);
  const known = checkpoint === undefined ? volume.spec.capabilities : [checkpoint];
  if (known.every(({ accessType }) => accessType === "block")) return ok(undefined);
  const paths = mounts.filter(({ fsType }) => isFileSystemType(fsType)).map(({ path }) => path);
  if (paths.length === 0) return ok(undefined);
  const detail = `its file system is mounted (${paths.join(", ")}): the pods that use it have to end first`;
  return deviceBusy(device.path, detail);
}

/**
 * Fails where a pod has another volume raw on this device: by a bind at `boundAt`, or by the device's number,
 * which a detached disk has left to this one. Such a pod may open the number again at any time, and would
 * write over what is mounted: neither a bound device node nor that of a container holds a device.
 */
function checkFree(
  { checkpoints }: NodePorts,
  { volume, device, disk }: FoundVolume,
  boundAt: readonly string[],
): Result<void> {
  const numbers = new Set<string | undefined>([device.majorMinor, disk.majorMinor]);
  // With an attachment from a backup the LUN may lead to another volume's disk, and the record from
  // that backup may name this node.
  const other = checkpoints
    .volumes()
    .filter((checkpoint) => checkpoint.volumeName !== volume.metadata.name)
    .find(
      ({ accessType, majorMinor, targetPaths }) =>
        targetPaths.some((path) => boundAt.includes(path)) ||
        (accessType === "block" && numbers.has(majorMinor)),
    );
  return other === undefined
    ? ok(undefined)
    : wrongDevice(
        device.path,
        `a pod has it, or its number, raw as volume ${other.volumeName}, and has to end first`,
      );
}
