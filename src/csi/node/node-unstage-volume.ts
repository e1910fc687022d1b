import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { unstageVolume } from "../../node/stage/unstage-volume.ts";
import type { NodeUnstageVolumeRequest, NodeUnstageVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";
import { pathObstacle } from "./allowed-path.ts";

/** NodeUnstageVolume: see `unstageVolume`. */
export async function nodeUnstageVolume(
  ports: NodePorts,
  request: NodeUnstageVolumeRequest,
  call: CallContext,
): Promise<Result<NodeUnstageVolumeResponse, Failure>> {
  const missing = missingField({
    volume_id: request.volumeId,
    staging_target_path: request.stagingTargetPath,
  });
  if (missing !== undefined) return fail(missing);
  const obstacle = pathObstacle("staging_target_path", request.stagingTargetPath, ports.settings);
  if (obstacle !== undefined) return fail(obstacle);
  const unstaged = await ports.locks.run(request.volumeId, "NodeUnstageVolume", () =>
    unstageVolume(ports, { volumeId: request.volumeId, stagingPath: request.stagingTargetPath }, call.signal),
  );
  return unstaged.ok ? ok({}) : unstaged;
}
