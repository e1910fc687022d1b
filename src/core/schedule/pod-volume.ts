import { includesNode, isSameNode, isSameVmId, type NodeKey } from "../api/identity/node-identity.ts";
import type { DiskTopology, NodeTopology } from "./why-unreachable.ts";

/** A node as the scheduler extender sees it. */
export interface CandidateNode extends NodeKey, NodeTopology {
  /** `silent`: its heartbeat has not moved for too long. */
  readonly health: "healthy" | "not-ready" | "silent";
  /** Data disks that it takes. */
  readonly volumesMax: number;
  /** Attachments of any volume that must stay there: all but replicas, which may be evicted. */
  readonly firmAttachments: number;
  /** It is in quarantine for some volume, or is being fenced from one: no disk is attached to it. */
  readonly isQuarantined: boolean;
}

/** A claim without a volume yet that is to be a copy of another claim's. */
export interface NewClone {
  /** As `<namespace>/<name>`, as is `sourceClaim`. */
  readonly claim: string;
  readonly sourceClaim: string;
  /** Where its disk has to be made: zone values such as `eastus-1`, or a region. */
  readonly place: string;
}

export interface PodVolume {
  /** Undefined where the disk is unknown: it can be attached anywhere. */
  readonly disk: DiskTopology | undefined;
  /** Given where `disk` is not made yet, and has to be where its source is. */
  readonly clone?: NewClone;
  /** Nodes that the volume's writer record keeps it from: in quarantine, or being fenced. */
  readonly barred: readonly NodeKey[];
  /** Only one node may write it at a time, and another pod may use it by the time that this one starts. */
  readonly drawsToWriter: boolean;
  /** The writer in the writer record, if its request stands. */
  readonly writer: NodeKey | undefined;
  readonly attachments: ReadonlyMap<string, PodVolumeAttachment>;
}

/** What the placement of a pod needs to know of one disk on one node. */
export interface PodVolumeAttachment {
  /** The VM that it was attached to; undefined before the first attach. */
  readonly vmId: string | undefined;
  /** The disk is attached and stays. */
  readonly isAttached: boolean;
  /** It already holds one of the node's slots. */
  readonly holdsSlot: boolean;
  /** Published or requested: it counts among the node's `firmAttachments`. */
  readonly isFirm: boolean;
}

/** Finds a node by its name; undefined where no node plug-in has registered. */
export type FindNode = (nodeName: string) => CandidateNode | undefined;

/** Whether the disk of an attachment is on the node's very VM: not on an earlier one of the same name. */
export function isAttachedTo(
  attachment: PodVolumeAttachment | undefined,
  node: Pick<CandidateNode, "vmId">,
): boolean {
  return attachment?.isAttached === true && isSameVmId(attachment.vmId, node.vmId);
}

/** Whether a volume's writer record keeps it from a node. */
export function isBarred(volume: PodVolume, node: CandidateNode): boolean {
  return volume.barred.length > 0 && includesNode(volume.barred, node);
}

/**
 * Whether a node writes a volume that draws pods there, or requests it while no other node does. A further
 * pod can use the volume there beside the first one, and on no other node before that one has ended.
 */
export function isWritersNode(
  { drawsToWriter, writer }: PodVolume,
  attachment: PodVolumeAttachment | undefined,
  node: CandidateNode,
): boolean {
  if (!drawsToWriter) return false;
  return writer === undefined ? attachment?.isFirm === true : isSameNode(writer, node);
}
