import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { highestEpoch } from "../../core/api/epoch.ts";
import { includesNode, type NodeIdentity, withNode, withUidFrom } from "../../core/api/node-identity.ts";
import { attachedVm } from "../../core/attachment/attached-vm.ts";
import { isSameResourceUri } from "../../core/azure/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { NOTHING_KEPT, stateFromTags } from "../../core/volume/state-tags.ts";
import { entriesOf } from "../../core/writer/writer-steps.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { cutOffIn, withKeptFormat } from "../disk/restore-state.ts";
import { nodeNameOf, withNodeUid } from "../node-name-of.ts";
import { type DiskHolder, findHolders } from "./adopt-disk.ts";
import { nodesWithCheckpoint } from "./checkpointed-volumes.ts";
import { forgetOthers, recordHolders } from "./record-attached-vms.ts";

/** Who may have a disk. */
export interface MayHave {
  /** As Azure says, or the record that is replaced. */
  readonly attachedTo: readonly NodeIdentity[];
  /**
   * As only nodes say that noted the volume before they mounted it, or its attachments: Azure may show the
   * disk as it was before its last attach.
   */
  readonly checkpointed: readonly NodeIdentity[];
}

/** What can be said of a volume whose record is true no more. */
interface Seen extends MayHave {
  /** Who was cut off before, as the record that is replaced or the disk's tags tell. */
  readonly cutOff: readonly NodeIdentity[];
  /** The highest that the record or a node knows. */
  readonly epoch: number;
}

/**
 * Makes a record anew that is true no more, from what Azure shows, and sets the attachments right in the
 * same go. `anew` is given the record that is replaced, as it is when it is written, and answers undefined
 * if it may stay. Done again after a crash it writes no second record, but again what has the disk
 * attached: that it had come so far is nowhere to be read. Fails as Azure and the store do.
 */
export async function rebuildRecord(
  ports: ControllerPorts,
  volume: AzVolume,
  anew: (present: WriterRecord | undefined, seen: Seen) => WriterRecord | undefined,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const detail = volume.status?.detail;
  if (detail === undefined) return ok(undefined);
  const disk = await ports.cloud.getDisk({ diskUri: detail.diskUri }, signal);
  if (!disk.ok && disk.failure.kind !== "DiskNotFound") return disk;
  // A disk that is gone is on no VM; its record still has to be one that is trusted, or nothing could be
  // done with it any more.
  const holders = disk.ok ? await findHolders(ports, disk.value, signal) : ok([]);
  if (!holders.ok) return holders;
  const mayHave = whoMayHave(ports, volume, holders.value);
  const sizeGiB = disk.ok ? disk.value.sizeGiB : detail.sizeGiB;
  const known = epochsKnownToNodes(ports, volume);
  const kept = disk.ok ? stateFromTags(disk.value) : NOTHING_KEPT;
  const written = await changeStatus(
    ports.store,
    { kind: "AzVolume", name: volume.metadata.name },
    (present) => {
      if (present.status === undefined) return undefined;
      const cutOff = (present.status.record?.quarantine ?? []).reduce(withNode, cutOffIn(ports, kept));
      const record = anew(present.status.record, {
        ...mayHave,
        cutOff,
        epoch: highestEpoch(present.status.record?.epoch ?? 0, known),
      });
      if (record === undefined) return undefined;
      const status = withSize(present.status, sizeGiB);
      return {
        ...present,
        status: {
          ...status,
          ...(status.detail === undefined ? {} : { detail: withKeptFormat(status.detail, kept) }),
          record,
        },
      };
    },
    signal,
  );
  if (!written.ok) return written.failure.kind === "ObjectNotFound" ? ok(undefined) : written;
  const recorded = await recordHolders(
    ports,
    { volumeName: volume.metadata.name, detail },
    holders.value,
    signal,
  );
  return recorded.ok ? forgetOthers(ports, volume.metadata.name, holders.value, signal) : recorded;
}

/** A disk that has grown since the backup: its device would pass for another one's. Disks never shrink. */
function withSize(status: NonNullable<AzVolume["status"]>, sizeGiB: number): NonNullable<AzVolume["status"]> {
  return status.detail === undefined || status.detail.sizeGiB >= sizeGiB
    ? status
    : { ...status, detail: { ...status.detail, sizeGiB } };
}

/**
 * The nodes that Azure names, those of ours that noted the volume, and those to which it is attached as its
 * objects say: what Azure shows may be from before the last attach, and a note is told with the next
 * heartbeat only. Their notes outlive a store that went back.
 */
export function whoMayHave(
  ports: ControllerPorts,
  volume: AzVolume,
  holders: readonly DiskHolder[],
): MayHave {
  const onTheirVms = nodesWithCheckpoint(ports, volume).filter(({ isOfAnotherVm }) => !isOfAnotherVm);
  const noting = onTheirVms
    .flatMap(({ node }) => believedVm(ports, node.metadata.name, node.status) ?? [])
    // Of a VM that Azure names, Azure has just said which GUID it has.
    .filter(
      ({ instanceUri }) => !holders.some((holder) => isSameResourceUri(holder.node.instanceUri, instanceUri)),
    );
  const attached = attachmentsMade(ports, volume.metadata.name).flatMap(
    (attachment) => attachedVm(attachment) ?? [],
  );
  return mergedOf(
    holders.map(({ node }) => node),
    [...noting, ...attached],
  );
}

/**
 * The VM of a node that has noted a volume: the one that its Node names, or that it reports and is believed
 * to be. Undefined: only its own word says so, and an update that settles its VM would reach another one.
 */
function believedVm(
  ports: ControllerPorts,
  nodeName: string,
  { vmId, instanceUri }: Pick<NodeIdentity, "vmId" | "instanceUri">,
): NodeIdentity | undefined {
  const named = ports.users.cachedNode(nodeName).instanceUri;
  if (named !== undefined) return withNodeUid(ports, { nodeName, vmId, instanceUri: named });
  return nodeNameOf(ports, instanceUri) === nodeName ? { nodeName, vmId, instanceUri } : undefined;
}

/** Each node once. */
function mergedOf(attachedTo: readonly NodeIdentity[], checkpointed: readonly NodeIdentity[]): MayHave {
  return {
    attachedTo,
    checkpointed: checkpointed
      .filter((node) => !includesNode(attachedTo, node))
      .reduce<readonly NodeIdentity[]>(withNode, []),
  };
}

/** All of them. */
export function allOf({ attachedTo, checkpointed }: MayHave): readonly NodeIdentity[] {
  return [...attachedTo, ...checkpointed];
}

/** Attachments of a volume that an attach was begun for: a record has allowed it. */
export function attachmentsMade({ cache }: ControllerPorts, volumeName: string): readonly BegunAttachment[] {
  const isBegun = (attachment: AzVolumeAttachment): attachment is BegunAttachment =>
    attachment.status !== undefined && attachment.status.state !== "Pending";
  return cache.byIndex("AzVolumeAttachment", "volumeName", volumeName).filter(isBegun);
}

type BegunAttachment = AzVolumeAttachment & { readonly status: NonNullable<AzVolumeAttachment["status"]> };

/**
 * With the nodes of which the record that is replaced said that they hold the volume, or may, whatever
 * Azure shows. An entry whose Node is missing keeps the uid that the record knows: by the name alone, the
 * token of the next Node of that name could remove it.
 */
export function withHolders(
  { attachedTo, checkpointed }: MayHave,
  present: WriterRecord | undefined,
): MayHave {
  if (present === undefined) return { attachedTo, checkpointed };
  const { writer, unverified } = present;
  const entries = entriesOf(present);
  const isVerified = (node: WriterRecord["unverified"][number]): boolean => node.unconfirmed !== true;
  const holders = [...(writer?.held === true ? [writer] : []), ...unverified.filter(isVerified)];
  const named = holders.filter((node) => !includesNode(attachedTo, node)).reduce(withNode, attachedTo);
  const unconfirmed = unverified.filter((node) => !isVerified(node));
  const known = (node: NodeIdentity): NodeIdentity => withUidFrom(entries, node);
  return mergedOf(named.map(known), [...checkpointed, ...unconfirmed].map(known));
}

/** The highest epochs that nodes noted before they mounted this volume. */
export function epochsKnownToNodes(ports: ControllerPorts, volume: AzVolume): readonly number[] {
  return nodesWithCheckpoint(ports, volume).flatMap(({ epoch }) => epoch ?? []);
}
