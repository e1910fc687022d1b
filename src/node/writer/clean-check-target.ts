import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { lunOn } from "../../core/attachment/attachment-state.ts";
import type { CleanRequest } from "../../ports/host/host-provisioner.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { listedLun } from "./lun-here.ts";

/** What is known of a volume on this node. */
export interface KnownVolume {
  readonly volume: AzVolume | undefined;
  readonly attachment: AzVolumeAttachment | undefined;
  readonly checkpoint: VolumeCheckpoint | undefined;
  /**
   * Whether this node has had the disk, default false. Only its checkpoint shows then what the volume was
   * here: another PersistentVolume of the disk may have had it raw.
   */
  readonly hadDisk?: boolean;
}

/**
 * The LUN only while an attachment says that it is this volume's on this very VM, or that the VM lists the
 * disk there: another volume's disk may have it by now, above all one that an earlier VM of the name had.
 * Otherwise the checkpoint's device number, which the kernel gives to no other disk while a process holds it.
 */
export function cleanCheckTarget(ports: NodePorts, known: KnownVolume): CleanRequest {
  const { attachment } = known;
  return {
    accessType: accessTypeOf(known),
    lun:
      (attachment && lunOn(attachment, ports.node)) ??
      listedLun(ports.node, known.volume?.status?.record, attachment, ports.clock.nowMs()),
    lastMajorMinor: known.checkpoint?.majorMinor,
    lunsOfOthers: lunsOfOthers(ports, known),
  };
}

/**
 * `mount` only where everything known of the volume says so: that check does not look for the traces of
 * raw block.
 */
export function accessTypeOf({
  volume,
  checkpoint,
  hadDisk = false,
}: Pick<KnownVolume, "volume" | "checkpoint" | "hadDisk">): "block" | "mount" {
  if (hadDisk && checkpoint === undefined) return "block";
  const known = [...(volume?.spec.capabilities ?? []), ...(checkpoint === undefined ? [] : [checkpoint])];
  return known.length > 0 && known.every(({ accessType }) => accessType === "mount") ? "mount" : "block";
}

/** Only of volumes that were staged here: staging proved that the device at the LUN is theirs. */
function lunsOfOthers(ports: NodePorts, { volume, attachment, checkpoint }: KnownVolume): readonly number[] {
  const own = volume?.metadata.name ?? attachment?.spec.volumeName ?? checkpoint?.volumeName;
  const staged = new Set(ports.checkpoints.volumes().map(({ volumeName }) => volumeName));
  return ports.cache
    .byIndex("AzVolumeAttachment", "nodeName", ports.node.nodeName)
    .filter(({ spec }) => spec.volumeName !== own && staged.has(spec.volumeName))
    .flatMap((other) => lunOn(other, ports.node) ?? []);
}
