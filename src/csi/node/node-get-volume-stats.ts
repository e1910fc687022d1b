import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { checkpointOfDisk } from "../../node/own-state.ts";
import { emitDeadMount, emitErrorsFound } from "../../node/stage/volume-events.ts";
import { readVolume } from "../../objects/read-volume.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodeGetVolumeStatsRequest, NodeGetVolumeStatsResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";

/**
 * NodeGetVolumeStats: bytes and inodes of a file system, or the size of a raw device. NOT_FOUND if the
 * volume is not at that path. Kubelet asks for each volume once a minute: a volume in this node's
 * checkpoints is known to exist, and the store is not asked. Where the mount is dead, or has errors, an
 * event says so.
 */
export async function nodeGetVolumeStats(
  ports: NodePorts,
  request: NodeGetVolumeStatsRequest,
  call: CallContext,
): Promise<Result<NodeGetVolumeStatsResponse, Failure>> {
  const { volumeId, volumePath } = request;
  const missing = missingField({ volume_id: volumeId, volume_path: volumePath });
  if (missing !== undefined) return fail(missing);
  const checkpoint = checkpointOfDisk(ports, volumeId);
  const volume = checkpoint === undefined ? await readVolume(ports, volumeId, call.signal) : ok(undefined);
  if (!volume.ok) return volume;
  const usage = await readUsage(ports, request, checkpoint, call.signal);
  if (!usage.ok) emitDeadMount(ports, volumeId, checkpoint, usage.failure);
  return usage;
}

async function readUsage(
  ports: NodePorts,
  { volumeId, volumePath }: NodeGetVolumeStatsRequest,
  checkpoint: VolumeCheckpoint | undefined,
  signal: AbortSignal,
): Promise<Result<NodeGetVolumeStatsResponse, Failure>> {
  // What reads the usage looks at the mount itself: each look costs a command, a direct read of the device.
  const kind = await ports.host.pathKind(volumePath, signal);
  if (!kind.ok) return kind;
  if (kind.value === "blockDevice") {
    const size = await ports.host.deviceSize(volumePath, signal);
    return size.ok ? ok({ usage: [{ unit: "BYTES", total: size.value, available: 0n, used: 0n }] }) : size;
  }
  const stats = await ports.host.fileSystemStats(volumePath, signal);
  if (!stats.ok) return stats;
  if (stats.value.errorsFound !== undefined)
    emitErrorsFound(ports, volumeId, checkpoint, stats.value.errorsFound);
  return ok({
    usage: [
      {
        unit: "BYTES",
        total: stats.value.totalBytes,
        available: stats.value.availableBytes,
        used: stats.value.usedBytes,
      },
      // NTFS and ReFS count none: 0 would be a full file system.
      ...(stats.value.totalInodes === 0n
        ? []
        : [
            {
              unit: "INODES" as const,
              total: stats.value.totalInodes,
              available: stats.value.availableInodes,
              used: stats.value.usedInodes,
            },
          ]),
    ],
  });
}
