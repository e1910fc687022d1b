import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { accessibleZones } from "../../core/azure/topology.ts";
import { volumeTopology } from "../../core/azure/zone-keys.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import type { Volume } from "../gen/csi/v1/csi.ts";

/** The source of a copied disk in CSI's terms; undefined for one that CSI has no term for. */
function contentSourceOf(sourceUri: string | undefined): Volume["contentSource"] {
  if (sourceUri === undefined) return undefined;
  if (parseSnapshotUri(sourceUri) !== undefined)
    return { type: { $case: "snapshot", value: { snapshotId: sourceUri } } };
  return parseDiskUri(sourceUri) === undefined
    ? undefined
    : { type: { $case: "volume", value: { volumeId: sourceUri } } };
}

/** A volume as CSI's responses of the driver of that name show it. */
export function volumeMessage(spec: AzVolume["spec"], detail: VolumeDetail, driverName: string): Volume {
  return {
    volumeId: detail.diskUri,
    capacityBytes: gibToBytes(detail.sizeGiB),
    volumeContext: { ...spec.volumeContext },
    contentSource: contentSourceOf(spec.disk.sourceUri),
    accessibleTopology: accessibleZones(detail).map((zone) => ({
      segments: { ...volumeTopology(zone, driverName).segments },
    })),
  };
}
