import { aDriverNode } from "../../../src/controller/testing/a-driver-node.ts";
import type { AzDriverNode } from "../../../src/core/api/az-driver-node.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { attachmentObjectName } from "../../../src/core/api/object-names.ts";
import { heartbeatDelayMs } from "../../../src/core/election/heartbeat-delay.ts";
import { ok, type Result } from "../../../src/core/failure/result.ts";
import { toTimestamp } from "../../../src/core/primitives/timestamp.ts";
import { settings } from "../../../src/core/testing/objects.ts";
import { isNamed } from "../../../src/core/writer/record/record-nodes.ts";
import { reclaim } from "../../../src/core/writer/record/writer-steps.ts";
import { noSteps } from "../../../src/csi/testing/no-steps.ts";
import { followStore } from "../../../src/objects/cache/follow-store.ts";
import { changeStatus } from "../../../src/objects/update-object.ts";
import { updateRecord } from "../../../src/objects/update-record.ts";
import { requestWriter } from "../../../src/objects/writer-request.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import type { ObjectStore } from "../../../src/ports/store/object-store.ts";
import { silentLogger } from "../../../src/ports/testing/silent-logger.ts";
import { ControlLoop, type Reconciled } from "../../../src/runtime/queue/control-loop.ts";
import { VOLUMES_MAX } from "../place.ts";
import { mustAnswer } from "../virtual-driver.ts";

/** A node whose pods use each disk of its VM. */
export interface FleetNode extends NodeIdentity {
  readonly disks: readonly FleetDisk[];
}

/** A disk, and the name of its AzVolume. */
export interface FleetDisk {
  readonly diskUri: string;
  readonly volumeName: string;
}

/** What the store shows of the fleet's volumes, each a number of them. */
export interface FleetState {
  /** Volumes whose record names their node: as its writer, or as one that may write. */
  readonly named: number;
  /** Volumes whose node holds them as the writer, and whose attachment is the attached primary. */
  readonly held: number;
}

/**
 * Node plug-ins of one process, which do to the object store what those of a cluster do: each registers, and
 * reports its mounts with its heartbeats, at the pace for so many nodes, and at once to a new leader. It
 * reclaims the volumes that its pods use as soon as their records let it.
 */
export interface NodeFleet {
  /** Throws what has stopped one of its loops. */
  readonly state: () => FleetState;
  /** Successful writes to the store. */
  readonly writes: () => number;
  readonly stop: () => Promise<void>;
}

interface FleetPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
}

const AT_ONCE = 16;
const HEARTBEAT_MS = 10_000;
/** In the nodes' checkpoints, which outlast the object store. */
const EPOCH = 7;
const UID_OF_LOST = "11f0a1c2-3a52-4c57-9d1e-6f0f6a2b7c11";

/** Registers the nodes, each with a ClusterNode that names its users, and starts them. */
export async function startNodeFleet(
  { store: counted, clock, random }: FleetPorts,
  nodes: readonly FleetNode[],
): Promise<NodeFleet> {
  const ending = new AbortController();
  const { signal } = ending;
  const { store: counting, writes } = countWrites(counted);
  const { store, cache } = followStore({
    store: counting,
    clock,
    random,
    logger: silentLogger,
    kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode", "Lease"],
  });
  const byVolume = new Map(
    nodes.flatMap((node) =>
      node.disks.map(({ volumeName, diskUri }) => {
        const attachmentName = attachmentObjectName({ diskUri, nodeName: node.nodeName });
        return [volumeName, { node, attachmentName }] as const;
      }),
    ),
  );
  const beat = async (node: FleetNode): Promise<void> => {
    const beaten = await changeStatus(
      store,
      { kind: "AzDriverNode", name: node.nodeName },
      (present) => ({ ...present, status: heartbeatOf(node, present) }),
      signal,
    );
    // On a busy machine the store may answer too late; the next heartbeat follows.
    if (!beaten.ok && beaten.failure.kind !== "StoreUnavailable") mustAnswer(beaten);
  };
  const delayMs = heartbeatDelayMs(nodes.length, settings.heartbeatsPerSecond);
  const heartbeatOf = (node: FleetNode, { status }: AzDriverNode): AzDriverNode["status"] =>
    aDriverNode(node.nodeName, {
      ...status,
      lastHeartbeatTime: toTimestamp(clock.nowMs()),
      heartbeat: (status?.heartbeat ?? 0) + 1,
      heartbeatDelayMs: delayMs,
      readyForVolumeAllocation: true,
      statusMessage: "",
      maxVolumes: VOLUMES_MAX,
      zone: "",
      vmId: node.vmId,
      instanceUri: node.instanceUri,
      volumes: node.disks.map(({ volumeName }) => {
        const volume = cache.get("AzVolume", volumeName);
        const epoch = volume?.status?.record?.writer?.epoch ?? EPOCH;
        return { volumeName, uid: volume?.metadata.uid ?? UID_OF_LOST, epoch };
      }),
    }).status;
  const loop = new ControlLoop(
    {
      name: "reclaim",
      workers: AT_ONCE,
      backoff: { baseMs: 200, maxMs: 5_000 },
      reconcile: async (volumeName): Promise<Reconciled> => {
        const volume = cache.get("AzVolume", volumeName);
        const node = byVolume.get(volumeName)?.node;
        if (volume === undefined || node === undefined || !mayReclaim(volume, node)) return ok({});
        const asked = await requestWriter(
          { store, clock, steps: noSteps },
          { volume, nodeName: node.nodeName, volumeContext: {} },
          signal,
        );
        if (!asked.ok) return asked;
        const updated = await updateRecord(
          { store, steps: noSteps },
          { volumeName, nodeName: node.nodeName, step: "reclaim", volumeRead: volume },
          (record) => reclaim(record, node, EPOCH),
          signal,
        );
        return updated.ok ? ok({}) : updated;
      },
    },
    { clock, random, logger: silentLogger },
  );
  let leader: string | undefined;
  const running: Promise<unknown>[] = [];
  let broken: Error | undefined;
  const run = (work: Promise<unknown>): void => {
    const watched = work.catch((reason: unknown) => {
      if (!signal.aborted) broken ??= new Error("the fleet has stopped", { cause: reason });
    });
    running.push(watched);
  };
  run(cache.run(signal));
  run(loop.run(signal));
  await cache.untilSynced(signal);
  await each(nodes, (node) => register(store, node, signal));
  await each(nodes, beat);
  cache.onChange((change) => {
    if (change.kind === "AzVolume") loop.queue.add(change.name);
    if (change.kind !== "Lease") return;
    const holder = change.current?.spec.holderIdentity;
    if (holder === leader) return;
    leader = holder;
    if (leader !== "") run(each(nodes, beat));
  });
  const startedMs = clock.elapsedMs();
  const beatEveryMs = (HEARTBEAT_MS + delayMs) / nodes.length;
  // A write that takes long delays no other node.
  const beatInTurn = async (first: number): Promise<void> => {
    for (let turn = first; ; turn += AT_ONCE) {
      const dueMs = startedMs + turn * beatEveryMs;
      await clock.sleep(Math.max(0, dueMs - clock.elapsedMs()), signal);
      const node = nodes[turn % nodes.length];
      if (node !== undefined) await beat(node);
    }
  };
  for (let first = 0; first < AT_ONCE; first++) run(beatInTurn(first));
  return {
    state: () => {
      if (broken !== undefined) throw broken;
      let [named, held] = [0, 0];
      for (const [volumeName, { node, attachmentName }] of byVolume) {
        const record = cache.get("AzVolume", volumeName)?.status?.record;
        if (isNamed(record, node, "writer", "unverified")) named++;
        const attachment = cache.get("AzVolumeAttachment", attachmentName);
        const isAttached = attachment?.status?.state === "Attached" && attachment.spec.role === "Primary";
        if (isAttached && record?.writer?.held === true && isNamed(record, node, "writer")) held++;
      }
      return { named, held };
    },
    writes,
    stop: async () => {
      ending.abort(new Error("the fleet stops"));
      await Promise.all(running);
    },
  };
}

/** As the node plug-in judges: its pods have the volume mounted. */
function mayReclaim({ status }: AzVolume, node: FleetNode): boolean {
  const record = status?.record;
  return (
    record?.writer === undefined &&
    isNamed(record, node, "confirmed") &&
    !isNamed(record, node, "fencing", "barrierPending")
  );
}

async function register(store: ObjectStore, node: FleetNode, signal: AbortSignal): Promise<void> {
  const { nodeName, instanceUri, disks } = node;
  mustAnswer(
    await store.create("AzDriverNode", { metadata: { name: nodeName }, spec: { nodeName } }, signal),
  );
  const volumeUsers = disks.map(({ diskUri, volumeName }) => ({
    volumeId: diskUri,
    user: `default/${volumeName}`,
  }));
  const spec = { outOfService: false, unschedulable: false, instanceUri, volumeUsers };
  mustAnswer(await store.create("ClusterNode", { metadata: { name: nodeName }, spec }, signal));
}

/** Calls `act` for each, a few at once. */
async function each<T>(all: readonly T[], act: (one: T) => Promise<unknown>): Promise<void> {
  const left = all.values();
  const worker = async (): Promise<void> => {
    for (const one of left) await act(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function countWrites(store: ObjectStore): { readonly store: ObjectStore; readonly writes: () => number } {
  let writes = 0;
  const counted = async <T>(writing: Promise<Result<T>>): Promise<Result<T>> => {
    const written = await writing;
    if (written.ok) writes++;
    return written;
  };
  return {
    store: {
      ...store,
      create: (...call) => counted(store.create(...call)),
      update: (...call) => counted(store.update(...call)),
      updateStatus: (...call) => counted(store.updateStatus(...call)),
      delete: (...call) => counted(store.delete(...call)),
    },
    writes: () => writes,
  };
}
