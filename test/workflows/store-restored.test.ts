import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { status } from "@grpc/grpc-js";
import type { Lab, LabNode } from "../../demo/lab/lab.ts";
import { attachedNodes } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  publishOnController,
  stagingPath,
  targetPath,
  unpublishOnController,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, recordsHold, startWriter, writeFiles } from "../../demo/workload.ts";
import { annotatedNumber, CONTROLLER_LEASE, COUNTER_ANNOTATION } from "../../src/core/api/lease.ts";
import { comesToFailWith } from "./csi-failure.ts";
import { followRecord } from "./record-history.ts";
import { copyStore } from "./store/copy-store.ts";
import { bringUp, takeDown, untilServed } from "./volume-use.ts";
import { withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

/** The counters that rise until a rollback of the store: the leader's, then each node's. */
async function counters(lab: Lab, signal: AbortSignal): Promise<readonly number[]> {
  const nodes = await lab.store.list("AzDriverNode", {}, signal);
  if (!nodes.ok) throw new Error(nodes.failure.kind);
  const lease = await lab.store.get("Lease", CONTROLLER_LEASE, signal);
  return [
    lease.ok ? annotatedNumber(lease.value, COUNTER_ANNOTATION) : 0,
    ...nodes.value.items.map((node) => node.status?.heartbeat ?? 0),
  ];
}

/** The mounts of a volume on a node: their paths and ids. A new mount does not soon reuse an id. */
async function mountsOf(volume: DemoVolume, node: LabNode): Promise<readonly string[]> {
  const lines = (await readFile(`/proc/${node.mountsPid}/mountinfo`, "utf8"))
    .split("\n")
    .map((line) => line.split(" "));
  return lines
    .flatMap(([id = "", , , , path = ""]) =>
      path === stagingPath(node, volume) || path === targetPath(node, volume) ? [`${id} ${path}`] : [],
    )
    .toSorted();
}

it("after a rollback no volume is granted until every record is rebuilt", async (t) => {
  await withLab(t, { vms, losesStore: true }, async ({ lab, node, signal }) => {
    const volume = await createVolume(lab, {
      name: "restored",
      sizeGiB: 1n,
      parameters: { skuName: "Premium_LRS", maxShares: "2" },
      zones: ["eastus-1"],
    });
    // Another one is on node-b at first. Then it moves to node-a, whose workload has no file open: an
    // unmount would succeed, and interrupt it.
    const idle = await createVolume(lab, {
      name: "idle",
      sizeGiB: 1n,
      parameters: { skuName: "Premium_LRS" },
      zones: ["eastus-1"],
    });
    await bringUp(lab, idle, node("node-b"));
    const checksums = await writeFiles(node("node-b"), idle);
    await copyStore(lab, "store.db", "backup.db");
    const atBackup = await counters(lab, signal);
    await takeDown(lab, idle, node("node-b"));
    await bringUp(lab, idle, node("node-a"));
    const idleMounts = await mountsOf(idle, node("node-a"));
    await bringUp(lab, volume, node("node-a"));
    const writer = await startWriter(lab, node("node-a"), volume, 1);
    await waitUntil("every component to have renewed since the backup", WAIT_MAX_MS, async () => {
      const now = await counters(lab, signal);
      return now.every((counter, index) => counter > (atBackup[index] ?? 0)) ? true : undefined;
    });

    // A backup younger than one renewal is assumed not to happen. This one has no writer: a component that
    // trusted it would grant the disk to node-b while node-a writes.
    await copyStore(lab, "backup.db", "store.db");
    const [history, idleHistory] = [
      await followRecord(lab, volume.name, signal),
      await followRecord(lab, idle.name, signal),
    ];
    await lab.orchestrator.removeUser("node-b", idle.volumeId);
    for (const used of [volume, idle]) await lab.orchestrator.addUser("node-a", used.volumeId, "pod/writer");
    await comesToFailWith(
      () => publishOnController(lab, volume, node("node-b")),
      "FAILED_PRECONDITION",
      "node-a",
    );
    await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
    assert.deepEqual(
      history.writers(),
      ["node-a@2"],
      "the first holder is the present writer, under an epoch above the lost one",
    );
    assert.ok(
      history.records.every((record) => record.writer === undefined || record.storeIncarnation === 1),
      "nothing was granted in the old incarnation",
    );
    await writer.untilSynced(writer.lastSynced() + 20);

    await idleHistory.untilSeen(
      "node-a's reclaim of the idle volume",
      (record) => record.writer?.nodeName === "node-a" && record.storeIncarnation === 1,
    );
    assert.deepEqual(
      [...(await attachedNodes(lab, idle, signal)).keys()],
      ["node-a"],
      "an outdated LUN would lead node-b to another disk",
    );
    assert.deepEqual(
      await mountsOf(idle, node("node-a")),
      idleMounts,
      "nothing was unmounted because of an outdated record",
    );
    assert.equal(idleMounts.length, 2);
    assert.ok(await checksumsHold(node("node-a"), idle, checksums));
    // The backup has node-b as the writer: refused until Azure proves that the disk is not there.
    // Orchestrators repeat the call after any error.
    await untilServed(() => unpublishOnController(lab, idle, node("node-b")), [status.FAILED_PRECONDITION]);
    await takeDown(lab, idle, node("node-a"));
    await untilServed(() => deleteVolume(lab, idle));
    await idleHistory.stop();

    await writer.process.stop(STOP_GRACE_MS);
    await takeDown(lab, volume, node("node-a"));
    await history.untilSeen("the grant of node-b", (record) => record.writer?.nodeName === "node-b");
    await bringUp(lab, volume, node("node-b"));
    assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()), "every synced record is there");
    await takeDown(lab, volume, node("node-b"));
    await untilServed(() => deleteVolume(lab, volume));
    await history.stop();
  });
});
