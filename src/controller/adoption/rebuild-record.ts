import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { highestEpoch } from "../../core/api/epoch.ts";
import { includesNode, type NodeIdentity, withNode, withUidFrom } from "../../core/api/node-identity.ts";
import { attachedVm } from "../../core/attachment/attached-vm.ts";
import { isSameResourceUri } from "../../core/azure/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { NOTHING_KEPT, stateFromTags } from "../../core/volume/state-tags.ts";
import { nodesIn } from "../../core/writer/record-nodes.ts";
import { entriesOf } from "../../core/writer/writer-steps.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { cutOffIn, withKeptFormat } from "../disk/restore-state.ts";
import { nodeNameOf, withNodeUid } from "../node-name-of.ts";
import { type DiskHolder, findHolders } from "./adopt-disk.ts";
import { nodesWithCheckpoint } from "./checkpointed-volumes.ts";
import { forgetOthers, recordHolders } from "./record-attached-vms.ts";

/** The nodes that may have a disk. */
export interface MayHave {
  /** According to Azure, or the record that is replaced. */
  readonly attachedTo: readonly NodeIdentity[];
  /**
   * According to the nodes' checkpoints or the attachments alone: Azure may show the disk as it was
   * before its last attach.
   */
  readonly checkpointed: readonly NodeIdentity[];
}

/** What is known of a volume whose record is no longer true. */
interface Seen extends MayHave {
  /** Nodes that were fenced, according to the replaced record or the disk's tags. */
  readonly cutOff: readonly NodeIdentity[];
  /** The highest that the record or a node reports. */
  readonly epoch: number;
}

/**
 * Rebuilds an untrusted writer record from Azure's state, and repairs the volume's attachments. `rebuild`
 * receives the record that is replaced, as it is at the write, and returns undefined to keep it.
 * Idempotent: after a crash the record is kept, but the attachments are repaired again, because
 * completion of that step is not persisted. Fails as Azure and the store do.
 */
export async function rebuildRecord(
  ports: AdoptionPorts,
  volume: AzVolume,
  rebuild: (present: WriterRecord | undefined, seen: Seen) => WriterRecord | undefined,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const detail = volume.status?.detail;
  if (detail === undefined) return ok(undefined);
  const disk = await ports.cloud.getDisk({ diskUri: detail.diskUri }, signal);
  if (!disk.ok && disk.failure.kind !== "DiskNotFound") return disk;
  // A disk that is gone is on no VM; its record must be rebuilt all the same, since no component acts on
  // an untrusted one.
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
      const cutOff = nodesIn(present.status.record, "quarantined").reduce(withNode, cutOffIn(ports, kept));
      const record = rebuild(present.status.record, {
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
  const recorded = await recordHolders(ports, volume, detail.diskUri, holders.value, signal);
  return recorded.ok ? forgetOthers(ports, volume.metadata.name, holders.value, signal) : recorded;
}

/**
 * A disk that has grown since the backup would not be accepted as the volume's device. Disks never
 * shrink.
 */
function withSize(status: NonNullable<AzVolume["status"]>, sizeGiB: number): NonNullable<AzVolume["status"]> {
  return status.detail === undefined || status.detail.sizeGiB >= sizeGiB
    ? status
    : { ...status, detail: { ...status.detail, sizeGiB } };
}

/**
 * The nodes that Azure names, those with a checkpoint of the volume, and those with an attachment. Azure
 * may show the state before the last attach, and a checkpoint is reported only with the next heartbeat.
 * Checkpoints survive a rollback.
 */
export function whoMayHave(ports: AdoptionPorts, volume: AzVolume, holders: readonly DiskHolder[]): MayHave {
  const onTheirVms = nodesWithCheckpoint(ports, volume).filter(({ isOfAnotherVm }) => !isOfAnotherVm);
  const noting = onTheirVms
    .flatMap(({ node }) => believedVm(ports, node.metadata.name, node.status) ?? [])
    // Of a VM that Azure names, Azure has just reported the GUID.
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
 * The VM of a node with a checkpoint of the volume: the one that its Node names, or that it reports and
 * is believed to be. Undefined: only the node itself says so, and a write barrier could reach another VM.
 */
function believedVm(
  ports: AdoptionPorts,
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

export function allOf({ attachedTo, checkpointed }: MayHave): readonly NodeIdentity[] {
  return [...attachedTo, ...checkpointed];
}

/** Attachments of a volume whose attach has begun: a record has allowed it. */
export function attachmentsMade({ cache }: AdoptionPorts, volumeName: string): readonly BegunAttachment[] {
  const isBegun = (attachment: AzVolumeAttachment): attachment is BegunAttachment =>
    attachment.status !== undefined && attachment.status.state !== "Pending";
  return cache.byIndex("AzVolumeAttachment", "volumeName", volumeName).filter(isBegun);
}

type BegunAttachment = AzVolumeAttachment & { readonly status: NonNullable<AzVolumeAttachment["status"]> };

/**
 * Adds the nodes that the replaced record names as holders, or possible ones, whatever Azure shows. An
 * entry whose Node is missing keeps the recorded uid: by the name alone, the token of the next Node of
 * that name could remove it.
 */
export function withHolders(
  { attachedTo, checkpointed }: MayHave,
  present: WriterRecord | undefined,
): MayHave {
  if (present === undefined) return { attachedTo, checkpointed };
  const entries = entriesOf(present);
  const holders = nodesIn(
    present,
    ...(present.writer?.held === true ? ["writer" as const] : []),
    "confirmed",
  );
  const named = holders.filter((node) => !includesNode(attachedTo, node)).reduce(withNode, attachedTo);
  const unconfirmed = nodesIn(present, "unconfirmed");
  const known = (node: NodeIdentity): NodeIdentity => withUidFrom(entries, node);
  return mergedOf(named.map(known), [...checkpointed, ...unconfirmed].map(known));
}

/** The highest epochs in the nodes' checkpoints of this volume. */
export function epochsKnownToNodes(ports: AdoptionPorts, volume: AzVolume): readonly number[] {
  return nodesWithCheckpoint(ports, volume).flatMap(({ epoch }) => epoch ?? []);
}
