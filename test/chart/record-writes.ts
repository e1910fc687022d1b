import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { changedRecord, listIn } from "../../src/core/testing/record-lists.ts";
import type { Step } from "../../src/core/writer/record/writer-steps.ts";
import * as steps from "../../src/core/writer/record/writer-steps.ts";

/**
 * The uid of node-a's Node, as its token bears it. Where a real API server assigns another one, that one
 * replaces it.
 */
export const NODE_A_UID = "uid-of-node-a";
/** The uid of an earlier Node of the same name. */
export const EARLIER_UID = "uid-of-an-earlier-node-a";
/** The refusal of a write to an entry with that uid. */
export const OTHERS_ENTRY =
  "entries of another Node of this name stay unchanged; if the Node was recreated for this VM, delete " +
  "the pod of its node plug-in, so that it gets a new token";

/** `record` with that uid in each entry of node-a. The entries of `clean` have no uid. */
export function boundTo(record: WriterRecord, nodeUid: string): WriterRecord {
  const bound = <T extends NodeIdentity>(entry: T): T =>
    entry.nodeName === nodeA.nodeName ? { ...entry, nodeUid } : entry;
  const { writer, fencing } = record;
  return changedRecord(record, {
    ...(writer === undefined ? {} : { writer: bound(writer) }),
    ...(fencing === undefined ? {} : { fencing: bound(fencing) }),
    quarantined: listIn(record, "quarantined").map(bound),
    unverified: listIn(record, "unverified").map(bound),
  });
}

const vmUri = (name: string): string =>
  `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/${name}`;
/** The node whose token writes. */
export const nodeA: NodeIdentity = {
  nodeName: "node-a",
  instanceUri: vmUri("a"),
  vmId: "6b1a7c1e-0000-4000-8000-00000000000a",
};
/** Another node. */
export const nodeB: NodeIdentity = {
  nodeName: "node-b",
  instanceUri: vmUri("b"),
  vmId: "6b1a7c1e-0000-4000-8000-00000000000b",
};
/** The VM that had node-a's name before. */
const earlierVm: NodeIdentity = { ...nodeA, vmId: "6b1a7c1e-0000-4000-8000-00000000001a" };
/** A third node, which is in some list of each record. */
export const nodeC: NodeIdentity = {
  nodeName: "node-c",
  instanceUri: vmUri("c"),
  vmId: "6b1a7c1e-0000-4000-8000-00000000000c",
};

/** The record of a new disk. */
export const fresh: WriterRecord = changedRecord(steps.newRecord(1), { epoch: 4, quarantined: [nodeC] });
/** A rebuilt record: two nodes may have the disk. */
export const found: WriterRecord = changedRecord(
  steps.foundRecord({ unverified: [nodeA, nodeB], epoch: 4, storeIncarnation: 1 }),
  { clean: [nodeC] },
);
/** The same, where only node-a's own report says so. */
const unconfirmedA: WriterRecord = changedRecord(found, {
  unverified: [{ ...nodeA, unconfirmed: true }, nodeB],
});

/** The same, where node-a is an earlier VM of its name. */
const foundEarlier: WriterRecord = boundTo(found, EARLIER_UID);

/** A record with `node` as its writer. */
export function written(
  node: NodeIdentity,
  { held = true, requested = true }: { readonly held?: boolean; readonly requested?: boolean } = {},
): WriterRecord {
  return { ...fresh, writer: { ...node, epoch: 4, held, requested } };
}

const fencing = (record: WriterRecord, node: NodeIdentity): WriterRecord => ({ ...record, fencing: node });
const preempting = (record: WriterRecord, node: NodeIdentity): WriterRecord => ({
  ...record,
  fencing: { ...node, preempted: 4 },
});
const proveClean = (record: WriterRecord, node: NodeIdentity): Step =>
  steps.proveClean(record, node, "unverified");
const leaveQuarantine = (record: WriterRecord, node: NodeIdentity): Step =>
  steps.proveClean(record, node, "quarantined");
const taking = { isClean: true, storeIncarnation: 1 };

/** Every step of the protocol that a node takes, from a record that allows it. */
export const nodeSteps: readonly {
  readonly name: string;
  readonly from: (node: NodeIdentity) => WriterRecord;
  readonly step: (record: WriterRecord, node: NodeIdentity) => Step;
}[] = [
  {
    name: "acquire",
    from: (node) => written(node, { held: false }),
    step: (record, node) => steps.acquire(record, node, taking),
  },
  {
    name: "acquire again",
    from: (node) => written(node),
    step: (record, node) => steps.acquire(record, node, taking),
  },
  {
    name: "release",
    from: (node) => written(node, { requested: false }),
    step: (record, node) => steps.release(record, node, 4),
  },
  {
    name: "release while it is fenced, which ends no fence",
    from: (node) => fencing(written(node, { requested: false }), node),
    step: (record, node) => steps.release(record, node, 4),
  },
  {
    name: "release after a failed stage",
    from: (node) => written(node),
    step: (record, node) => steps.release(record, node, 4),
  },
  { name: "withdraw the request", from: (node) => written(node), step: steps.withdraw },
  { name: "request again", from: (node) => written(node, { requested: false }), step: steps.renew },
  {
    name: "leave quarantine",
    from: (node) => changedRecord(fresh, { quarantined: [nodeC, node] }),
    step: leaveQuarantine,
  },
  {
    name: "leave the quarantine that an adopted record implies",
    from: () => changedRecord(found, { unverified: [] }),
    step: leaveQuarantine,
  },
  { name: "prove clean", from: () => found, step: proveClean },
  {
    name: "prove clean while it is fenced, which ends no fence",
    from: (node) => fencing(found, node),
    step: proveClean,
  },
  {
    name: "leave quarantine while it is fenced without its reservation",
    from: (node) =>
      preempting(changedRecord(found, { unverified: [], clean: [nodeC], quarantined: [node] }), node),
    step: leaveQuarantine,
  },
  {
    name: "acquire while another is fenced without its reservation",
    from: (node) => preempting(written(node, { held: false }), nodeC),
    step: (record, node) => steps.acquire(record, node, taking),
  },
  {
    name: "acquire while an earlier VM of its name is fenced",
    from: (node) => preempting(written(node, { held: false }), earlierVm),
    step: (record, node) => steps.acquire(record, node, taking),
  },
  {
    name: "request again while an earlier VM of its name is fenced",
    from: (node) => fencing(written(node, { requested: false }), earlierVm),
    step: steps.renew,
  },
  {
    name: "reclaim while an earlier VM of its name is fenced",
    from: () => fencing(found, earlierVm),
    step: (record, node) => steps.reclaim(record, node, 7),
  },
  {
    name: "prove clean while its VM has a pending write barrier",
    from: (node) => changedRecord(found, { barrierPending: [node] }),
    step: proveClean,
  },
  {
    name: "reclaim while another VM has a pending write barrier",
    from: () => changedRecord(found, { barrierPending: [nodeC] }),
    step: (record, node) => steps.reclaim(record, node, 7),
  },
  {
    name: "reclaim while an earlier VM of its name has a pending write barrier",
    from: (node) =>
      changedRecord(found, {
        barrierPending: [{ ...node, vmId: nodeC.vmId, instanceUri: nodeC.instanceUri }],
      }),
    step: (record, node) => steps.reclaim(record, node, 7),
  },
  {
    name: "reclaim while two earlier VMs of its name are listed as clean",
    from: (node) =>
      changedRecord(found, {
        clean: [nodeC, { ...node, vmId: "vm-of-another" }, { ...node, vmId: "vm-of-a-third" }],
      }),
    step: (record, node) => steps.reclaim(record, node, 7),
  },
  { name: "reclaim", from: () => found, step: (record, node) => steps.reclaim(record, node, 7) },
];

/** Every step of a controller, whichever node it concerns. */
export const controllerSteps: readonly {
  readonly name: string;
  readonly from: WriterRecord;
  readonly step: (record: WriterRecord) => Step;
}[] = [
  { name: "grant to itself", from: fresh, step: (record) => steps.grant(record, nodeA) },
  { name: "grant to another", from: fresh, step: (record) => steps.grant(record, nodeB) },
  { name: "revoke", from: written(nodeB, { held: false, requested: false }), step: steps.revoke },
  { name: "revoke from itself", from: written(nodeA, { held: false, requested: false }), step: steps.revoke },
  {
    name: "begin a fence",
    from: written(nodeB, { requested: false }),
    step: (record) => steps.beginFence(record, nodeB),
  },
  {
    name: "end a fence with proof",
    from: fencing(written(nodeB, { requested: false }), nodeB),
    step: (record) => steps.endFence(record, nodeB, record),
  },
  {
    name: "preempt the reservation of another",
    from: fencing(written(nodeB, { requested: false }), nodeB),
    step: (record) => steps.preempt(record, nodeB, 4),
  },
  {
    name: "end a fence without the reservation, with proof",
    from: preempting(changedRecord(fresh, { quarantined: [nodeC, nodeB] }), nodeB),
    step: (record) => steps.endFence(record, nodeB, record),
  },
  {
    name: "pass its write barrier",
    from: changedRecord(found, { barrierPending: [nodeA, nodeB] }),
    step: (record) => steps.clearMark(record, nodeA, "barrierPending"),
  },
  {
    name: "pass its write barrier as the last one",
    from: changedRecord(found, { barrierPending: [nodeA] }),
    step: (record) => steps.clearMark(record, nodeA, "barrierPending"),
  },
  {
    name: "prune a VM that is gone",
    from: changedRecord(found, { unverified: [nodeA], quarantined: [nodeB] }),
    step: (record) => steps.prune(record, nodeB, "quarantined"),
  },
];

/** Writes that are no step of the protocol. */
export const forgeries: readonly {
  readonly name: string;
  readonly from: WriterRecord;
  readonly to: WriterRecord;
}[] = [
  {
    name: "acquiring while it is fenced",
    from: fencing(written(nodeA, { held: false }), nodeA),
    to: fencing(written(nodeA), nodeA),
  },
  {
    name: "acquiring what is being recalled",
    from: written(nodeA, { held: false, requested: false }),
    to: written(nodeA, { requested: false }),
  },
  {
    name: "requesting again while it is fenced",
    from: fencing(written(nodeA, { requested: false }), nodeA),
    to: fencing(written(nodeA), nodeA),
  },
  {
    name: "ending its fence as it releases",
    from: fencing(written(nodeA, { requested: false }), nodeA),
    to: written(nodeA, { held: false, requested: false }),
  },
  {
    name: "ending its fence as it proves itself clean",
    from: fencing(found, nodeA),
    to: changedRecord(found, { unverified: [nodeB], clean: [nodeC, nodeA] }),
  },
  {
    name: "ending its fence while it holds",
    from: fencing(written(nodeA, { requested: false }), nodeA),
    to: written(nodeA, { requested: false }),
  },
  {
    name: "that the reservation of another, which is fenced, is preempted",
    from: fencing(written(nodeB, { requested: false }), nodeB),
    to: preempting(written(nodeB, { requested: false }), nodeB),
  },
  {
    name: "that its reservation is not preempted",
    from: preempting(changedRecord(fresh, { quarantined: [nodeC, nodeA] }), nodeA),
    to: fencing(changedRecord(fresh, { quarantined: [nodeC, nodeA] }), nodeA),
  },
  {
    name: "reclaiming while it is fenced without its reservation",
    from: preempting(found, nodeA),
    to: changedRecord(preempting(found, nodeA), {
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, epoch: 5, held: true, requested: true },
    }),
  },
  {
    name: "a higher epoch",
    from: written(nodeA),
    to: { ...written(nodeA), writer: { ...nodeA, epoch: 5, held: true, requested: true }, epoch: 5 },
  },
  { name: "a higher epoch of the record alone", from: written(nodeA), to: { ...written(nodeA), epoch: 9 } },
  {
    name: "another VM under its name",
    from: written(nodeA),
    to: { ...written(nodeA), writer: { ...nodeA, vmId: nodeB.vmId, epoch: 4, held: true, requested: true } },
  },
  {
    name: "reclaiming as a VM at another resource id",
    from: found,
    to: changedRecord(found, {
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, instanceUri: nodeB.instanceUri, epoch: 5, held: true, requested: true },
    }),
  },
  {
    name: "reclaiming what it never had",
    from: fresh,
    to: { ...fresh, epoch: 5, writer: { ...nodeA, epoch: 5, held: true, requested: true } },
  },
  {
    name: "reclaiming while it is fenced",
    from: fencing(found, nodeA),
    to: changedRecord(fencing(found, nodeA), {
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, epoch: 5, held: true, requested: true },
    }),
  },
  {
    name: "reclaiming under an old epoch",
    from: found,
    to: changedRecord(found, {
      unverified: [nodeB],
      writer: { ...nodeA, epoch: 4, held: true, requested: true },
    }),
  },
  {
    name: "reclaiming what only its own report gives it",
    from: unconfirmedA,
    to: changedRecord(unconfirmedA, {
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, epoch: 5, held: true, requested: true },
    }),
  },
  {
    name: "that Azure has listed it",
    from: unconfirmedA,
    to: changedRecord(unconfirmedA, { unverified: [nodeA, nodeB] }),
  },
  {
    name: "reclaiming under an epoch that leaves no room",
    from: found,
    to: changedRecord(found, {
      unverified: [nodeB],
      epoch: 2 ** 52,
      writer: { ...nodeA, epoch: 2 ** 52, held: true, requested: true },
    }),
  },
  {
    name: "reclaiming while its disk may be detached",
    from: changedRecord(found, { barrierPending: [nodeA] }),
    to: changedRecord(found, {
      barrierPending: [nodeA],
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, epoch: 5, held: true, requested: true },
    }),
  },
  {
    name: "reclaiming while its disk may be detached, its vmId in capitals",
    from: changedRecord(found, { barrierPending: [{ ...nodeA, vmId: nodeA.vmId.toUpperCase() }] }),
    to: changedRecord(found, {
      barrierPending: [{ ...nodeA, vmId: nodeA.vmId.toUpperCase() }],
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, epoch: 5, held: true, requested: true },
    }),
  },
  {
    name: "sending another into quarantine",
    from: written(nodeB),
    to: changedRecord(written(nodeB), { quarantined: [nodeC, nodeB] }),
  },
  {
    name: "a new order of the other nodes",
    from: changedRecord(fresh, { quarantined: [nodeB, nodeC] }),
    to: { ...fresh, nodes: changedRecord(fresh, { quarantined: [nodeB, nodeC] }).nodes.toReversed() },
  },
  {
    name: "that it may have the disk",
    from: changedRecord(found, { unverified: [nodeB] }),
    to: found,
  },
  {
    name: "that its write barrier is passed as it proves itself clean",
    from: changedRecord(found, { barrierPending: [nodeA] }),
    to: changedRecord(found, { unverified: [nodeB], clean: [nodeA, nodeC] }),
  },
  {
    name: "a pending write barrier of its own",
    from: found,
    to: changedRecord(found, { barrierPending: [nodeA] }),
  },
  { name: "that an adopted disk is new", from: found, to: changedRecord(found, { defaultAccess: "clean" }) },
  { name: "another store incarnation", from: written(nodeA), to: { ...written(nodeA), storeIncarnation: 9 } },
  {
    name: "that it is clean of a disk that was never adopted",
    from: fresh,
    to: { ...fresh, nodes: [{ ...nodeA, access: "clean" }, ...fresh.nodes] },
  },
  {
    name: "that two VMs of its name are clean",
    from: found,
    to: changedRecord(found, {
      unverified: [nodeB],
      clean: [nodeC, nodeA, { ...nodeA, vmId: "vm-of-another" }],
    }),
  },
  {
    name: "that it is clean, in an entry that fills the object",
    from: found,
    to: changedRecord(found, {
      unverified: [nodeB],
      clean: [nodeC, { ...nodeA, instanceUri: `/${"x".repeat(1_024)}` }],
    }),
  },
  {
    name: "that an earlier VM of its name is clean, before its entry",
    from: foundEarlier,
    to: { ...foundEarlier, nodes: [{ ...nodeA, access: "clean" }, ...foundEarlier.nodes] },
  },
  {
    name: "that an earlier VM of its name is clean, its vmId in capitals",
    from: foundEarlier,
    to: {
      ...foundEarlier,
      nodes: [{ ...nodeA, vmId: nodeA.vmId.toUpperCase(), access: "clean" }, ...foundEarlier.nodes],
    },
  },
  {
    name: "its entry once more",
    from: found,
    to: { ...found, nodes: [...found.nodes.filter(({ nodeName }) => nodeName === "node-a"), ...found.nodes] },
  },
  { name: "its uid on an entry without one", from: written(nodeA), to: boundTo(written(nodeA), NODE_A_UID) },
  {
    name: "the uid of another Node on its entry",
    from: boundTo(written(nodeA), NODE_A_UID),
    to: boundTo(written(nodeA), EARLIER_UID),
  },
  {
    name: "reclaiming under its own uid what another Node of its name had",
    from: boundTo(found, EARLIER_UID),
    to: changedRecord(found, {
      unverified: [nodeB],
      epoch: 5,
      writer: { ...nodeA, nodeUid: NODE_A_UID, epoch: 5, held: true, requested: true },
    }),
  },
];
