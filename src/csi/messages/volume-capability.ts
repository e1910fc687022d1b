import type { VolumeCapability } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isAccessMode } from "../../core/volume/access-mode.ts";
import type { VolumeCapability as CsiVolumeCapability } from "../gen/csi/v1/csi.ts";

/**
 * Reads one VolumeCapability of a request. Fails with `InvalidArgument` where a part that CSI requires is
 * missing.
 */
export function readVolumeCapability(
  capability: CsiVolumeCapability | undefined,
  field: string,
): Result<VolumeCapability, Failure> {
  if (capability === undefined)
    return fail({ kind: "InvalidArgument", field, value: "", problem: "must be given" });
  const mode: string = capability.accessMode?.mode ?? "UNKNOWN";
  if (!isAccessMode(mode))
    return fail({
      kind: "InvalidArgument",
      field: `${field}.access_mode`,
      value: mode,
      problem: "must be an access mode of CSI, such as SINGLE_NODE_WRITER",
    });
  const access = capability.accessType;
  if (access === undefined)
    return fail({
      kind: "InvalidArgument",
      field: `${field}.access_type`,
      value: "",
      problem: "must be block or mount",
    });
  if (access.$case === "block") return ok({ accessMode: mode, accessType: "block" });
  return ok({
    accessMode: mode,
    accessType: "mount",
    fsType: access.value.fsType,
    mountFlags: [...access.value.mountFlags],
  });
}
