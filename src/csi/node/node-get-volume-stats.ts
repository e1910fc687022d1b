import { fail, ok, type Result } from "../../core/failure/result.ts";
import { lookAtMount, type MountUsage } from "../../node/look-at-mount.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { checkpointOfDisk } from "../../node/own-state.ts";
import { readVolume } from "../../objects/read-volume.ts";
import type {
  NodeGetVolumeStatsRequest,
  NodeGetVolumeStatsResponse,
  VolumeUsage,
} from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";

/**
 * NodeGetVolumeStats: bytes and inodes of a file system, or the size of a raw device. NOT_FOUND if the
 * volume is not at that path. Kubelet asks for each volume once a minute: a volume in this node's
 * checkpoints is known to exist, and the store is not asked. Where the mount is dead, or has errors, events
 * say so.
 */
export async function nodeGetVolumeStats(
  ports: NodePorts,
  request: NodeGetVolumeStatsRequest,
  call: CallContext,
): Promise<Result<NodeGetVolumeStatsResponse>> {
  const { volumeId, volumePath } = request;
  const missing = missingField({ volume_id: volumeId, volume_path: volumePath });
  if (missing !== undefined) return fail(missing);
  const checkpoint = checkpointOfDisk(ports, volumeId);
  const volume = checkpoint === undefined ? await readVolume(ports, volumeId, call.signal) : ok(undefined);
  if (!volume.ok) return volume;
  const mount = { volumeId, path: volumePath, checkpoint };
  const usage = await lookAtMount(ports, mount, call.signal);
  return usage.ok ? ok({ usage: usageOf(usage.value) }) : usage;
}

function usageOf(usage: MountUsage): VolumeUsage[] {
  if (usage.kind === "blockDevice") return [{ unit: "BYTES", total: usage.bytes, available: 0n, used: 0n }];
  const { stats } = usage;
  return [
    { unit: "BYTES", total: stats.totalBytes, available: stats.availableBytes, used: stats.usedBytes },
    // NTFS and ReFS count none: 0 would be a full file system.
    ...(stats.totalInodes === 0n
      ? []
      : [
          {
            unit: "INODES" as const,
            total: stats.totalInodes,
            available: stats.availableInodes,
            used: stats.usedInodes,
          },
        ]),
  ];
}
