import type { VolumeCapability } from "../../../src/csi/gen/csi/v1/csi.ts";
import type { SimWorkload } from "../sim-cluster.ts";

/** How sidecars and kubelet describe a volume: `ReadWriteMany` where several nodes share it. */
export function volumeCapabilityOf({
  access,
  sharedBy,
}: Pick<SimWorkload, "access" | "sharedBy">): VolumeCapability {
  return {
    accessType:
      access === "block"
        ? { $case: "block", value: {} }
        : { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
    accessMode: { mode: sharedBy === undefined ? "SINGLE_NODE_WRITER" : "MULTI_NODE_MULTI_WRITER" },
  };
}
