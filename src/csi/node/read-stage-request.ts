import { fail, ok, type Result } from "../../core/failure/result.ts";
import { defaultFileSystems, type Platform } from "../../core/platform/platform.ts";
import { checkCapabilities, isMultiNode } from "../../core/volume/access-modes.ts";
import { chooseFileSystem } from "../../core/volume/parameters/resolve-volume-spec.ts";
import { statedFileSystem, unservedAttribute } from "../../core/volume/parameters/volume-attributes.ts";
import type { StageRequest } from "../../node/stage/stage-request.ts";
import type { VolumeCapability as CsiVolumeCapability } from "../gen/csi/v1/csi.ts";
import { readVolumeCapability } from "../messages/volume-capability.ts";

/** More than any disk has: whether it has enough shares was decided when it was published. */
const SHARES_UNKNOWN = 15;

/**
 * Reads what a call of the node service stages, and checks it as far as the request alone allows. V1's
 * volumes on Windows nodes name no file system: their platform's is meant.
 */
export function readStageRequest(
  request: {
    readonly volumeId: string;
    readonly stagingTargetPath: string;
    readonly volumeCapability: CsiVolumeCapability | undefined;
    readonly volumeContext: Readonly<Record<string, string>>;
  },
  platform: Platform,
): Result<StageRequest> {
  const capability = readVolumeCapability(request.volumeCapability, "volume_capability");
  if (!capability.ok) return capability;
  const { accessType, accessMode, fsType: statedFsType = "", mountFlags = [] } = capability.value;
  const use = { accessType, fsType: statedFsType === "" ? defaultFileSystems[platform] : statedFsType };
  const supported = checkCapabilities([capability.value], isMultiNode(accessMode) ? SHARES_UNKNOWN : 1);
  if (!supported.ok) return supported;
  // Without VolumeAttachments no controller has checked the context.
  const unserved = unservedAttribute(request.volumeContext, use);
  if (unserved !== undefined) return fail(unserved);
  // Contexts of static and migrated volumes hold what their authors wrote.
  const stated = statedFileSystem(request.volumeContext);
  if (!stated.ok) return stated;
  const fsType = chooseFileSystem({ fsType: stated.value }, use.fsType);
  if (!fsType.ok) return fsType;
  return ok({
    volumeId: request.volumeId,
    stagingPath: request.stagingTargetPath,
    accessType,
    fsType: fsType.value,
    mountFlags: [...mountFlags],
    readOnly: accessMode === "SINGLE_NODE_READER_ONLY",
    volumeContext: request.volumeContext,
  });
}
