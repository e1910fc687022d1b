import { ok, type Result } from "../../core/failure/result.ts";
import type { MountPoint } from "../../ports/host/host-provisioner.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOfDisk } from "../own-state.ts";

/**
 * Where a volume is still bound on this node: the checkpoint's targets that are mounted, and other mounts
 * of its device.
 */
export async function publishedTargets(
  ports: NodePorts,
  volumeId: string,
  stagingPath: string,
  signal: AbortSignal,
): Promise<Result<ObservedTargets>> {
  const checkpoint = checkpointOfDisk(ports, volumeId);
  return observeTargets(
    ports,
    { targetPaths: checkpoint?.targetPaths ?? [], majorMinor: checkpoint?.majorMinor, stagingPath },
    signal,
  );
}

/** The state of a volume's targets. */
export interface ObservedTargets {
  /**
   * Where the volume is bound, sorted. Known targets count as targets, also where one equals the staging
   * path.
   */
  readonly bound: readonly string[];
  /**
   * Known targets that are directories with nothing mounted, not even a placeholder, sorted. None of an
   * earlier boot: its containers have ended with it.
   */
  readonly bare: readonly string[];
  /** What is mounted at the staging path. */
  readonly staging: "none" | "live" | "dead";
  /** Whether that, or a known target, may have been written to, and is unmounted without a flush. */
  readonly isUnflushed: boolean;
}

/** The same for paths that the caller knows, from its checkpoint or from what it found. */
export async function observeTargets(
  ports: Pick<NodePorts, "host">,
  {
    targetPaths,
    stagingPath,
    majorMinor,
  }: Pick<VolumeCheckpoint, "targetPaths" | "stagingPath" | "majorMinor">,
  signal: AbortSignal,
): Promise<Result<ObservedTargets>> {
  const bound = new Set<string>();
  const bare: string[] = [];
  /** Known paths as the kernel shows their mounts: a client's path may lead there by a link. */
  const known = new Set<string>();
  let isUnflushed = false;
  for (const target of targetPaths) {
    const mounted = await ports.host.mountAt(target, signal);
    if (!mounted.ok) return mounted;
    // A placeholder is no use of the volume: nothing may wait for it, and nothing is reclaimed by it.
    if (mounted.value !== undefined && !mounted.value.isPlaceholder) {
      bound.add(target);
      known.add(mounted.value.path);
    }
    // A raw device has no other mount.
    if (mounted.value?.isDead === true) {
      const mounts = await ports.host.mountsOf(mounted.value.majorMinor, signal);
      if (!mounts.ok) return mounts;
      isUnflushed ||= isUnflushedAt(mounted.value.path, mounts.value);
    }
    if (mounted.value !== undefined || majorMinor === undefined) continue;
    const kind = await ports.host.pathKind(target, signal);
    if (!kind.ok) return kind;
    if (kind.value === "directory") bare.push(target);
  }
  const staged = await ports.host.mountAt(stagingPath, signal);
  if (!staged.ok) return staged;
  if (staged.value !== undefined) {
    const mounts = await ports.host.mountsOf(staged.value.majorMinor, signal);
    if (!mounts.ok) return mounts;
    known.add(staged.value.path);
    for (const { path } of mounts.value) if (!known.has(path)) bound.add(path);
    isUnflushed ||= isUnflushedAt(staged.value.path, mounts.value);
  }
  return ok({
    bound: [...bound].toSorted(),
    bare: bare.toSorted(),
    staging: staged.value === undefined ? "none" : staged.value.isDead ? "dead" : "live",
    isUnflushed,
  });
}

/**
 * Whether a mount may have been written to, and is unmounted without a flush, by the kernel's state of the
 * device's mounts. One that is dead by a failed read of its disk alone is flushed, and says itself what that
 * shows.
 */
export function isUnflushed({ isDead, readOnly }: MountPoint): boolean {
  return isDead && !readOnly;
}

export function isUnflushedAt(path: string, mounts: readonly MountPoint[]): boolean {
  return mounts.some((mount) => mount.path === path && isUnflushed(mount));
}
