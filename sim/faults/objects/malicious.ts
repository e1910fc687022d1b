import type { AzDriverNode } from "../../../src/core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { COUNTER_MAX } from "../../../src/core/api/epoch.ts";
import { type NodeIdentity, withUidFrom } from "../../../src/core/api/identity/node-identity.ts";
import { storeIncarnationOf } from "../../../src/core/api/lease.ts";
import { attachmentObjectName } from "../../../src/core/api/object-names.ts";
import { toTimestamp } from "../../../src/core/primitives/timestamp.ts";
import {
  LONE_REPORTS_ANNOTATION,
  STORE_ROLLED_BACK,
  rolledBackReason,
} from "../../../src/core/rollback/rollback-reports.ts";
import { isNamed, nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import { newAttachment } from "../../../src/objects/new-attachment.ts";
import type { ObjectStore } from "../../../src/ports/store/object-store.ts";
import { stolenToken } from "../../admission/stolen-token.ts";
import type { SimWorld } from "../../world.ts";
import { liesAboutItsVm } from "../directed/node/lies-about-its-vm.ts";
import { takesAnothersName, takesMissingNodesName } from "../directed/node/name/takes-anothers-name.ts";
import type { BeginFault, FaultClass } from "../fault-class.ts";

/** How often the holder of the token acts, in milliseconds. */
const ROUND_MS = 500;
const never = new AbortController().signal;

/** The holder of a node's token, and its actions in one round. It ignores the API server's refusals. */
type Round = (thief: Thief) => Promise<void>;

interface Thief {
  readonly world: SimWorld;
  readonly store: ObjectStore;
  readonly nodeName: string;
  /** Volumes that are not in use on this node: what it does to its own volumes harms only itself. */
  readonly others: () => readonly AzVolume[];
  /**
   * Volumes that this node has a replica of, and that no pod uses there: their disks are attached, and
   * another node writes them.
   */
  readonly replicas: () => readonly AzVolume[];
}

/** Repeats it until the fault ends. */
function acting(round: Round): BeginFault {
  return ({ world, later }, { nodeName }) => {
    let isOver = false;
    const had = new Set<string>();
    const thief: Thief = {
      world,
      nodeName,
      store: world.store.handle(stolenToken(nodeName)),
      others: () => othersVolumes(world, nodeName, had),
      replicas: () => replicasOn(world, nodeName),
    };
    const act = (): void => {
      if (isOver) return;
      round(thief).catch((error: unknown) =>
        world.report({ invariant: "crashed", detail: `a fault: ${String(error)}` }),
      );
      later(ROUND_MS, act);
    };
    act();
    return () => {
      isOver = true;
    };
  };
}

/**
 * Neither a pod of the volume is there, nor its disk in Azure, nor an attachment of the driver that the
 * thief has not created. Nor is the node unverified while there was such an attachment since the record was
 * made: a node that had the disk then may reclaim until Azure shows it to be detached (ADR 0028). `had` keeps
 * these between calls.
 */
function othersVolumes(world: SimWorld, nodeName: string, had: Set<string>): readonly AzVolume[] {
  const pods = disksOfPodsOn(world, nodeName);
  const attached = new Set(
    world.store
      .objects("AzVolumeAttachment")
      .flatMap(({ spec, status }) =>
        spec.nodeName === nodeName && status !== undefined ? spec.volumeName : [],
      ),
  );
  return world.store.objects("AzVolume").filter(({ metadata, status }) => {
    const diskUri = status?.detail?.diskUri.toLowerCase();
    const record = `${metadata.uid} ${status?.record?.storeIncarnation}`;
    if (attached.has(metadata.name)) had.add(record);
    return (
      diskUri !== undefined &&
      !pods.has(diskUri) &&
      !attached.has(metadata.name) &&
      !(had.has(record) && isNamed(status?.record, nodeName, "unverified")) &&
      status?.record?.writer?.nodeName !== nodeName
    );
  });
}

function disksOfPodsOn(world: SimWorld, nodeName: string): ReadonlySet<string | undefined> {
  const pods = world.cluster.pods().filter((pod) => pod.nodeName === nodeName);
  return new Set(pods.map((pod) => world.cluster.diskUriOf(pod.volumeName)?.toLowerCase()));
}

function replicasOn(world: SimWorld, nodeName: string): readonly AzVolume[] {
  const pods = disksOfPodsOn(world, nodeName);
  const own = world.store
    .objects("AzVolumeAttachment")
    .filter(({ spec, status }) => spec.nodeName === nodeName && status?.state === "Attached");
  const names = new Set(own.map(({ spec }) => spec.volumeName));
  return world.store.objects("AzVolume").filter(({ metadata, status }) => {
    const { record, detail } = status ?? {};
    if (
      record === undefined ||
      detail === undefined ||
      !names.has(metadata.name) ||
      pods.has(detail.diskUri.toLowerCase())
    )
      return false;
    return !isNamed(record, nodeName, "writer", "fencing", "unverified");
  });
}

/** Requests volumes for which no pod has come to the node. */
const requestsEverything: Round = async ({ world, store, nodeName, others, replicas }) => {
  const since = "1970-01-01T00:00:00.000Z";
  for (const { metadata, status } of [...others(), ...replicas()]) {
    const volumeId = status?.detail?.diskUri ?? "";
    const spec = {
      volumeName: metadata.name,
      volumeId,
      nodeName,
      role: "Primary",
      writerRequest: { since },
      readOnly: false,
      volumeContext: {},
    } as const;
    const present = world.store
      .objects("AzVolumeAttachment")
      .find((other) => other.metadata.name === attachmentObjectName({ diskUri: volumeId, nodeName }));
    await (present === undefined
      ? store.create("AzVolumeAttachment", newAttachment(spec), never)
      : store.update(
          "AzVolumeAttachment",
          { ...present, spec: { ...present.spec, role: "Primary", writerRequest: { since } } },
          never,
        ));
  }
};

/**
 * Creates attachments that look like those of other nodes, other disks, other volumes and absent volumes,
 * as far as their names are admitted.
 */
const squats: Round = async ({ world, store, nodeName, others }) => {
  const volumes = others();
  for (const [index, { metadata, status }] of volumes.entries()) {
    const volumeId = status?.detail?.diskUri ?? "";
    const another =
      index % 2 === 0
        ? `no-${metadata.name}`
        : (volumes[(index + 1) % volumes.length]?.metadata.name ?? metadata.name);
    const made = newAttachment({
      volumeName: another,
      volumeId,
      nodeName,
      role: "Primary",
      writerRequest: { since: toTimestamp(world.clock.nowMs()) },
      readOnly: false,
      volumeContext: {},
    });
    await store.create("AzVolumeAttachment", made, never);
    for (const victim of world.cluster.nodes()) {
      const name = attachmentObjectName({ diskUri: volumeId, nodeName: victim.name });
      await store.create("AzVolumeAttachment", { ...made, metadata: { ...made.metadata, name } }, never);
    }
  }
};

/**
 * Reports checkpoints of every volume, with epochs that leave no room, and, while that is still believed,
 * a rollback; then reclaims what it can.
 */
const reclaimsEverything: Round = async ({ world, store, nodeName, others }) => {
  const own = world.store.objects("AzDriverNode").find(({ metadata }) => metadata.name === nodeName);
  if (own?.status === undefined) return;
  const volumes = others();
  const claimed = volumes.map(({ metadata: { name, uid } }, index) => ({
    volumeName: name,
    uid,
    epoch: index % 2 === 0 ? COUNTER_MAX : 1_000,
  }));
  const status = {
    ...own.status,
    volumes: [...own.status.volumes, ...claimed],
    conditions: [...own.status.conditions, ...reportOf(world, own)],
  };
  await store.updateStatus("AzDriverNode", { ...own, status }, never);
  for (const volume of volumes)
    await reclaimBlindly(store, volume, {
      nodeName,
      vmId: own.status.vmId,
      instanceUri: own.status.instanceUri,
    });
};

/** A node whose report is no longer believed waits for ten minutes itself, and so do its own pods. */
function reportOf(world: SimWorld, own: AzDriverNode): NonNullable<AzDriverNode["status"]>["conditions"] {
  const lease = world.store.objects("Lease")[0];
  const isTried =
    lease?.metadata.annotations?.[LONE_REPORTS_ANNOTATION]?.includes(`"${own.metadata.name}"`) === true;
  if (
    lease === undefined ||
    isTried ||
    own.status?.conditions.some(({ type }) => type === STORE_ROLLED_BACK) === true
  )
    return [];
  const reason = rolledBackReason(storeIncarnationOf(lease));
  return [
    {
      type: STORE_ROLLED_BACK,
      status: "True",
      reason,
      message: "a lie",
      lastTransitionTime: toTimestamp(world.clock.nowMs()),
    },
  ];
}

/** With the uid in the entry: the policy refuses any other. */
async function reclaimBlindly(store: ObjectStore, volume: AzVolume, node: NodeIdentity): Promise<void> {
  const record = volume.status?.record;
  if (volume.status === undefined || record === undefined || record.writer !== undefined) return;
  const epoch = record.epoch + 1;
  const nodes = record.nodes.filter(
    ({ nodeName, access }) => nodeName !== node.nodeName || access !== "unverified",
  );
  const reclaimed = {
    ...record,
    nodes,
    epoch,
    writer: { ...withUidFrom(nodesIn(record, "unverified"), node), epoch, held: true, requested: true },
  };
  await store.updateStatus("AzVolume", { ...volume, status: { ...volume.status, record: reclaimed } }, never);
}

/**
 * Reports whatever it may on its own attachments: missing devices, dead mounts of a volume that another node
 * has, and answers to recalls that were not sent.
 */
const misreports: Round = async ({ world, store, nodeName, replicas }) => {
  const names = new Set(replicas().map(({ metadata }) => metadata.name));
  const isIdle = ({ spec, status }: AzVolumeAttachment): boolean =>
    status?.state === "Pending" || (status?.state === "Attached" && names.has(spec.volumeName));
  const own = world.store
    .objects("AzVolumeAttachment")
    .filter((attachment) => attachment.spec.nodeName === nodeName && isIdle(attachment));
  for (const attachment of own) {
    if (attachment.status === undefined) continue;
    const recall = {
      id: "none",
      published: [],
      unmounting: true,
      progress: String(world.clock.elapsedMs()),
      time: toTimestamp(world.clock.nowMs()),
    };
    const record = world.store
      .objects("AzVolume")
      .find(({ metadata }) => metadata.name === attachment.spec.volumeName)?.status?.record;
    const mountProblems = (
      ["MountDead", "FileSystemErrors", "FileSystemRepaired", "WritesLost"] as const
    ).map((reason) => ({
      reason,
      epoch: record?.epoch ?? 0,
      since: recall.time,
      detail: `a lie\n${recall.progress}`,
    }));
    await store.updateStatus(
      "AzVolumeAttachment",
      { ...attachment, status: { ...attachment.status, recall, deviceMissing: true, mountProblems } },
      never,
    );
  }
};

/** A process on a node has stolen the node plug-in's token, and writes whatever the API server admits. */
export const malicious: FaultClass = {
  name: "malicious",
  about:
    "a process with a node's token writes what roles and admission policies allow: requests, names of " +
    "others, checkpoints, epochs, rollback reports, reclaims and which VM the node is, and tries to " +
    "move the entries of an earlier VM of its name",
  variants: {
    "requests-everything": { forMs: [10_000, 60_000], begin: acting(requestsEverything) },
    squats: { forMs: [10_000, 60_000], begin: acting(squats) },
    "reclaims-everything": { forMs: [20_000, 90_000], begin: acting(reclaimsEverything) },
    "lies-about-its-vm": { forMs: [20_000, 90_000], isDirected: true, begin: acting(liesAboutItsVm) },
    "takes-anothers-name": takesAnothersName,
    "takes-missing-nodes-name": takesMissingNodesName,
    misreports: { forMs: [10_000, 60_000], begin: acting(misreports) },
  },
};
