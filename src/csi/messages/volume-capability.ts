import type { VolumeCapability } from "../../core/api/az-volume.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isAccessMode } from "../../core/volume/access-mode.ts";
import { oneNodeOrMany } from "../../core/volume/access-modes.ts";
import type { VolumeCapability as CsiVolumeCapability } from "../gen/csi/v1/csi.ts";

/**
 * Reads one VolumeCapability of a request. Fails with `InvalidArgument` where a part that CSI requires is
 * missing.
 */
export function readVolumeCapability(
  capability: CsiVolumeCapability | undefined,
  field: string,
): Result<VolumeCapability> {
  if (capability === undefined) return refuseArgument(field, "", "must be given");
  const mode: string = capability.accessMode?.mode ?? "UNKNOWN";
  if (!isAccessMode(mode))
    return refuseArgument(
      `${field}.access_mode`,
      mode,
      "must be an access mode of CSI, such as SINGLE_NODE_WRITER",
    );
  const access = capability.accessType;
  if (access === undefined) return refuseArgument(`${field}.access_type`, "", "must be block or mount");
  if (access.$case === "block") return ok({ accessMode: mode, accessType: "block" });
  return ok({
    accessMode: mode,
    accessType: "mount",
    fsType: access.value.fsType,
    mountFlags: [...access.value.mountFlags],
  });
}

/**
 * Reads the capabilities of a request, without those that another one includes. Fails with
 * `InvalidArgument` if there are none or one lacks a part that CSI requires.
 */
export function readCapabilities(
  messages: readonly CsiVolumeCapability[],
): Result<readonly VolumeCapability[]> {
  if (messages.length === 0) return refuseArgument("volume_capabilities", "", "must be given");
  const capabilities: VolumeCapability[] = [];
  for (const message of messages) {
    const capability = readVolumeCapability(message, "volume_capabilities");
    if (!capability.ok) return capability;
    capabilities.push(capability.value);
  }
  return ok(oneNodeOrMany(capabilities));
}
