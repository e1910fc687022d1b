import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { unpublishVolume } from "../../node/stage/publish-volume.ts";
import type { NodeUnpublishVolumeRequest, NodeUnpublishVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";
import { pathObstacle } from "./allowed-path.ts";

/** NodeUnpublishVolume: unbinds the target and removes it. */
export async function nodeUnpublishVolume(
  ports: NodePorts,
  request: NodeUnpublishVolumeRequest,
  call: CallContext,
): Promise<Result<NodeUnpublishVolumeResponse>> {
  const refused =
    missingField({ volume_id: request.volumeId, target_path: request.targetPath }) ??
    pathObstacle("target_path", request.targetPath, ports.settings);
  if (refused !== undefined) return fail(refused);
  const unpublished = await ports.locks.run(request.volumeId, "NodeUnpublishVolume", () =>
    unpublishVolume(ports, request, call.signal),
  );
  return unpublished.ok ? ok({}) : unpublished;
}
