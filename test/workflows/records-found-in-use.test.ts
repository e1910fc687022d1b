import assert from "node:assert/strict";
import { it } from "node:test";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import { createVolume, deleteVolume, type DemoVolume, publishOnController } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { recordsHold, startWriter, type Writer } from "../../demo/workload.ts";
import { listIn } from "../../src/core/testing/record-lists.ts";
import { outcomeOf } from "./csi-failure.ts";
import { noneQuarantined } from "./record-history.ts";
import { loseTheStore } from "./store/lose-the-store.ts";
import { bringUp, takeDown, takeDownAfterFence, untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

/** A volume with an active writer on node-a and a replica on node-b. */
async function inUse({
  lab,
  node,
  signal,
}: LabWorld): Promise<{ readonly volume: DemoVolume; readonly writer: Writer }> {
  const volume = await createVolume(lab, {
    name: "found",
    sizeGiB: 1n,
    parameters: { skuName: "Premium_LRS", maxShares: "2" },
    zones: ["eastus-1"],
  });
  await bringUp(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await waitUntil("a replica on node-b", WAIT_MAX_MS, async () =>
    (await attachedNodes(lab, volume, signal)).has("node-b") ? true : undefined,
  );
  return { volume, writer };
}

/**
 * Publishes to node-b again and again, as an orchestrator does, until it is granted, or `until` holds and the
 * request stands: one that another writer or a record refuses stays. Returns the reasons of the refusals.
 */
async function insist(
  publish: () => Promise<unknown>,
  until: () => boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reasons: string[] = [];
  for (let isStanding = false; !signal.aborted && !(until() && isStanding);) {
    const { code, message } = await outcomeOf(publish());
    reasons.push(`${code} ${message}`);
    if (code === "OK") break;
    isStanding = code === "FAILED_PRECONDITION";
  }
  return reasons;
}

it("a volume in use whose record was lost stays with its writer, which never stops", async (t) => {
  await withLab(t, { vms, losesStore: true }, async (world) => {
    const { lab, node, signal } = world;
    const { volume, writer } = await inUse(world);
    const history = await loseTheStore(world, volume);
    await lab.orchestrator.addUser("node-a", volume.volumeId, "pod/writer");
    await Promise.all([lab.processes.get("controller")?.restart(), lab.processes.get("node-b")?.restart()]);
    // Node-b requests it from the first moment, while node-a's plug-in is still down.
    let hasReclaimed = false;
    const insisting = insist(
      () => publishOnController(lab, volume, node("node-b")),
      () => hasReclaimed,
      signal,
    );
    const found = await history.untilSeen("a record without a trusted node", (record) =>
      listIn(record, "unverified").some((other) => other.nodeName === "node-a"),
    );
    assert.equal(history.records[found]?.writer, undefined);
    const syncedBefore = writer.lastSynced();
    await lab.processes.get("node-a")?.restart();
    await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
    hasReclaimed = true;
    const reasons = await insisting;
    assert.ok(
      reasons.every(
        (reason) =>
          reason.startsWith("FAILED_PRECONDITION") ||
          reason.startsWith("UNAVAILABLE") ||
          reason.startsWith("NOT_FOUND"),
      ),
      reasons.join("\n"),
    );
    await writer.untilSynced(syncedBefore + 20);
    assert.deepEqual(
      history.writers(),
      ["node-a@2"],
      "no other node was granted it, and its epoch is above the lost one",
    );
    await history.untilSeen(
      "node-b to report clean",
      (record) => !listIn(record, "unverified").some((other) => other.nodeName === "node-b"),
    );

    await writer.process.stop(STOP_GRACE_MS);
    await takeDown(lab, volume, node("node-a"));
    await history.untilSeen("the grant of node-b", (record) => record.writer?.nodeName === "node-b");
    await bringUp(lab, volume, node("node-b"));
    assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()), "every synced record is there");
    assert.deepEqual(history.writers(), ["node-a@2", "node-b@3"]);
    await takeDown(lab, volume, node("node-b"));
    await untilServed(() => deleteVolume(lab, volume));
    await history.stop();
  });
});

it("a volume whose record was lost is granted only after its absent writer is fenced", async (t) => {
  await withLab(t, { vms, losesStore: true }, async (world) => {
    const { lab, node, signal } = world;
    const { volume, writer } = await inUse(world);
    const history = await loseTheStore(world, volume);
    await Promise.all([lab.processes.get("controller")?.restart(), lab.processes.get("node-b")?.restart()]);
    let isOver = false;
    const insisting = insist(
      () => publishOnController(lab, volume, node("node-b")),
      () => isOver,
      signal,
    );
    await history.untilSeen(
      "node-b to be proven clean",
      (record) =>
        listIn(record, "unverified").length === 1 && listIn(record, "unverified")[0]?.nodeName === "node-a",
    );
    const synced = writer.lastSynced();
    await writer.untilSynced(synced + 5);
    assert.deepEqual(history.writers(), [], "no node is granted the disk while node-a may be writing");

    await lab.orchestrator.setOutOfService("node-a", true);
    const fenced = await history.untilSeen(
      "the fence of node-a",
      (record) => record.fencing?.nodeName === "node-a",
    );
    const granted = await history.untilSeen(
      "the grant of node-b",
      (record) => record.writer?.nodeName === "node-b",
    );
    isOver = true;
    await insisting;
    const proven = history.records.findIndex((record) => listIn(record, "unverified").length === 0);
    assert.ok(fenced < proven && proven <= granted, `fence ${fenced}, proof ${proven}, grant ${granted}`);
    const disk = (await lab.emulator.disks()).find((other) => other.name === volume.name);
    const onB = (await lab.emulator.instances()).get("node-b")?.instanceUri;
    assert.deepEqual([...new Set(disk?.attachedTo)], [onB]);
    assert.match(
      await writer.process.untilLine((line) => line.startsWith("failed "), WAIT_MAX_MS),
      /^failed (?:EIO|EROFS)$/u,
    );
    await bringUp(lab, volume, node("node-b"));
    assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()), "every synced record is there");

    await lab.processes.get("node-a")?.restart();
    await lab.orchestrator.setOutOfService("node-a", false);
    await waitUntil("node-a to have cleaned up", WAIT_MAX_MS, async () =>
      noneQuarantined(await readRecord(lab, volume, signal)),
    );
    await takeDownAfterFence(lab, volume, node("node-a"));
    await takeDown(lab, volume, node("node-b"));
    await untilServed(() => deleteVolume(lab, volume));
    await history.stop();
  });
});
