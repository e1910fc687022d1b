import { gibToBytes } from "../../core/primitives/units.ts";
import type {
  CreateVolumeRequest,
  VolumeCapability,
  VolumeCapability_AccessMode_Mode,
} from "../gen/csi/v1/csi.ts";

/** The capability of an ordinary file system volume. */
export function aMountCapability(
  mode: VolumeCapability_AccessMode_Mode = "SINGLE_NODE_WRITER",
  fsType = "",
): VolumeCapability {
  return {
    accessType: { $case: "mount", value: { fsType, mountFlags: [], volumeMountGroup: "" } },
    accessMode: { mode },
  };
}

export function aBlockCapability(
  mode: VolumeCapability_AccessMode_Mode = "SINGLE_NODE_WRITER",
): VolumeCapability {
  return { accessType: { $case: "block", value: {} }, accessMode: { mode } };
}

/** A CreateVolume of 10 GiB for one node's file system. */
export function aCreateVolumeRequest(overrides: Partial<CreateVolumeRequest> = {}): CreateVolumeRequest {
  return {
    name: "pvc-1",
    capacityRange: { requiredBytes: gibToBytes(10), limitBytes: 0n },
    volumeCapabilities: [aMountCapability()],
    parameters: { skuName: "Premium_LRS" },
    secrets: {},
    volumeContentSource: undefined,
    accessibilityRequirements: undefined,
    mutableParameters: {},
    ...overrides,
  };
}
