import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { publishVolume, unpublishVolume } from "../../node/stage/publish-volume.ts";
import { publishedTargets } from "../../node/stage/published-targets.ts";
import type {
  NodePublishVolumeRequest,
  NodePublishVolumeResponse,
  NodeUnpublishVolumeRequest,
  NodeUnpublishVolumeResponse,
} from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import { waitingTimeMs } from "../messages/waiting-time.ts";
import type { CallContext } from "../server/unary-handler.ts";
import { pathObstacle } from "./allowed-path.ts";
import { readStageRequest } from "./read-stage-request.ts";

/** NodePublishVolume: see `publishVolume`. */
export async function nodePublishVolume(
  ports: NodePorts,
  request: NodePublishVolumeRequest,
  call: CallContext,
): Promise<Result<NodePublishVolumeResponse>> {
  const missing = missingField({ volume_id: request.volumeId, target_path: request.targetPath });
  if (missing !== undefined) return fail(missing);
  const stage = readStageRequest(request, ports.settings.platform);
  if (!stage.ok) return stage;
  const missingStaging = missingField({ staging_target_path: request.stagingTargetPath });
  if (missingStaging !== undefined) return fail(missingStaging);
  const { settings } = ports;
  const obstacle =
    pathObstacle("staging_target_path", request.stagingTargetPath, settings) ??
    pathObstacle("target_path", request.targetPath, settings);
  if (obstacle !== undefined) return fail(obstacle);
  const waitMs = waitingTimeMs(ports, call, ports.settings.stageWaitMs);
  const published = await ports.locks.run(request.volumeId, "NodePublishVolume", async () => {
    const allowed = await checkOtherTargets(ports, request, call.signal);
    if (!allowed.ok) return allowed;
    const targetReadOnly = request.readonly || stage.value.readOnly;
    return publishVolume(
      ports,
      { ...stage.value, waitMs, targetPath: request.targetPath, targetReadOnly },
      call.signal,
    );
  });
  return published.ok ? ok({}) : published;
}

/** A volume for a single writer on a single node has one target: a second one is FAILED_PRECONDITION. */
async function checkOtherTargets(
  ports: NodePorts,
  request: NodePublishVolumeRequest,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (request.volumeCapability?.accessMode?.mode !== "SINGLE_NODE_SINGLE_WRITER") return ok(undefined);
  const { volumeId, stagingTargetPath, targetPath } = request;
  const targets = await publishedTargets(ports, volumeId, stagingTargetPath, signal);
  if (!targets.ok) return targets;
  const others = targets.value.bound.filter((target) => target !== targetPath);
  if (others.length === 0) return ok(undefined);
  const staged = await ports.host.mountAt(stagingTargetPath, signal);
  if (!staged.ok) return staged;
  // Folders of a volume are bound by the kubelet for single containers (`subPath`), of a pod that has the
  // volume at its target: a restarted kubelet publishes that once more.
  const users: string[] = [];
  for (const path of others) {
    const bound = await ports.host.mountAt(path, signal);
    if (!bound.ok) return bound;
    const isWhole = staged.value === undefined || bound.value?.root === staged.value.root;
    if (isWhole && !isSubPathOf(targetPath, path) && !isMapFileOf(targetPath, path)) users.push(path);
  }
  return users.length === 0
    ? ok(undefined)
    : fail({ kind: "VolumeInUse", volumeId, nodeName: ports.node.nodeName, users });
}

/** Whether a mount is of a container of the pod that has this target: `subPath: .` is all of the volume. */
function isSubPathOf(targetPath: string, path: string): boolean {
  const pod = /\/pods\/[^/]+\//u.exec(targetPath)?.[0];
  return pod !== undefined && path.includes(`${pod}volume-subpaths/`);
}

/**
 * Whether a mount is the kubelet's own bind of the raw device that it has at this target. Found as a target
 * only where a lost checkpoint was written again.
 */
function isMapFileOf(targetPath: string, path: string): boolean {
  const [, folder, volume, pod] = /^(.*\/volumeDevices\/)publish\/([^/]+)\/([^/]+)$/u.exec(targetPath) ?? [];
  return pod !== undefined && path === `${folder}${volume}/dev/${pod}`;
}

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
