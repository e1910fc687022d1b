import assert from "node:assert/strict";
import {
  endWork,
  freeze,
  nothingLost,
  putToWork,
  release,
  type Stage,
  start,
  thawStaleWriter,
  untilAttached,
} from "../../demo/act-failovers.ts";
import type { LabNode } from "../../demo/lab/lab.ts";
import {
  committedByFsync,
  createVolume,
  type DemoVolume,
  deleteVolume,
  unpublishOnController,
  unpublishOnNode,
  unstage,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { listIn } from "../../src/core/testing/record-lists.ts";
import type { Snapshot } from "../../src/csi/gen/csi/v1/csi.ts";
import { changeSpec } from "../../src/objects/update-object.ts";
import { checkpointedEpochs } from "./noted-epochs.ts";

/** The lab in which one process is to die. */
export interface Trial extends Stage {
  /** The process that is to die, by its name in the lab. */
  readonly dying: string;
  /** Of the volume. */
  readonly fsType: "ext4" | "btrfs" | "xfs";
  /** Restarts that process; from then on it dies at its point. */
  arm(): Promise<void>;
}

/** A volume's lifecycle from its creation to its deletion. Each asserts that no synced data is lost. */
export type Life = (on: Trial, volumeName: string) => Promise<void>;

const GIB = 1024n ** 3n;
const ANSWER_MAX_MS = 120_000;
const RECLAIM_MAX_MS = 120_000;

/** Created, modified, grown, deleted. */
export const unused: Life = async (on, volumeName) => {
  await on.arm();
  const volume = await create(on, volumeName);
  const skuName = "StandardSSD_LRS";
  await on.timeline.measure("ControllerModifyVolume", () =>
    on.lab.controller.controllerModifyVolume({
      volumeId: volume.volumeId,
      mutableParameters: { skuName, networkAccessPolicy: "AllowAll", tags: "tier=next" },
      secrets: {},
    }),
  );
  await on.timeline.measure("the request leaves the spec, which shows what Azure has", () =>
    waitUntil("the modification to end", ANSWER_MAX_MS, async () => {
      const listed = await on.lab.store.list("AzVolume", {}, on.signal);
      assert.ok(listed.ok);
      const spec = listed.value.items.find((object) => object.spec.volumeName === volumeName)?.spec;
      if (spec === undefined || spec.modification !== undefined) return undefined;
      const { networkAccessPolicy, tags } = spec.disk;
      assert.deepEqual([spec.disk.skuName, networkAccessPolicy, tags["tier"]], [skuName, "AllowAll", "next"]);
      return true;
    }),
  );
  await on.timeline.measure("ControllerExpandVolume", () =>
    on.lab.controller.controllerExpandVolume({
      volumeId: volume.volumeId,
      capacityRange: { requiredBytes: 2n * GIB, limitBytes: 0n },
      secrets: {},
      volumeCapability: undefined,
    }),
  );
  await remove(on, volume);
};

/**
 * Snapshots are taken of it, here and in another region, until they are ready; a repeated call answers the
 * same one. All are deleted.
 */
export const snapshotted: Life = async (on, volumeName) => {
  await on.arm();
  const volume = await create(on, volumeName);
  const made: string[] = [];
  for (const location of ["eastus", "westus"]) {
    const { snapshotId, creationTime } = await snapshot(on, volume, location);
    assert.deepEqual((await snapshot(on, volume, location)).creationTime, creationTime);
    made.push(snapshotId);
  }
  assert.deepEqual((await on.lab.emulator.snapshots()).toSorted(), made.toSorted());
  for (const snapshotId of made)
    await on.timeline.measure("DeleteSnapshot", () =>
      on.lab.controller.deleteSnapshot({ snapshotId, secrets: {} }),
    );
  await remove(on, volume);
};

/** Written on node-a, replicated, moved regularly to node-b. */
export const moved: Life = async (on, volumeName) => {
  await on.arm();
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  const lastSynced = await endWork(work);
  await release(on, volume, a, "move");
  await start(on, volume, b, "move");
  assert.ok(
    await nothingLost(b, volume, work.checksums, lastSynced),
    "what was synced on node-a is not on node-b",
  );
  await release(on, volume, b, "end");
  await remove(on, volume);
};

/**
 * Unpublished from a healthy node whose workload is gone, without an unstage call: recalled, and then
 * moved.
 */
export const recalled: Life = async (on, volumeName) => {
  await on.arm();
  const { lab, timeline } = on;
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  const lastSynced = await endWork(work);
  await lab.orchestrator.removeUser(a.name, volume.volumeId);
  const unpublished = timeline.measure("recall: ControllerUnpublishVolume", () =>
    unpublishOnController(lab, volume, a),
  );
  const unbound = timeline.measure("recall: answered, then NodeUnpublishVolume", async () => {
    await untilRecallAnswered(on, volume, a);
    await unpublishOnNode(lab, volume, a);
  });
  await Promise.all([unpublished, unbound]);
  await timeline.measure("recall: NodeUnstageVolume, late", () => unstage(volume, a));
  await start(on, volume, b, "move");
  assert.ok(
    await nothingLost(b, volume, work.checksums, lastSynced),
    "what was synced on node-a is not on node-b",
  );
  await release(on, volume, b, "end");
  await remove(on, volume);
};

/**
 * node-a freezes with the volume mounted. It is fenced, node-b becomes the writer, and node-a comes back
 * and cannot write.
 */
export const fenced: Life = async (on, volumeName) => {
  await on.arm();
  const { lab, timeline } = on;
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const { checksums, writer } = await putToWork(on, volume, a);
  await timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  await writer.untilSynced(writer.lastSynced() + 1);
  await freeze(a, writer);
  const lastSynced = writer.lastSynced();
  await lab.orchestrator.setOutOfService(a.name, true);
  await timeline.measure("forced: ControllerUnpublishVolume", () => unpublishOnController(lab, volume, a));
  await start(on, volume, b, "forced");
  assert.ok(
    await nothingLost(b, volume, checksums, lastSynced),
    "what was synced on node-a is not on node-b",
  );
  await release(on, volume, b, "pause");
  const { fsync, ...found } = await thawStaleWriter(on, volume, a, writer);
  assert.match(fsync, /^(?:EIO|EROFS)$/u);
  assert.deepEqual(found, { diskUnchanged: true, fileSystem: "clean", restartedContainer: "EROFS" });
  await start(on, volume, b, "resume");
  assert.ok(
    await nothingLost(b, volume, checksums, lastSynced),
    "what was synced on node-a is no longer on node-b",
  );
  await release(on, volume, b, "end");
  await remove(on, volume);
};

/**
 * The store loses everything about the volume while node-a writes. node-a keeps writing, and the volume can
 * be moved again.
 */
export const lost: Life = async (on, volumeName) => {
  const { lab, signal, timeline } = on;
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  await forget(on, volume);
  await on.arm();
  // A controller starts with recovery.
  if (on.dying !== "controller") await lab.processes.get("controller")?.restart();
  await timeline.measure("lost: reclaimed and checkpointed by node-a, proven by the others", () =>
    waitUntil("node-a to reclaim the volume", RECLAIM_MAX_MS, async () => {
      const read = await lab.store.get("AzVolume", volume.name, signal);
      const record = read.ok ? read.value.status?.record : undefined;
      const noted = (await checkpointedEpochs(lab, a.name)).get(volume.name);
      return record?.writer?.nodeName === a.name &&
        record.writer.epoch === noted &&
        listIn(record, "unverified").length === 0
        ? true
        : undefined;
    }),
  );
  const lastSynced = await endWork(work);
  await release(on, volume, a, "move");
  await start(on, volume, b, "move");
  assert.ok(
    await nothingLost(b, volume, work.checksums, lastSynced),
    "what was synced on node-a is not on node-b",
  );
  await release(on, volume, b, "end");
  await remove(on, volume);
};

/**
 * The store loses everything about the volume, which three nodes have attached and none uses. It can be
 * moved again, and leaves nothing behind.
 */
export const abandoned: Life = async (on, volumeName) => {
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  const lastSynced = await endWork(work);
  await release(on, volume, a, "first");
  await forget(on, volume);
  await on.arm();
  await on.timeline.measure("lost: rediscovered, on three nodes", () =>
    untilAttached(on, volume, ["node-a", "node-b", "node-c"]),
  );
  await start(on, volume, b, "move");
  assert.ok(
    await nothingLost(b, volume, work.checksums, lastSynced),
    "what was synced on node-a is not on node-b",
  );
  await release(on, volume, b, "end");
  await remove(on, volume);
};

/** Removes the volume's objects, finalizers included, as a lost store does. */
async function forget(on: Trial, volume: DemoVolume): Promise<void> {
  const { store } = on.lab;
  const attachments = await store.list("AzVolumeAttachment", {}, on.signal);
  assert.ok(attachments.ok);
  const names = attachments.value.items
    .filter((attachment) => attachment.spec.volumeName === volume.name)
    .map((attachment) => attachment.metadata.name);
  for (const target of [
    { kind: "AzVolume", name: volume.name } as const,
    ...names.map((name) => ({ kind: "AzVolumeAttachment", name }) as const),
  ]) {
    const freed = await changeSpec(
      store,
      target,
      (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }),
      on.signal,
    );
    assert.ok(freed.ok, `${target.kind} ${target.name} keeps its finalizers`);
    assert.ok((await store.delete(target.kind, target.name, {}, on.signal)).ok);
  }
}

/** The lab's node of that name. */
export function node(on: Stage, name: string): LabNode {
  const found = on.lab.nodes.get(name);
  assert.ok(found, `the lab has no ${name}`);
  return found;
}

/** Makes an empty volume of 1 GiB that three nodes can share. */
export function create(on: Trial, name: string): Promise<DemoVolume> {
  return on.timeline.measure("CreateVolume", () =>
    createVolume(on.lab, {
      name,
      sizeGiB: 1n,
      parameters: { skuName: "Premium_LRS", maxShares: "3" },
      zones: ["eastus-1"],
      capability: committedByFsync(on.fsType),
    }),
  );
}

/** The snapshot in a region, once it is ready. */
export function snapshot(on: Stage, volume: DemoVolume, location: string): Promise<Snapshot> {
  return on.timeline.measure(`CreateSnapshot in ${location}`, () =>
    waitUntil("the snapshot to be ready", ANSWER_MAX_MS, async () => {
      const answer = await on.lab.controller.createSnapshot({
        name: `${volume.name}-${location}`,
        sourceVolumeId: volume.volumeId,
        parameters: { location },
        secrets: {},
        accessibilityRequirements: undefined,
      });
      return answer.snapshot?.readyToUse === true ? answer.snapshot : undefined;
    }),
  );
}

/** Deletes the volume. */
export function remove(on: Stage, volume: DemoVolume): Promise<void> {
  return on.timeline.measure("DeleteVolume", () => deleteVolume(on.lab, volume));
}

async function untilRecallAnswered(on: Stage, volume: DemoVolume, holder: LabNode): Promise<void> {
  await waitUntil(`${holder.name} to answer the recall`, ANSWER_MAX_MS, async () => {
    const listed = await on.lab.store.list("AzVolumeAttachment", {}, on.signal);
    assert.ok(listed.ok);
    const own = listed.value.items.find(
      (attachment) =>
        attachment.spec.nodeName === holder.name &&
        attachment.spec.volumeId.toLowerCase() === volume.volumeId.toLowerCase(),
    );
    return own?.spec.recall !== undefined && own.status?.recall?.id === own.spec.recall.id ? true : undefined;
  });
}
