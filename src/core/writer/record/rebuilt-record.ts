import type { WriterRecord } from "../../api/az-volume.ts";
import { highestEpoch } from "../../api/epoch.ts";
import { includesNode, isForeign, type NodeIdentity, withUidFrom } from "../../api/identity/node-identity.ts";
import { nodesNotOnlyClean, isNamed, nodesIn } from "./record-nodes.ts";
import { distrust, foundRecord } from "./writer-steps.ts";

/**
 * Why a record is rebuilt. `lost`: there is none, or one of another store incarnation, because a disk is
 * adopted or the store was rolled back. `rediscovered`: another driver has published the volume to a node
 * that the record does not name.
 */
export type RebuildReason =
  | { readonly kind: "lost"; readonly storeIncarnation: number }
  | { readonly kind: "rediscovered"; readonly nodeName: string };

/** What is known of a disk's use without its record. */
export interface KnownUse {
  /** Nodes on whose VMs Azure lists the disk. */
  readonly attachedTo: readonly NodeIdentity[];
  /**
   * Nodes that have a checkpoint of the volume, or an attachment whose attach has begun: Azure may show
   * the disk as it was before its last attach.
   */
  readonly checkpointed: readonly NodeIdentity[];
  /** Nodes that were fenced, according to the disk's tags. */
  readonly quarantined: readonly NodeIdentity[];
  /** The epochs in the nodes' checkpoints. */
  readonly epochs: readonly number[];
  /**
   * Whether there was a record before, which may have allowed an update that is still under way to a VM.
   * Disks from V1, maybe thousands, never had one: no VM is written to for them.
   */
  readonly hadRecord: boolean;
  /**
   * The record of an object that was deleted by hand. Azure may still show the disk as it was before that
   * record's last attach. Default: none.
   */
  readonly earlier?: WriterRecord | undefined;
}

/**
 * The record that replaces `present`; undefined where `present` stays. What `present`, or without it the
 * earlier object's record, says counts as well, whatever Azure shows: its holders, fenced nodes, pending
 * write barriers and epoch. An entry whose Node is missing keeps the recorded uid: by the name alone, the
 * token of the next Node of that name could remove it.
 */
export function rebuiltRecord(
  present: WriterRecord | undefined,
  known: KnownUse,
  reason: RebuildReason,
): WriterRecord | undefined {
  const replaced = present ?? known.earlier;
  const entries = replaced === undefined ? [] : nodesNotOnlyClean(replaced);
  const each = (...nodes: readonly NodeIdentity[]): readonly NodeIdentity[] =>
    nodes.reduce<readonly NodeIdentity[]>(
      (all, node) => (includesNode(all, node) ? all : [...all, withUidFrom(entries, node)]),
      [],
    );
  // One that was preempted has held it, and nothing has proven yet that it is off the disk.
  const holders = nodesIn(replaced, "holder", "confirmed", "preempted");
  const found = {
    unverified: each(...known.attachedTo, ...holders),
    unconfirmed: each(...nodesIn(replaced, "unconfirmed"), ...known.checkpointed),
    quarantined: each(...nodesIn(replaced, "fenced"), ...known.quarantined),
    epoch: highestEpoch(replaced?.epoch ?? 0, known.epochs),
  };
  const possible = [...found.unconfirmed, ...found.unverified];
  const withPending = (reached: readonly NodeIdentity[]): readonly NodeIdentity[] =>
    [...nodesIn(replaced, "barrierPending"), ...reached].filter((node) => !isForeign(node));
  if (reason.kind === "rediscovered") {
    if (present === undefined || explainsPublication(present, reason.nodeName)) return undefined;
    // As by *distrust*: a rebuilt record comes to name them only now.
    const named = possible
      .filter((node) => !isNamed(present, node, "writer", "unverified"))
      .map((node) => withUidFrom(present.nodes, node));
    const barrierPending = withPending(present.defaultAccess === "quarantined" ? named : []);
    return foundRecord({ ...found, barrierPending, storeIncarnation: present.storeIncarnation });
  }
  const { storeIncarnation } = reason;
  if (present?.storeIncarnation === storeIncarnation) return withMissedHolders(present, found.unverified);
  const barrierPending = withPending(replaced === undefined && !known.hadRecord ? [] : possible);
  return foundRecord({ ...found, barrierPending, storeIncarnation });
}

/**
 * A record that was rebuilt before, with the VMs that Azure lists only now; undefined if there are none. A
 * rebuild is repeated if it was interrupted, and Azure's first answer may have been old. The record allows
 * no attach to a node that it does not name, so such a VM has had the disk since before the rebuild.
 */
function withMissedHolders(
  record: WriterRecord,
  attachedTo: readonly NodeIdentity[],
): WriterRecord | undefined {
  if (record.defaultAccess === "clean") return undefined;
  const missed = attachedTo.filter(
    (node) => !isNamed(record, node, "writer", "fencing", "unverified", "quarantined", "clean"),
  );
  if (missed.length === 0) return undefined;
  return missed.reduce((named, node) => {
    const step = distrust(named, node, "stray");
    return step.ok ? step.value : named;
  }, record);
}

/**
 * Whether a record says of a node that it writes, may write, or is or was fenced: then the orchestrator's
 * publication adds no information. No further question while a node is being fenced, since a rebuilt
 * record would lose that.
 */
export function explainsPublication(record: WriterRecord, nodeName: string): boolean {
  return record.fencing !== undefined || isNamed(record, nodeName, "writer", "unverified", "quarantined");
}
