import type { FailureOf } from "../../core/failure.ts";
import { accessModes, isAccessMode } from "../../core/model/access-modes.ts";
import type { VolumeCapability } from "../../core/model/az-volume.ts";
import type { Result } from "../../core/result.ts";
import { fail, ok } from "../../core/result.ts";
import type { VolumeCapability as CapabilityMessage } from "../gen/csi/v1/csi.ts";

/** Reads the capabilities of a request. Fails with `InvalidArgument` if there are none or one states no access mode or no access type. */
export function readCapabilities(messages: readonly CapabilityMessage[]): Result<readonly VolumeCapability[], FailureOf<"InvalidArgument">> {
  if (messages.length === 0) return fail({ kind: "InvalidArgument", field: "volume_capabilities", value: "", problem: "is required" });
  const capabilities: VolumeCapability[] = [];
  for (const message of messages) {
    const capability = readCapability(message);
    if (!capability.ok) return capability;
    capabilities.push(capability.value);
  }
  return ok(capabilities);
}

/** Reads one capability; undefined counts as missing. */
export function readCapability(message: CapabilityMessage | undefined): Result<VolumeCapability, FailureOf<"InvalidArgument">> {
  if (message === undefined) return fail({ kind: "InvalidArgument", field: "volume_capability", value: "", problem: "is required" });
  const mode = message.accessMode?.mode ?? "UNKNOWN";
  if (!isAccessMode(mode)) return fail({ kind: "InvalidArgument", field: "volume_capability.access_mode", value: mode, problem: `must be one of ${accessModes.join(", ")}` });
  const { accessType } = message;
  if (accessType === undefined) return fail({ kind: "InvalidArgument", field: "volume_capability.access_type", value: "", problem: "must be block or mount" });
  if (accessType.$case === "block") return ok({ accessMode: mode, accessType: "block" });
  const { fsType, mountFlags } = accessType.value;
  return ok({ accessMode: mode, accessType: "mount", ...(fsType === "" ? {} : { fsType }), ...(mountFlags.length === 0 ? {} : { mountFlags }) });
}
