import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { CleanRequest } from "../../ports/host/host-provisioner.ts";
import type { VolumeNote } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";

/** What is known of a volume and of this node's part in it. */
export interface KnownVolume {
  readonly volume: AzVolume | undefined;
  readonly attachment: AzVolumeAttachment | undefined;
  readonly note: VolumeNote | undefined;
}

/**
 * The LUN only while an attachment says that it is this volume's: another volume's disk may have it by now. Then the device number that was noted tells, which
 * the kernel gives to no other disk while anything holds it.
 */
export function whereToLook(ports: NodePorts, known: KnownVolume): CleanRequest {
  const status = known.attachment?.status;
  return {
    accessType: accessTypeOf(known),
    lun: status?.state === "Attached" ? status.lun : undefined,
    lastMajorMinor: known.note?.majorMinor,
    lunsOfOthers: lunsOfOthers(ports, known),
  };
}

/** `mount` only where everything that is known of the volume says so: raw block leaves traces that are not looked for then. */
export function accessTypeOf({ volume, note }: Pick<KnownVolume, "volume" | "note">): "block" | "mount" {
  const known = [...(volume?.spec.capabilities ?? []), ...(note === undefined ? [] : [note])];
  return known.length > 0 && known.every(({ accessType }) => accessType === "mount") ? "mount" : "block";
}

/** Only of volumes that were staged here: staging proved that the device at the LUN is theirs. */
function lunsOfOthers(ports: NodePorts, { volume, attachment, note }: KnownVolume): readonly number[] {
  const own = volume?.metadata.name ?? attachment?.spec.volumeName ?? note?.volumeName;
  const staged = new Set(ports.notes.volumes().map(({ volumeName }) => volumeName));
  return ports.cache
    .byIndex("AzVolumeAttachment", "nodeName", ports.node.nodeName)
    .filter(({ spec }) => spec.volumeName !== own && staged.has(spec.volumeName))
    .flatMap(({ status }) => (status?.state === "Attached" && status.lun !== undefined ? [status.lun] : []));
}
