import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
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

/** A volume as CSI's responses show it. */
export function volumeMessage(spec: AzVolume["spec"], detail: VolumeDetail): Volume {
  return {
    volumeId: detail.diskUri,
    capacityBytes: gibToBytes(detail.sizeGiB),
    volumeContext: { ...spec.volumeContext },
    contentSource: contentSourceOf(spec.disk.sourceUri),
    accessibleTopology: detail.accessibleTopology.map(({ segments }) => ({ segments: { ...segments } })),
  };
}
