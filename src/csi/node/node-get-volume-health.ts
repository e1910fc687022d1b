import { lastingMountProblems, mountProblemMessage } from "../../core/events/mount-problem-message.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { FoundProblem } from "../../core/node/plan-mount-problems.ts";
import { lookAtMount } from "../../node/look-at-mount.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { checkpointOfDisk } from "../../node/own-state.ts";
import { readVolume } from "../../objects/read-volume.ts";
import type {
  NodeGetVolumeHealthRequest,
  NodeGetVolumeHealthResponse,
  VolumeHealthErrorType,
} from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";

/** Errors in a file system let its pods read on; a repair before the mount has left nothing adverse. */
const STATUS: Readonly<Record<(typeof lastingMountProblems)[number], VolumeHealthErrorType>> = {
  MountDead: "INACCESSIBLE",
  FileSystemErrors: "DEGRADED",
};

/**
 * NodeGetVolumeHealth, alpha in CSI 1.13: what the last looks at the volume's mount here have found; no
 * entry for a volume that is not mounted here. Since Kubernetes 1.37 the kubelet asks once a minute, behind
 * its alpha gate CSIVolumeHealth, and writes the entries to the pod's status. It has asked for the stats just
 * before, so that this looks itself only where this process has not looked yet, and fails as that look:
 * then the kubelet keeps what it knows. VolumeNotFound for an unknown volume.
 */
export async function nodeGetVolumeHealth(
  ports: NodePorts,
  { volumeId }: NodeGetVolumeHealthRequest,
  { signal }: CallContext,
): Promise<Result<NodeGetVolumeHealthResponse>> {
  const missing = missingField({ volume_id: volumeId });
  if (missing !== undefined) return fail(missing);
  const checkpoint = checkpointOfDisk(ports, volumeId);
  if (checkpoint === undefined) {
    const volume = await readVolume(ports, volumeId, signal);
    return volume.ok ? ok(healthOf(ports, volumeId, [])) : volume;
  }
  for (const path of ports.looks.unlooked(checkpoint)) {
    const usage = await lookAtMount(ports, { volumeId, path, checkpoint }, signal);
    if (!usage.ok && ports.looks.unlooked(checkpoint).includes(path)) return usage;
  }
  return ok(healthOf(ports, volumeId, ports.looks.of(checkpoint).found));
}

function healthOf(
  { node }: NodePorts,
  volumeId: string,
  found: readonly FoundProblem[],
): NodeGetVolumeHealthResponse {
  const healthStatuses = lastingMountProblems.flatMap((reason) => {
    const problem = found.find((each) => each.reason === reason);
    if (problem === undefined) return [];
    return { status: STATUS[reason], reason, message: mountProblemMessage(node.nodeName, problem) };
  });
  return { volumeHealth: { volumeId, healthStatuses } };
}
