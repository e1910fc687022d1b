import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { stageVolume } from "../../node/stage/stage-volume.ts";
import { unstageVolume } from "../../node/stage/unstage-volume.ts";
import { emitStageFailure } from "../../node/stage/volume-events.ts";
import type {
  NodeStageVolumeRequest,
  NodeStageVolumeResponse,
  NodeUnstageVolumeRequest,
  NodeUnstageVolumeResponse,
} from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import { waitingTimeMs } from "../messages/waiting-time.ts";
import type { CallContext } from "../server/unary-handler.ts";
import { pathObstacle } from "./allowed-path.ts";
import { readStageRequest } from "./read-stage-request.ts";

/**
 * NodeStageVolume: see `stageVolume`. Refused while another Azure disk driver serves the node. Waits no
 * longer than its caller does, so that the caller learns the reason instead of hitting its deadline.
 */
export async function nodeStageVolume(
  ports: NodePorts,
  request: NodeStageVolumeRequest,
  call: CallContext,
): Promise<Result<NodeStageVolumeResponse>> {
  const missing = missingField({
    volume_id: request.volumeId,
    staging_target_path: request.stagingTargetPath,
  });
  if (missing !== undefined) return fail(missing);
  const stage = readStageRequest(request, ports.settings.platform);
  if (!stage.ok) return stage;
  const obstacle = pathObstacle("staging_target_path", request.stagingTargetPath, ports.settings);
  if (obstacle !== undefined) return fail(obstacle);
  const otherDriver = ports.otherDriver();
  if (otherDriver !== undefined) return fail({ kind: "OtherDriver", detail: otherDriver });
  const waitMs = waitingTimeMs(ports, call, ports.settings.stageWaitMs);
  const staged = await ports.locks.run(request.volumeId, "NodeStageVolume", () =>
    stageVolume(ports, { ...stage.value, waitMs }, call.signal),
  );
  if (staged.ok) return ok({});
  emitStageFailure(ports, request.volumeId, staged.failure);
  return staged;
}

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
