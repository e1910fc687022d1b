import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import type { Volume } from "../gen/csi/v1/csi.ts";

/** A volume as CSI's responses show it. */
export function volumeMessage(spec: AzVolume["spec"], detail: VolumeDetail): Volume {
  return {
    volumeId: detail.diskUri,
    capacityBytes: gibToBytes(detail.sizeGiB),
    volumeContext: { ...spec.volumeContext },
    contentSource: undefined,
    accessibleTopology: detail.accessibleTopology.map(({ segments }) => ({ segments: { ...segments } })),
  };
}
