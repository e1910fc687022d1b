import type { WriterRecord } from "../api/az-volume.ts";
import type { NodeIdentity } from "../api/identity/node-identity.ts";
import { isNamed, type EntryMarks, nodesIn, withMarks } from "../writer/record/record-nodes.ts";

/** A record's list as tests state and compare it: the nodes of each access. */
export interface RecordLists {
  readonly unverified: readonly (NodeIdentity & Pick<EntryMarks, "unconfirmed" | "wasQuarantined">)[];
  readonly quarantined: readonly NodeIdentity[];
  readonly clean: readonly NodeIdentity[];
  readonly barrierPending: readonly NodeIdentity[];
}

/** Changes of a record, its list stated by access. */
export type RecordChanges = Partial<WriterRecord & RecordLists>;

/**
 * The record with these changes; what they do not state stays. A node in several lists has the strictest
 * access.
 */
export function changedRecord(
  record: WriterRecord,
  { unverified, quarantined, clean, barrierPending, ...others }: RecordChanges,
): WriterRecord {
  const present = { ...record, ...others };
  const lists: RecordLists = {
    unverified: unverified ?? listIn(present, "unverified"),
    quarantined: quarantined ?? listIn(present, "quarantined"),
    clean: clean ?? listIn(present, "clean"),
    barrierPending: barrierPending ?? listIn(present, "barrierPending"),
  };
  const empty: WriterRecord = { ...present, nodes: [] };
  const said: readonly (readonly [NodeIdentity, EntryMarks])[] = [
    ...lists.clean.map((node) => [node, { access: "clean" }] as const),
    ...lists.quarantined.map((node) => [node, { access: "quarantined" }] as const),
    ...lists.unverified.map(
      ({ unconfirmed, wasQuarantined, ...node }) =>
        [node, { access: "unverified", unconfirmed, wasQuarantined }] as const,
    ),
    ...lists.barrierPending.map((node) => [node, { barrierPending: true }] as const),
  ];
  const marks = new Map<string, readonly [NodeIdentity, EntryMarks]>();
  for (const [node, of] of said) {
    const key = `${node.nodeName} ${node.vmId.toLowerCase()}`;
    const [known, before] = marks.get(key) ?? [];
    marks.set(key, [
      { ...known, ...node },
      { ...before, ...of },
    ]);
  }
  return [...marks.values()].reduce((next, [node, of]) => withMarks(next, node, of), empty);
}

/** The nodes of one access, or with a pending write barrier, without what else the list says of them. */
export function listIn<K extends keyof RecordLists>(
  record: WriterRecord | undefined,
  list: K,
): RecordLists[K] {
  return nodesIn(record, list).map((node) => ({
    ...node,
    ...(list === "unverified" && isNamed(record, node, "unconfirmed") ? { unconfirmed: true } : {}),
    ...(list === "unverified" && isNamed(record, node, "fenced") ? { wasQuarantined: true } : {}),
  })) as unknown as RecordLists[K];
}
