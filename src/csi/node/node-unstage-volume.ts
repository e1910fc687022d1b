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
): Promise<Result<NodeUnstageVolumeResponse>> {
  const { volumeId, stagingTargetPath: stagingPath } = request;
  const refused =
    missingField({ volume_id: volumeId, staging_target_path: stagingPath }) ??
    pathObstacle("staging_target_path", stagingPath, ports.settings);
  if (refused !== undefined) return fail(refused);
  const unstaged = await ports.locks.run(volumeId, "NodeUnstageVolume", () =>
    unstageVolume(ports, { volumeId, stagingPath }, call.signal),
  );
  return unstaged.ok ? ok({}) : unstaged;
}
