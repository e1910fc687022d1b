import { describeFailure } from "../core/failure/describe-failure.ts";
import { ok, type Result } from "../core/failure/result.ts";
import type { FoundProblem } from "../core/node/plan-mount-problems.ts";
import type { Bytes } from "../core/primitives/units.ts";
import type { FileSystemStats } from "../ports/host/host-provisioner.ts";
import type { VolumeCheckpoint } from "../ports/host/node-checkpoints.ts";
import type { NodePorts } from "./node-ports.ts";
import { checkpointOf } from "./own-state.ts";
import { emitMountProblem } from "./stage/volume-events.ts";

export type MountUsage =
  | { readonly kind: "blockDevice"; readonly bytes: Bytes }
  | { readonly kind: "fileSystem"; readonly stats: FileSystemStats };

/**
 * Reads the usage of what a volume has at `path`, and reports what is wrong there: by an event on the
 * volume at once, and to the loop that states it in the attachment. `checkpoint`: of the mount; undefined:
 * this node knows of none, and states nothing.
 */
export async function lookAtMount(
  ports: NodePorts,
  mount: {
    readonly volumeId: string;
    readonly path: string;
    readonly checkpoint: VolumeCheckpoint | undefined;
  },
  signal: AbortSignal,
): Promise<Result<MountUsage>> {
  const { volumeId, path, checkpoint } = mount;
  const begunAt = checkpoint === undefined ? undefined : ports.looks.of(checkpoint).begunAt;
  const usage = await readUsage(ports, path, signal);
  const found = problemsIn(usage);
  for (const problem of found ?? []) emitMountProblem(ports, volumeId, checkpoint, problem);
  // A look may last longer than its mount.
  const present = checkpoint === undefined ? undefined : checkpointOf(ports, checkpoint.volumeName);
  if (present === undefined || found === undefined) return usage;
  if (present.epoch === checkpoint?.epoch && ports.looks.of(present).begunAt === begunAt)
    ports.looks.looked(present, path, found, ports.clock.elapsedMs());
  return usage;
}

async function readUsage(
  { host }: NodePorts,
  path: string,
  signal: AbortSignal,
): Promise<Result<MountUsage>> {
  // What reads the usage looks at the mount itself: each look costs a command, a direct read of the device.
  const kind = await host.pathKind(path, signal);
  if (!kind.ok) return kind;
  if (kind.value === "blockDevice") {
    const size = await host.deviceSize(path, signal);
    return size.ok ? ok({ kind: "blockDevice", bytes: size.value }) : size;
  }
  const stats = await host.fileSystemStats(path, signal);
  return stats.ok ? ok({ kind: "fileSystem", stats: stats.value }) : stats;
}

/** What a look shows to be wrong; undefined: nothing can be said, as where nothing is mounted yet. */
function problemsIn(usage: Result<MountUsage>): readonly FoundProblem[] | undefined {
  if (!usage.ok) {
    const { failure } = usage;
    return failure.kind === "FileSystemBroken" || failure.kind === "WrongDevice"
      ? [{ reason: "MountDead", detail: describeFailure(failure) }]
      : undefined;
  }
  const errorsFound = usage.value.kind === "fileSystem" ? usage.value.stats.errorsFound : undefined;
  return errorsFound === undefined
    ? []
    : [{ reason: "FileSystemErrors", detail: `${errorsFound} since its last check` }];
}
