import { PLACED_BY_LABEL } from "../../src/core/api/attachment-labels.ts";
import type { AzDriverNode } from "../../src/core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeDetail, WriterRecord } from "../../src/core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../src/core/api/finalizers.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { NODE_NAME_LABEL, newAttachment } from "../../src/objects/new-attachment.ts";
import type { Kind, KindMap, NewObject, ObjectStore } from "../../src/ports/store/object-store.ts";
import { boundTo, EARLIER_UID, fresh, nodeA, nodeB, OTHERS_ENTRY, written } from "./record-writes.ts";

/** A write with node-a's token, and the answer of an API server with the chart. */
export interface NodeWriteRow {
  readonly name: string;
  /**
   * `allowed`, `forbidden` (no RBAC right, or a refusal without a message), the message of the policy's
   * rule that refuses it, or the kind of the store's failure.
   */
  readonly verdict: string;
  /** What an administrator does first, and what the token does then. */
  readonly write: (stores: Stores) => Promise<Result<unknown>>;
}

/** Two clients of one store: an administrator's, and the one with node-a's token. */
export interface Stores {
  readonly admin: ObjectStore;
  readonly node: ObjectStore;
}

const never = new AbortController().signal;
const SINCE = "2026-01-01T00:00:00Z";
const DENIED = /denied request: (.+)$/su;

/** Does the write, answers the verdict, and empties the store. */
export async function verdictOf(stores: Stores, { write }: NodeWriteRow): Promise<string> {
  const done = await write(stores);
  for (const kind of ["AzVolume", "AzVolumeAttachment", "AzDriverNode"] as const)
    await removeAll(stores.admin, kind);
  if (done.ok) return "allowed";
  if (done.failure.kind === "StoreUnavailable") return DENIED.exec(done.failure.detail)?.[1] ?? "forbidden";
  return (
    (done.failure.kind === "ObjectInvalid" ? DENIED.exec(done.failure.problem)?.[1] : undefined) ??
    done.failure.kind
  );
}

async function removeAll<K extends Kind>(admin: ObjectStore, kind: K): Promise<void> {
  for (const object of valueOf(await admin.list(kind, {}, never)).items) {
    valueOf(await admin.update(kind, { ...object, metadata: { ...object.metadata, finalizers: [] } }, never));
    valueOf(await admin.delete(kind, object.metadata.name, {}, never));
  }
}

async function given<K extends Kind>(
  { admin }: Stores,
  kind: K,
  { status, ...object }: NewObject<K> & { readonly status?: object },
): Promise<KindMap[K]> {
  const created = valueOf(await admin.create(kind, object as unknown as NewObject<K>, never));
  return status === undefined
    ? created
    : valueOf(await admin.updateStatus(kind, { ...created, status }, never));
}

const VOLUME = "pvc-1";
const diskUri = `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/${VOLUME}`;

type AttachmentSpec = AzVolumeAttachment["spec"];

function attachmentOf(
  { nodeName }: NodeIdentity,
  spec: Partial<AttachmentSpec> = {},
): NewObject<"AzVolumeAttachment"> {
  const requested = {
    volumeName: VOLUME,
    volumeId: diskUri,
    nodeName,
    role: "Primary",
    writerRequest: { since: SINCE },
    readOnly: false,
    volumeContext: {},
  } as const;
  return newAttachment({ ...requested, ...spec });
}

function withMetadata(
  made: NewObject<"AzVolumeAttachment">,
  metadata: Partial<NewObject<"AzVolumeAttachment">["metadata"]>,
): typeof made {
  return { ...made, metadata: { ...made.metadata, ...metadata } };
}

function withoutRequest({ writerRequest: _, ...spec }: AttachmentSpec): AttachmentSpec {
  return { ...spec, role: "Replica" };
}

const replica: NewObject<"AzVolumeAttachment"> = {
  ...attachmentOf(nodeA),
  spec: withoutRequest(attachmentOf(nodeA).spec),
};
const attached = {
  state: "Attached",
  role: "Primary",
  lun: 1,
  vmId: nodeA.vmId,
  instanceUri: nodeA.instanceUri,
} as const;
const freeze = { id: "f", seconds: 10 };
const recall = { id: "r", published: [], unmounting: true, progress: "1", time: SINCE };
const asked = { id: "r", since: SINCE } as const;
const labels = attachmentOf(nodeA).metadata.labels ?? {};
/** 4 KiB, of which the keys are half. */
const context = Object.fromEntries(
  Array.from({ length: 64 }, (_, index) => [`${index}`.padEnd(32, "k"), "<".repeat(32)]),
);
const targets = Array.from({ length: 16 }, () => "<".repeat(4_096));

const MANAGED = "an AzVolumeAttachment is about a managed disk";
const NAME = "the name of an AzVolumeAttachment follows from its disk and node";
const LABEL = "the label of an AzVolumeAttachment names its node";
const PLAIN =
  "a node creates an AzVolumeAttachment with only the labels of its node and volume, without " +
  "annotations and owners";
const OWN = "a node writes only its own AzVolumeAttachments";
const WANTS = "a node creates an AzVolumeAttachment only to request the volume";
const ONLY_WANT =
  "a node changes only its own request in an AzVolumeAttachment, and takes back the mark that it has " +
  "staged the volume";
const PRIMARY = "the attachment that a node requests is a Primary";
const KEPT = "a node leaves finalizers, owners, labels and annotations of an AzVolumeAttachment as they are";
const ANSWERS =
  "a node changes of an AzVolumeAttachment's status only its answers to a recall and a freeze, " +
  "mountProblems, deviceMissing, and preempted";
/** Refused by the resource definition, for every client. */
const INVALID = "ObjectInvalid";
/** A mount problem, and that it was shown. */
const dead = { reason: "MountDead", epoch: 1, since: SINCE, detail: "its device is gone" };
const shown = { reason: "MountDead", epoch: 1, since: SINCE, time: SINCE };
const preempted = { ...attached, preempted: "617a0123456789ab" };
const MISSING = "a node sets deviceMissing, and only the controller clears it";

function created(name: string, verdict: string, made: NewObject<"AzVolumeAttachment">): NodeWriteRow {
  return {
    name: `AzVolumeAttachment: ${name}`,
    verdict,
    write: ({ node }) => node.create("AzVolumeAttachment", made, never),
  };
}

/** `change` returns what the token writes. */
function updated(
  name: string,
  verdict: string,
  before: NewObject<"AzVolumeAttachment"> & { readonly status?: object },
  change: (present: AzVolumeAttachment) => object,
  verb: "update" | "updateStatus" = "update",
): NodeWriteRow {
  return {
    name: `AzVolumeAttachment: ${name}`,
    verdict,
    write: async (stores) => {
      const present = await given(stores, "AzVolumeAttachment", before);
      return stores.node[verb]("AzVolumeAttachment", { ...present, ...change(present) }, never);
    },
  };
}

function told(name: string, verdict: string, before: object | undefined, after: object): NodeWriteRow {
  const made = before === undefined ? attachmentOf(nodeA) : { ...attachmentOf(nodeA), status: before };
  return updated(name, verdict, made, () => ({ status: after }), "updateStatus");
}

const attachmentWrites: readonly NodeWriteRow[] = [
  created("requests the volume", "allowed", attachmentOf(nodeA)),
  created("requests it for another node", NAME, attachmentOf(nodeB)),
  created(
    "under its name, of another node",
    OWN,
    withMetadata(attachmentOf(nodeA, { nodeName: "node-b" }), attachmentOf(nodeA).metadata),
  ),
  created(
    "under the name of another node",
    NAME,
    withMetadata(attachmentOf(nodeA), { name: attachmentOf(nodeB).metadata.name }),
  ),
  created("of another disk under the name of this one", NAME, {
    ...attachmentOf(nodeA),
    spec: { ...attachmentOf(nodeA).spec, volumeId: diskUri.replace(VOLUME, "backup") },
  }),
  created(
    "under a name without its hash",
    NAME,
    withMetadata(attachmentOf(nodeA), { name: `${VOLUME}-node-a` }),
  ),
  created(
    "with another hash, which no rule can compute",
    "allowed",
    withMetadata(attachmentOf(nodeA), { name: `${VOLUME}-node-a-${"0".repeat(24)}` }),
  ),
  created(
    "of a disk with dots and capitals",
    "allowed",
    attachmentOf(nodeA, { volumeId: diskUri.replace(VOLUME, "My.Disk_1") }),
  ),
  created(
    "of a snapshot",
    MANAGED,
    attachmentOf(nodeA, { volumeId: diskUri.replace("/disks/", "/snapshots/") }),
  ),
  created("without the label of its node", LABEL, withMetadata(attachmentOf(nodeA), { labels: {} })),
  created(
    "with the label of another node",
    LABEL,
    withMetadata(attachmentOf(nodeA), { labels: { [NODE_NAME_LABEL]: "node-b" } }),
  ),
  created(
    "as placed by a controller",
    PLAIN,
    withMetadata(attachmentOf(nodeA), { labels: { ...labels, [PLACED_BY_LABEL]: "controller" } }),
  ),
  created(
    "with a label of its own",
    PLAIN,
    withMetadata(attachmentOf(nodeA), { labels: { ...labels, [`a.example/${"a".repeat(63)}`]: "" } }),
  ),
  created("with an annotation", PLAIN, withMetadata(attachmentOf(nodeA), { annotations: { a: "1" } })),
  created(
    "with the largest context that CSI allows",
    "allowed",
    attachmentOf(nodeA, { volumeContext: context }),
  ),
  created(
    "with a context that fills the object",
    INVALID,
    attachmentOf(nodeA, { volumeContext: { ...context, more: "m".repeat(12_289) } }),
  ),
  created("with a name that fills the object", INVALID, attachmentOf(nodeA, { volumeName: "n".repeat(254) })),
  created(
    "with a time that fills the object",
    INVALID,
    attachmentOf(nodeA, { writerRequest: { since: "0".repeat(65) } }),
  ),
  created("as a replica", WANTS, replica),
  created("as a primary that it does not request", WANTS, {
    ...replica,
    spec: { ...replica.spec, role: "Primary" },
  }),
  created("as recalled", WANTS, attachmentOf(nodeA, { recall: asked })),
  created("as published", WANTS, attachmentOf(nodeA, { published: true })),
  created("without its finalizer", WANTS, withMetadata(attachmentOf(nodeA), { finalizers: [] })),
  created(
    "with one more finalizer",
    WANTS,
    withMetadata(attachmentOf(nodeA), { finalizers: [ATTACHMENT_FINALIZER, "example.com/mine"] }),
  ),

  updated("withdraws its request", "allowed", attachmentOf(nodeA), ({ spec }) => ({
    spec: withoutRequest(spec),
  })),
  updated("requests the volume again", "allowed", replica, ({ spec }) => ({
    spec: { ...spec, role: "Primary", writerRequest: { since: SINCE } },
  })),
  updated("requests the volume but leaves it a replica", PRIMARY, replica, ({ spec }) => ({
    spec: { ...spec, writerRequest: { since: SINCE } },
  })),
  updated("writes an annotation", KEPT, replica, ({ metadata }) => ({
    metadata: { ...metadata, annotations: { a: "1" } },
  })),
  updated("of another node", OWN, attachmentOf(nodeB), ({ spec }) => ({ spec: withoutRequest(spec) })),
  updated("moves it to another node", INVALID, attachmentOf(nodeA), ({ spec }) => ({
    spec: { ...spec, nodeName: "node-b" },
  })),
  updated("moves another node's to itself", INVALID, attachmentOf(nodeB), ({ spec }) => ({
    spec: { ...spec, nodeName: "node-a" },
  })),
  updated("asks for a freeze", ONLY_WANT, attachmentOf(nodeA), ({ spec }) => ({ spec: { ...spec, freeze } })),
  created("as frozen", WANTS, attachmentOf(nodeA, { freeze })),
  updated("recalls it", ONLY_WANT, attachmentOf(nodeA), ({ spec }) => ({ spec: { ...spec, recall: asked } })),
  updated(
    "ends a recall",
    ONLY_WANT,
    attachmentOf(nodeA, { recall: asked }),
    ({ spec: { recall: _, ...spec } }) => ({ spec }),
  ),
  updated("makes it read-only", ONLY_WANT, attachmentOf(nodeA), ({ spec }) => ({
    spec: { ...spec, readOnly: true },
  })),
  created("as staged", WANTS, attachmentOf(nodeA, { staged: true })),
  updated("marks it as staged", ONLY_WANT, attachmentOf(nodeA), ({ spec }) => ({
    spec: { ...spec, staged: true },
  })),
  updated(
    "takes that mark back",
    "allowed",
    attachmentOf(nodeA, { staged: true }),
    ({ spec: { staged: _, ...spec } }) => ({ spec }),
  ),
  updated("says that it is published", ONLY_WANT, attachmentOf(nodeA), ({ spec }) => ({
    spec: { ...spec, published: true },
  })),
  updated(
    "says that it is no longer published",
    ONLY_WANT,
    attachmentOf(nodeA, { published: true }),
    ({ spec: { published: _, ...spec } }) => ({ spec }),
  ),
  updated("names another volume", INVALID, attachmentOf(nodeA), ({ spec }) => ({
    spec: { ...spec, volumeName: "pvc-2" },
  })),
  updated("removes its finalizer", KEPT, attachmentOf(nodeA), ({ metadata }) => ({
    metadata: { ...metadata, finalizers: [] },
  })),
  updated("removes its labels", KEPT, attachmentOf(nodeA), ({ metadata }) => ({
    metadata: { ...metadata, labels: {} },
  })),
  updated("says that a controller placed it", KEPT, attachmentOf(nodeA), ({ metadata }) => ({
    metadata: { ...metadata, labels: { ...labels, [PLACED_BY_LABEL]: "controller" } },
  })),

  told("answers a freeze", "allowed", attached, { ...attached, freeze: { id: "f", state: "Frozen" } }),
  told("answers a recall", "allowed", attached, { ...attached, recall }),
  told("answers with as many and as long targets as fit", "allowed", attached, {
    ...attached,
    recall: { ...recall, published: targets },
  }),
  told("answers with one target more", INVALID, attached, {
    ...attached,
    recall: { ...recall, published: [...targets, "/t"] },
  }),
  told("answers with a longer target", INVALID, attached, {
    ...attached,
    recall: { ...recall, published: ["t".repeat(4_097)] },
  }),
  told("answers with a long id", INVALID, attached, {
    ...attached,
    recall: { ...recall, id: "r".repeat(257) },
  }),
  told("answers with long progress", INVALID, attached, {
    ...attached,
    recall: { ...recall, progress: "1".repeat(257) },
  }),
  told("states what is wrong with its mount", "allowed", attached, {
    ...attached,
    mountProblems: [
      dead,
      { ...dead, reason: "FileSystemErrors" },
      { ...dead, reason: "FileSystemRepaired" },
      { ...dead, reason: "WritesLost" },
    ],
  }),
  told(
    "states that nothing is wrong any more",
    "allowed",
    { ...attached, mountProblems: [dead] },
    { ...attached, mountProblems: [] },
  ),
  told("states it longer than it may be", INVALID, attached, {
    ...attached,
    mountProblems: [{ ...dead, detail: "d".repeat(513) }],
  }),
  told("states more than there are", INVALID, attached, {
    ...attached,
    mountProblems: [dead, dead, dead, dead, dead],
  }),
  told("states something of its own", INVALID, attached, {
    ...attached,
    mountProblems: [{ ...dead, reason: "Fenced" }],
  }),
  told("states an epoch that leaves no room", INVALID, attached, {
    ...attached,
    mountProblems: [{ ...dead, epoch: 2 ** 53 }],
  }),
  told("says that the leader has shown it", ANSWERS, attached, { ...attached, mountProblemsShown: [shown] }),
  told(
    "says that the leader has shown nothing",
    ANSWERS,
    { ...attached, mountProblemsShown: [shown] },
    { ...attached, mountProblemsShown: [] },
  ),
  told("says that its device is missing", "allowed", attached, { ...attached, deviceMissing: true }),
  told(
    "says so again",
    "allowed",
    { ...attached, deviceMissing: true },
    { ...attached, deviceMissing: true },
  ),
  told(
    "says that it is no longer missing",
    MISSING,
    { ...attached, deviceMissing: true },
    { ...attached, deviceMissing: false },
  ),
  told("removes that it is missing", ANSWERS, { ...attached, deviceMissing: true }, attached),
  told("says that it is there", MISSING, attached, { ...attached, deviceMissing: false }),
  told("says that it has preempted a reservation", "allowed", attached, preempted),
  told("says that it has preempted another one", "allowed", preempted, { ...preempted, preempted: "617a" }),
  told("removes that it has preempted one", "allowed", preempted, attached),
  told("says that it has preempted one with a longer key", INVALID, attached, {
    ...attached,
    preempted: `${preempted.preempted}0`,
  }),
  updated(
    "says that another node has preempted one",
    OWN,
    { ...attachmentOf(nodeB), status: attached },
    () => ({ status: preempted }),
    "updateStatus",
  ),
  told("removes its answer", ANSWERS, { ...attached, recall }, attached),
  told("says that it is attached", ANSWERS, undefined, attached),
  told("answers where there is no status", ANSWERS, undefined, { state: "Pending", recall }),
  told("says that it is detaching", ANSWERS, attached, { ...attached, state: "Detaching" }),
  told("changes the LUN", ANSWERS, attached, { ...attached, lun: 2 }),
  told("changes the VM", ANSWERS, attached, { ...attached, vmId: nodeB.vmId }),
  told("says that it is a replica", ANSWERS, attached, { ...attached, role: "Replica" }),
  updated(
    "says so of another node's",
    OWN,
    { ...attachmentOf(nodeB), status: attached },
    () => ({ status: { ...attached, deviceMissing: true } }),
    "updateStatus",
  ),
  // The API server drops everything but the status from a status write before any rule runs.
  updated(
    "of another node's, as its own",
    OWN,
    { ...attachmentOf(nodeB), status: attached },
    ({ spec }) => ({ spec: { ...spec, nodeName: "node-a" }, status: { ...attached, deviceMissing: true } }),
    "updateStatus",
  ),
  {
    name: "AzVolumeAttachment: deletes its own",
    verdict: "forbidden",
    write: async (stores) => {
      const { metadata } = await given(stores, "AzVolumeAttachment", attachmentOf(nodeA));
      return stores.node.delete("AzVolumeAttachment", metadata.name, {}, never);
    },
  },
];

/** The answer that comes first where several apply. */
const orderedWrites: readonly NodeWriteRow[] = [
  {
    name: "order: a forbidden deletion of a missing object",
    verdict: "forbidden",
    write: ({ node }) => node.delete("AzVolumeAttachment", attachmentOf(nodeB).metadata.name, {}, never),
  },
  {
    name: "order: a refused update of a deleted object",
    verdict: "ObjectNotFound",
    write: async (stores) => {
      const present = await given(stores, "AzDriverNode", driverNode("node-b"));
      valueOf(await stores.admin.delete("AzDriverNode", "node-b", {}, never));
      return stores.node.updateStatus("AzDriverNode", { ...present, status: heartbeat }, never);
    },
  },
  {
    name: "order: a refused update of an older version",
    verdict: "ObjectConflict",
    write: async (stores) => {
      const present = await given(stores, "AzVolumeAttachment", attachmentOf(nodeB));
      valueOf(
        await stores.admin.update(
          "AzVolumeAttachment",
          { ...present, spec: withoutRequest(present.spec) },
          never,
        ),
      );
      return stores.node.update(
        "AzVolumeAttachment",
        { ...present, spec: { ...present.spec, readOnly: true } },
        never,
      );
    },
  },
  {
    name: "order: a refused update of a recreated object",
    verdict: "ObjectConflict",
    write: async (stores) => {
      const first = await given(stores, "AzDriverNode", driverNode("node-b"));
      valueOf(await stores.admin.delete("AzDriverNode", "node-b", {}, never));
      const { metadata } = await given(stores, "AzDriverNode", driverNode("node-b"));
      const mixed = { ...first, metadata: { ...first.metadata, resourceVersion: metadata.resourceVersion } };
      return stores.node.updateStatus("AzDriverNode", { ...mixed, status: heartbeat }, never);
    },
  },
  {
    name: "order: a refused update of an invalid object",
    verdict: "ObjectInvalid",
    write: async (stores) => {
      const present = await given(stores, "AzDriverNode", driverNode("node-b"));
      return stores.node.updateStatus(
        "AzDriverNode",
        { ...present, status: { ...heartbeat, heartbeat: 2 ** 53 } },
        never,
      );
    },
  },
  {
    name: "order: a refused creation of an existing object",
    verdict: NAME,
    write: async (stores) => {
      await given(stores, "AzVolumeAttachment", attachmentOf(nodeB));
      return stores.node.create("AzVolumeAttachment", attachmentOf(nodeB), never);
    },
  },
  {
    name: "order: an allowed creation of an existing object",
    verdict: "ObjectAlreadyExists",
    write: async (stores) => {
      await given(stores, "AzVolumeAttachment", attachmentOf(nodeA));
      return stores.node.create("AzVolumeAttachment", attachmentOf(nodeA), never);
    },
  },
];

/** What node-a reports about itself. */
export const heartbeat: NonNullable<AzDriverNode["status"]> = {
  lastHeartbeatTime: SINCE,
  heartbeat: 1,
  readyForVolumeAllocation: true,
  statusMessage: "",
  conditions: [],
  maxVolumes: 8,
  location: "eastus",
  zone: "1",
  busType: "SCSI",
  vmId: nodeA.vmId,
  instanceUri: nodeA.instanceUri,
  volumes: [],
};
const OWN_NODE = "a node writes only its own AzDriverNode";

function driverNode(name: string, nodeName = name): NewObject<"AzDriverNode"> {
  return { metadata: { name }, spec: { nodeName } };
}

function onNode(
  name: string,
  verdict: string,
  of: string,
  act: (node: ObjectStore, present: AzDriverNode) => Promise<Result<unknown>>,
): NodeWriteRow {
  return {
    name: `AzDriverNode: ${name}`,
    verdict,
    write: async (stores) => act(stores.node, await given(stores, "AzDriverNode", driverNode(of))),
  };
}

function registered(name: string, verdict: string, made: NewObject<"AzDriverNode">): NodeWriteRow {
  return {
    name: `AzDriverNode: ${name}`,
    verdict,
    write: ({ node }) => node.create("AzDriverNode", made, never),
  };
}

const driverNodeWrites: readonly NodeWriteRow[] = [
  registered("registers itself", "allowed", driverNode("node-a")),
  registered("registers another", OWN_NODE, driverNode("node-b")),
  registered("registers itself under another name", OWN_NODE, driverNode("node-x", "node-a")),
  registered("registers another under its name", OWN_NODE, driverNode("node-a", "node-b")),
  onNode("renews its heartbeat", "allowed", "node-a", (node, own) =>
    node.updateStatus("AzDriverNode", { ...own, status: heartbeat }, never),
  ),
  onNode("renews another's", OWN_NODE, "node-b", (node, other) =>
    node.updateStatus("AzDriverNode", { ...other, status: heartbeat }, never),
  ),
  onNode("renews another's as its own", OWN_NODE, "node-b", (node, other) =>
    node.updateStatus("AzDriverNode", { ...other, spec: { nodeName: "node-a" }, status: heartbeat }, never),
  ),
  onNode("changes itself", "forbidden", "node-a", (node, own) =>
    node.update("AzDriverNode", { ...own, metadata: { ...own.metadata, labels: { a: "1" } } }, never),
  ),
  onNode("deletes itself", "forbidden", "node-a", (node) => node.delete("AzDriverNode", "node-a", {}, never)),
];

/** What Azure reported about the disk of the volumes here. */
export const detail: VolumeDetail = {
  diskUri,
  sizeGiB: 10,
  maxShares: 3,
  skuName: "Premium_LRS",
  location: "eastus",
  zones: ["1"],
};
/** A volume as CreateVolume creates it. */
export const newVolume: NewObject<"AzVolume"> = {
  metadata: { name: VOLUME },
  spec: {
    volumeName: VOLUME,
    capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
    disk: { skuName: "Premium_LRS", sizeGiB: 10, maxShares: 3, tags: {} },
    maxMountReplicaCount: 2,
    volumeContext: { skuname: "Premium_LRS" },
    deleteRequested: false,
  },
};
const NO_RECORD = "a node neither creates nor removes a writer record";
const OF_STATUS =
  "a node changes of an AzVolume's status only the record, by its own steps, and its file system";
const OF_DETAIL =
  "a node changes of a disk's details only the file system, and only while it holds the volume";
const MADE =
  "the node that made or first saw the file system records it once; afterwards only its UUID may be added";
const BOUNDED = "the fields that a node writes about a file system have at most 1024 characters each";

type VolumeStatus = Partial<NonNullable<AzVolume["status"]>>;

function ofVolume(
  name: string,
  verdict: string,
  before: VolumeStatus,
  change: (status: NonNullable<AzVolume["status"]>) => object | undefined,
): NodeWriteRow {
  return {
    name: `AzVolume: ${name}`,
    verdict,
    write: async (stores) => {
      const status = { state: "Created", observedGeneration: 1, conditions: [], ...before } as const;
      const present = await given(stores, "AzVolume", { ...newVolume, status });
      const { status: _, ...rest } = present;
      const after = change(status) as AzVolume["status"];
      return stores.node.updateStatus(
        "AzVolume",
        after === undefined ? rest : { ...rest, status: after },
        never,
      );
    },
  };
}

function ofDetail(
  name: string,
  verdict: string,
  record: WriterRecord,
  before: Partial<VolumeDetail>,
  after: object,
): NodeWriteRow {
  return ofVolume(name, verdict, { record, detail: { ...detail, ...before } }, (status) => ({
    ...status,
    detail: { ...status.detail, ...after },
  }));
}

const mark = ({ nodeName }: NodeIdentity) => ({ fsType: "ext4", nodeName, time: SINCE });
const holdsA = written(nodeA);

const volumeWrites: readonly NodeWriteRow[] = [
  ofDetail(
    "says that it has made the file system",
    "allowed",
    holdsA,
    {},
    { formatted: { ...mark(nodeA), uuid: "u" } },
  ),
  ofDetail(
    "adds the UUID",
    "allowed",
    holdsA,
    { formatted: mark(nodeB) },
    { formatted: { ...mark(nodeB), uuid: "u" } },
  ),
  ofDetail(
    "adds a UUID that fills the object",
    BOUNDED,
    holdsA,
    { formatted: mark(nodeA) },
    { formatted: { ...mark(nodeA), uuid: "u".repeat(1_025) } },
  ),
  ofDetail("says that another node has made it", MADE, holdsA, {}, { formatted: mark(nodeB) }),
  ofDetail(
    "says that it has made what another node made",
    MADE,
    holdsA,
    { formatted: mark(nodeB) },
    { formatted: mark(nodeA) },
  ),
  ofDetail(
    "changes the UUID",
    MADE,
    holdsA,
    { formatted: { ...mark(nodeA), uuid: "u" } },
    { formatted: { ...mark(nodeA), uuid: "v" } },
  ),
  ofDetail(
    "says that it is not made any more",
    OF_DETAIL,
    holdsA,
    { formatted: mark(nodeA) },
    { formatted: undefined },
  ),
  ofDetail(
    "says so while it does not hold the volume",
    OF_DETAIL,
    written(nodeA, { held: false }),
    {},
    { formatted: mark(nodeA) },
  ),
  ofDetail(
    "says so while another holds the volume",
    OF_DETAIL,
    written(nodeB),
    {},
    { formatted: mark(nodeA) },
  ),
  ofDetail("says so while no node holds the volume", OF_DETAIL, fresh, {}, { formatted: mark(nodeA) }),
  ofDetail(
    "says so while another Node of its name holds the volume",
    OTHERS_ENTRY,
    boundTo(holdsA, EARLIER_UID),
    {},
    { formatted: mark(nodeA) },
  ),
  ofDetail("changes the size", OF_DETAIL, holdsA, {}, { sizeGiB: 1 }),
  ofDetail("changes the disk", OF_DETAIL, holdsA, {}, { diskUri: diskUri.replace(VOLUME, "backup") }),
  ofVolume("creates details where there are none", OF_DETAIL, { record: holdsA }, (status) => ({
    ...status,
    detail,
  })),
  ofVolume(
    "removes the details",
    OF_STATUS,
    { record: holdsA, detail },
    ({ detail: _, ...status }) => status,
  ),
  ofVolume("says that it is being deleted", OF_STATUS, { record: holdsA, detail }, (status) => ({
    ...status,
    state: "Deleting",
  })),
  ofVolume("removes the record", NO_RECORD, { record: holdsA, detail }, ({ record: _, ...status }) => status),
  ofVolume("removes the whole status", NO_RECORD, { record: holdsA, detail }, () => undefined),
  ofVolume("creates a record", NO_RECORD, { detail }, (status) => ({ ...status, record: fresh })),
  {
    name: "AzVolume: requests its deletion",
    verdict: "forbidden",
    write: async (stores) => {
      const present = await given(stores, "AzVolume", newVolume);
      return stores.node.update(
        "AzVolume",
        { ...present, spec: { ...present.spec, deleteRequested: true } },
        never,
      );
    },
  },
  {
    name: "AzVolume: makes one",
    verdict: "forbidden",
    write: ({ node }) => node.create("AzVolume", newVolume, never),
  },
];

/**
 * Writes of every kind besides the steps of a record: those that a node needs, and those that it must not
 * make.
 */
export const nodeWrites: readonly NodeWriteRow[] = [
  ...attachmentWrites,
  ...driverNodeWrites,
  ...volumeWrites,
  ...orderedWrites,
];
