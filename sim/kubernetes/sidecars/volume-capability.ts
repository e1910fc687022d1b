import type { VolumeCapability } from "../../../src/csi/gen/csi/v1/csi.ts";
import type { SimWorkload } from "../sim-cluster.ts";

/** How sidecars and kubelet describe a `ReadWriteOnce` volume. */
export function volumeCapabilityOf({ access }: Pick<SimWorkload, "access">): VolumeCapability {
  return {
    accessType:
      access === "block"
        ? { $case: "block", value: {} }
        : { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
    accessMode: { mode: "SINGLE_NODE_WRITER" },
  };
}
