import assert from "node:assert/strict";
import { it } from "node:test";
import { status } from "@grpc/grpc-js";
import { freeze, thaw } from "../../demo/act-failovers.ts";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  publishOnController,
  publishOnNode,
  publishRequest,
  unpublishOnController,
  unpublishOnNode,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, recordsHold, startWriter, writeFiles } from "../../demo/workload.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import { changeSpec } from "../../src/objects/update-object.ts";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";
import { comesToFailWith, outcomeOf } from "./csi-failure.ts";
import { followRecord, noneQuarantined } from "./record-history.ts";
import { createRequest, nodePublishRequest } from "./requests.ts";
import { bringUp, takeDown, takeDownAfterFence, untilReplicated, untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;
const UNMOUNT_STALL_MS = 1_500;
/** The time limit of a call that can't succeed. */
const PATIENCE_MS = 1_500;

async function newVolume({ lab }: LabWorld, name: string): Promise<DemoVolume> {
  return createVolume(lab, {
    name,
    sizeGiB: 1n,
    parameters: { skuName: "Premium_LRS", maxShares: "2" },
    zones: ["eastus-1"],
  });
}

async function unpublishWithin({ lab }: LabWorld, volume: DemoVolume, nodeName: string): Promise<unknown> {
  return lab.controller.controllerUnpublishVolume(
    { volumeId: volume.volumeId, nodeId: nodeName, secrets: {} },
    { timeoutMs: PATIENCE_MS },
  );
}

async function cleanUp({ lab }: LabWorld, volume: DemoVolume): Promise<void> {
  await untilServed(() => deleteVolume(lab, volume));
}

async function keepsHealthyUser(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "guarded");
  await bringUp(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await untilReplicated(world, volume);
  const history = await followRecord(lab, volume.name, signal);
  await comesToFailWith(
    () => unpublishWithin(world, volume, "node-a"),
    "FAILED_PRECONDITION",
    "node-a",
    "pod/writer-of-guarded",
  );
  await comesToFailWith(
    () => publishOnController(lab, volume, node("node-b")),
    "FAILED_PRECONDITION",
    "node-a",
    "pod/writer-of-guarded",
  );
  await writer.untilSynced(writer.lastSynced() + 10);
  assert.ok(
    history.records.every(
      (record) => record.writer?.nodeName === "node-a" && record.writer.held && record.fencing === undefined,
    ),
  );
  await writer.process.stop(STOP_GRACE_MS);
  await takeDown(lab, volume, node("node-a"));
  await bringUp(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));
  assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
  await takeDown(lab, volume, node("node-b"));
  await history.stop();
  await cleanUp(world, volume);
}

async function waitsForFrozenNode(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "suspected");
  await bringUp(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  const history = await followRecord(lab, volume.name, signal);
  await freeze(node("node-a"), writer);
  await lab.orchestrator.removeUser("node-a", volume.volumeId);
  await comesToFailWith(
    () => unpublishWithin(world, volume, "node-a"),
    "UNAVAILABLE",
    "node-a",
    "mark it out of service",
  );
  await comesToFailWith(
    () => unpublishWithin(world, volume, "node-a"),
    "UNAVAILABLE",
    "node-a",
    "mark it out of service",
  );
  assert.ok(
    history.records.every((record) => record.fencing === undefined),
    "no node is fenced on suspicion",
  );
  thaw(node("node-a"), writer);
  await writer.untilSynced(writer.lastSynced() + 3);
  await writer.process.stop(STOP_GRACE_MS);
  await takeDown(lab, volume, node("node-a"));
  assert.ok(
    history.records.every((record) => record.fencing === undefined),
    "it only took longer",
  );
  await history.stop();
  await cleanUp(world, volume);
}

/**
 * Without an unstage call the node releases the volume on recall, and stages again by itself when it is
 * published again.
 */
async function stagesAgain(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "recalled");
  await bringUp(lab, volume, node("node-a"));
  const checksums = await writeFiles(node("node-a"), volume);
  await untilServed(() => unpublishOnNode(lab, volume, node("node-a")));
  await untilServed(() => unpublishOnController(lab, volume, node("node-a")));
  assert.equal((await readRecord(lab, volume, signal))?.writer, undefined);
  const context = await untilServed(() => publishOnController(lab, volume, node("node-a")));
  await untilServed(() => publishOnNode(volume, node("node-a"), context));
  assert.ok(await checksumsHold(node("node-a"), volume, checksums));
  await takeDown(lab, volume, node("node-a"));
  await cleanUp(world, volume);
}

/** No workload uses it on node-a any more, and no call has reported that. */
async function releasesLeakedHolder(world: LabWorld): Promise<void> {
  const { lab, node } = world;
  const volume = await newVolume(world, "leaked");
  await bringUp(lab, volume, node("node-a"));
  const checksums = await writeFiles(node("node-a"), volume);
  await untilServed(() => unpublishOnNode(lab, volume, node("node-a")));
  await untilServed(() => publishOnController(lab, volume, node("node-b")), [status.FAILED_PRECONDITION]);
  await bringUp(lab, volume, node("node-b"));
  assert.ok(await checksumsHold(node("node-b"), volume, checksums));
  await untilServed(() => unpublishOnController(lab, volume, node("node-a")));
  await takeDown(lab, volume, node("node-b"));
  await cleanUp(world, volume);
}

/**
 * Node-b's attachment changes all the time, as others do in a cluster. The controller counts only time in
 * which its watch is active, and the watch is quiet for ten seconds otherwise.
 */
async function chatter({ lab, signal }: LabWorld, volume: DemoVolume, isOver: () => boolean): Promise<void> {
  const name = (await attachedNodes(lab, volume, signal)).get("node-b")?.metadata.name ?? "";
  let count = 0;
  await waitUntil("the fence", WAIT_MAX_MS, async () => {
    count += 1;
    const metadata = (present: AzVolumeAttachment): AzVolumeAttachment["metadata"] => ({
      ...present.metadata,
      annotations: { chatter: String(count) },
    });
    const changed = await changeSpec(
      lab.store,
      { kind: "AzVolumeAttachment", name },
      (present) => ({ ...present, metadata: metadata(present) }),
      signal,
    );
    assert.ok(changed.ok);
    return isOver() ? true : undefined;
  });
}

/**
 * The orchestrator no longer has the workload, but its mount stays and prevents the release: after a while
 * without progress the node is fenced.
 */
async function fencesStalledUnmount(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "stalled");
  await bringUp(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await untilReplicated(world, volume);
  const history = await followRecord(lab, volume.name, signal);
  // It writes nothing any more, but holds its file open.
  await freezeProcess(writer.process.pid);
  await lab.orchestrator.removeUser("node-a", volume.volumeId);
  await Promise.all([
    unpublishOnController(lab, volume, node("node-a")),
    chatter(world, volume, () => history.records.some((record) => record.fencing !== undefined)),
  ]);
  const fenced = await history.untilSeen(
    "the fence of node-a",
    (record) => record.fencing?.nodeName === "node-a",
  );
  assert.equal(history.records[fenced]?.writer?.requested, false);
  await bringUp(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));
  writer.process.kill("SIGCONT");
  assert.match(
    await writer.process.untilLine((line) => line.startsWith("failed "), WAIT_MAX_MS),
    /^failed (?:EIO|EROFS)$/u,
  );
  await writer.process.stop(STOP_GRACE_MS);
  await waitUntil("node-a to have cleaned up", WAIT_MAX_MS, async () =>
    noneQuarantined(await readRecord(lab, volume, signal)),
  );
  await takeDownAfterFence(lab, volume, node("node-a"));
  await takeDown(lab, volume, node("node-b"));
  await history.stop();
  await cleanUp(world, volume);
}

/** A DaemonSet update or crash of the plug-in does not affect mounts or their writers. */
async function outlivesPlugin(world: LabWorld, end: "SIGTERM" | "SIGKILL"): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, `outlives-${end.toLowerCase()}`);
  await bringUp(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  const history = await followRecord(lab, volume.name, signal);
  node("node-a").process.kill(end);
  await lab.processes.get("node-a")?.restart();
  await writer.untilSynced(writer.lastSynced() + 10);
  await bringUp(lab, volume, node("node-a"));
  await writer.untilSynced(writer.lastSynced() + 3);
  assert.deepEqual(history.writers(), ["node-a@1"]);
  await writer.process.stop(STOP_GRACE_MS);
  await takeDown(lab, volume, node("node-a"));
  await bringUp(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));
  await takeDown(lab, volume, node("node-b"));
  await history.stop();
  await cleanUp(world, volume);
}

/** During a store outage no writer can change; the present writer continues. */
async function outlivesStoreOutage(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "outage");
  await bringUp(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await lab.processes.get("store")?.child.stop(STOP_GRACE_MS);
  const outcomes = [
    lab.controller.createVolume(createRequest({ name: "not-now" }), { timeoutMs: PATIENCE_MS }),
    lab.controller.controllerPublishVolume(publishRequest(volume, node("node-b")), {
      timeoutMs: PATIENCE_MS,
    }),
    node("node-a").csi.nodePublishVolume(nodePublishRequest(volume, node("node-a")), {
      timeoutMs: PATIENCE_MS,
    }),
  ];
  for (const call of outcomes.map(outcomeOf))
    assert.match((await call).code, /^(?:UNAVAILABLE|DEADLINE_EXCEEDED)$/u);
  await writer.untilSynced(writer.lastSynced() + 10);
  await lab.processes.get("store")?.restart();
  const record = await readRecord(lab, volume, signal);
  assert.ok(
    record?.writer?.nodeName === "node-a" &&
      record.writer.held &&
      record.writer.requested &&
      record.fencing === undefined,
  );
  await writer.untilSynced(writer.lastSynced() + 10);
  await writer.process.stop(STOP_GRACE_MS);
  await takeDown(lab, volume, node("node-a"));
  await bringUp(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));
  await takeDown(lab, volume, node("node-b"));
  await cleanUp(world, volume);
}

it("volumes that an orchestrator publishes", async (t) => {
  await withLab(t, { vms, controllerFlags: [`--unmount-stall-ms=${UNMOUNT_STALL_MS}`] }, async (world) => {
    await t.test("a healthy user is never fenced, neither by unpublish nor by a publish elsewhere", () =>
      keepsHealthyUser(world),
    );
    await t.test("a frozen node is waited for, and the caller receives the remedy", () =>
      waitsForFrozenNode(world),
    );
    await t.test("a node that was recalled stages again when it is published again", () =>
      stagesAgain(world),
    );
    await t.test("a node without a user of the volume releases it for another", () =>
      releasesLeakedHolder(world),
    );
    await t.test("a node whose unmount makes no progress is fenced", () => fencesStalledUnmount(world));
    await t.test("a writer outlives an outage of the store", () => outlivesStoreOutage(world));
    await t.test("a writer outlives its node plug-in's update", () => outlivesPlugin(world, "SIGTERM"));
    await t.test("a writer outlives its node plug-in's crash", () => outlivesPlugin(world, "SIGKILL"));
  });
});
