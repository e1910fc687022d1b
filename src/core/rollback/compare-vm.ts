import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume } from "../api/az-volume.ts";
import { isSameVmId } from "../api/identity/node-identity.ts";
import { isAttached } from "../attachment/attachment-state.ts";
import { isSameResourceUri, resourceUriKey } from "../azure/ids/disk-uri.ts";

/** A VM as Azure shows it. */
interface ShownVm {
  /** Its GUID, in any case. */
  readonly vmId: string;
  readonly dataDisks: readonly { readonly diskUri: string; readonly lun: number }[];
}

/**
 * The attachments that say of this VM that it has their disk, at a LUN where it does not list it. Those of
 * another VM, and those that are in doubt already, are none.
 */
export function misplacedAttachments(
  attachments: readonly AzVolumeAttachment[],
  { vmId, dataDisks }: ShownVm,
): readonly AzVolumeAttachment[] {
  const isListed = ({ spec, status }: AzVolumeAttachment): boolean =>
    dataDisks.some(({ diskUri, lun }) => lun === status?.lun && isSameResourceUri(diskUri, spec.volumeId));
  return attachments.filter(
    (attachment) =>
      isAttached(attachment) && isSameVmId(attachment.status?.vmId, vmId) && !isListed(attachment),
  );
}

interface ListedEntry {
  readonly diskUri: string;
  readonly beingDetached: boolean;
}

/** What the driver knows of a VM that was read. */
export interface KnownOnNode {
  /** The volumes of a disk, by its resource id as an index key. */
  readonly volumesOf: (diskKey: string) => readonly AzVolume[];
  /** Those of the VM's node, whatever their state. */
  readonly attachments: readonly AzVolumeAttachment[];
  /** Of the store. A record of another one is still to be rebuilt. */
  readonly incarnation: number;
}

/** The volumes of entries that no attachment names. */
interface UnnamedEntries {
  readonly found: readonly AzVolume[];
  /** Their records can't be acted on yet, and their rebuild asks the disks alone: to be looked at again. */
  readonly rebuilding: readonly AzVolume[];
}

/**
 * The volumes whose disks a VM lists though no attachment names the node: a failed attach has left the
 * entry, and a restored store has lost its object, or the disk was attached and recovery makes the object
 * again. An entry that is being detached goes by itself.
 */
export function unnamedEntries(
  entries: readonly ListedEntry[],
  { volumesOf, attachments, incarnation }: KnownOnNode,
): UnnamedEntries {
  const named = new Set(attachments.map(({ spec }) => resourceUriKey(spec.volumeId)));
  const volumes = entries
    .filter(({ diskUri, beingDetached }) => !beingDetached && !named.has(resourceUriKey(diskUri)))
    .flatMap(({ diskUri }) => volumesOf(resourceUriKey(diskUri)))
    .filter(
      ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.record !== undefined,
    );
  const isRebuilt = ({ status }: AzVolume): boolean => status?.record?.storeIncarnation === incarnation;
  return { found: volumes.filter(isRebuilt), rebuilding: volumes.filter((volume) => !isRebuilt(volume)) };
}
