import type { Access, RecordNode, WriterRecord } from "../../api/az-volume.ts";
import { identityOf, isSameNode, type NodeIdentity, type NodeKey } from "../../api/identity/node-identity.ts";

/**
 * In which roles a record may name a node: as its writer, which is its `holder` while it holds the volume,
 * and `requested` while its request stands; as the node being fenced, which is `preempted` once its disk
 * refuses its writes; or in its list. Unverified nodes are `confirmed` (by Azure) or `unconfirmed`, and
 * either may be `fenced`: a node that is in quarantine, or was before it became unverified.
 */
export type NodeRole =
  | "writer"
  | "holder"
  | "requested"
  | "fencing"
  | "preempted"
  | Access
  | "confirmed"
  | "unconfirmed"
  | "fenced"
  | "barrierPending";

/**
 * The nodes that a record names in one of these roles, once for each role. A node whose access is only the
 * record's `defaultAccess` has no role. No record: none.
 */
export function nodesIn(
  record: WriterRecord | undefined,
  ...roles: readonly NodeRole[]
): readonly NodeIdentity[] {
  return record === undefined ? [] : roles.flatMap((role) => entriesIn(record, role).map(identityOf));
}

/** The nodes that a record names, but for those that it only knows to be clean. */
export function nodesNotOnlyClean(record: WriterRecord): readonly NodeIdentity[] {
  return nodesIn(record, "writer", "fencing", "barrierPending", "quarantined", "unverified");
}

/** Whether a record names a node in one of these roles: this VM, or by a name alone, any of that name. */
export function isNamed(
  record: WriterRecord | undefined,
  node: NodeKey | string,
  ...roles: readonly NodeRole[]
): boolean {
  const isIt = (other: NodeIdentity): boolean =>
    typeof node === "string" ? other.nodeName === node : isSameNode(other, node);
  return record !== undefined && roles.some((role) => entriesIn(record, role).some(isIt));
}

/** Each access, from the one that allows least. */
const strictestFirst: readonly Access[] = ["unverified", "quarantined", "clean"];

/** The entry of `node` in the list; of several, which no step makes, the one that allows least. */
export function entryOf({ nodes, defaultAccess }: WriterRecord, node: NodeKey): RecordNode | undefined {
  const own = nodes.filter((other) => isSameNode(other, node));
  const rank = ({ access = defaultAccess }: RecordNode): number => strictestFirst.indexOf(access);
  return own.toSorted((left, right) => rank(left) - rank(right))[0];
}

/** What an entry says beside the identity of its node. */
export type EntryMarks = Pick<RecordNode, "access" | "unconfirmed" | "wasQuarantined" | "barrierPending">;

/** The list with one entry of `node` that says this; with none if that is what an absent one says. */
export function withMarks(record: WriterRecord, node: NodeIdentity, marks: EntryMarks): WriterRecord {
  const { access, barrierPending } = marks;
  const others = record.nodes.filter((other) => !isSameNode(other, node));
  const isListed =
    barrierPending === true ||
    (access !== undefined && !(access === "clean" && record.defaultAccess === "clean"));
  const entry: RecordNode = { ...identityOf(node), ...marksOf(marks) };
  if (!isListed) return { ...record, nodes: others };
  // In order, so that one record has one list.
  const next = others.findIndex((other) => isBefore(node, other));
  return { ...record, nodes: others.toSpliced(next === -1 ? others.length : next, 0, entry) };
}

export function marksOf({ access, unconfirmed, wasQuarantined, barrierPending }: EntryMarks): EntryMarks {
  return {
    ...(access === undefined ? {} : { access }),
    ...(unconfirmed === undefined ? {} : { unconfirmed }),
    ...(wasQuarantined === undefined ? {} : { wasQuarantined }),
    ...(barrierPending === undefined ? {} : { barrierPending }),
  };
}

function isBefore(left: NodeKey, right: NodeKey): boolean {
  return left.nodeName === right.nodeName ? left.vmId < right.vmId : left.nodeName < right.nodeName;
}

function entriesIn({ writer, fencing, nodes }: WriterRecord, role: NodeRole): readonly NodeIdentity[] {
  switch (role) {
    case "writer":
      return writer === undefined ? [] : [writer];
    case "holder":
      return writer?.held === true ? [writer] : [];
    case "requested":
      return writer?.requested === true ? [writer] : [];
    case "fencing":
      return fencing === undefined ? [] : [fencing];
    case "preempted":
      return fencing?.preempted === undefined ? [] : [fencing];
    case "barrierPending":
      return nodes.filter((node) => node.barrierPending === true);
    case "confirmed":
      return nodes.filter(({ access, unconfirmed }) => access === "unverified" && unconfirmed !== true);
    case "unconfirmed":
      return nodes.filter(({ unconfirmed }) => unconfirmed === true);
    case "fenced":
      return nodes.filter(
        ({ access, wasQuarantined }) => access === "quarantined" || wasQuarantined === true,
      );
    case "unverified":
    case "quarantined":
    case "clean":
      return nodes.filter(({ access }) => access === role);
  }
}
