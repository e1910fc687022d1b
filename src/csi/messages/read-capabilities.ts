import type { VolumeCapability } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { oneNodeOrMany } from "../../core/volume/access-modes.ts";
import type { VolumeCapability as CsiVolumeCapability } from "../gen/csi/v1/csi.ts";
import { readVolumeCapability } from "./volume-capability.ts";

/**
 * Reads the capabilities of a request, without those that another one includes. Fails with
 * `InvalidArgument` if there are none or one lacks a part that CSI requires.
 */
export function readCapabilities(
  messages: readonly CsiVolumeCapability[],
): Result<readonly VolumeCapability[], Failure> {
  if (messages.length === 0) return refuseArgument("volume_capabilities", "", "must be given");
  const capabilities: VolumeCapability[] = [];
  for (const message of messages) {
    const capability = readVolumeCapability(message, "volume_capabilities");
    if (!capability.ok) return capability;
    capabilities.push(capability.value);
  }
  return ok(oneNodeOrMany(capabilities));
}
