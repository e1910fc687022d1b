import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { freeze, thaw } from "../../demo/act-failovers.ts";
import { readRecord } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  stage,
  unpublishOnNode,
  unstage,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { recordsHold, startWriter } from "../../demo/workload.ts";
import { findCommand } from "../../scripts/child/find-command.ts";
import { comesToFailWith } from "./csi-failure.ts";
import { followRecord, noneQuarantined } from "./record-history.ts";
import {
  bringUpByNode,
  takeDownAfterFence,
  takeDownByNode,
  untilReplicated,
  untilServed,
} from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;
/** How long NodeStageVolume waits before it reports the reason: short, to keep the tests short. */
const STAGE_WAIT_MS = 1_500;
const replicated = { skuName: "Premium_LRS", maxShares: "2" };

async function newVolume(
  { lab }: LabWorld,
  name: string,
  parameters: Readonly<Record<string, string>>,
): Promise<DemoVolume> {
  return createVolume(lab, { name, sizeGiB: 1n, parameters, zones: ["eastus-1"] });
}

async function movesFreely(
  world: LabWorld,
  name: string,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, name, parameters);
  const history = await followRecord(lab, volume.name, signal);
  await bringUpByNode(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await writer.process.stop(STOP_GRACE_MS);
  await takeDownByNode(lab, volume, node("node-a"));
  await bringUpByNode(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));
  await takeDownByNode(lab, volume, node("node-b"));
  await history.untilSeen(
    "the volume to have no writer again",
    (record) => record.writer === undefined && record.epoch === 2,
  );
  assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
  await history.stop();
  await untilServed(() => deleteVolume(lab, volume));
}

/** From now on an unmount of a staged volume on a node blocks until the test permits it. */
async function holdUnmounts(
  { lab }: LabWorld,
  nodeName: string,
): Promise<{ untilUnderWay(): Promise<void>; letGo(): Promise<void> }> {
  const umount = (await findCommand("umount")) ?? assert.fail("there is no umount");
  const folder = join(lab.directory, `unmounts-of-${nodeName}`);
  const [begun, go] = [join(folder, "begun"), join(folder, "go")];
  const held =
    `#!/bin/sh\n` +
    `case "$*" in *globalmount*) : > ${begun}; until test -e ${go}; do sleep 0.02; done;; esac\n` +
    `exec ${umount} "$@"\n`;
  await mkdir(folder);
  await writeFile(join(folder, "umount"), held, { mode: 0o755 });
  await lab.processes.get(nodeName)?.restart({ PATH: `${folder}:${process.env["PATH"] ?? ""}` });
  return {
    untilUnderWay: async () =>
      void (await waitUntil(
        "an unmount to be under way",
        WAIT_MAX_MS,
        async () => existsSync(begun) || undefined,
      )),
    letGo: () => writeFile(go, ""),
  };
}

/** The new node requests the volume while the old one is in the middle of its unmount. */
async function waitsForSlowUnstage(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const unmounts = await holdUnmounts(world, "node-a");
  const volume = await newVolume(world, "slow", replicated);
  await bringUpByNode(lab, volume, node("node-a"));
  await untilReplicated(world, volume);
  const history = await followRecord(lab, volume.name, signal);
  await untilServed(() => unpublishOnNode(lab, volume, node("node-a")));
  const unstaged = unstage(volume, node("node-a"));
  await history.untilSeen(
    "the withdrawal of node-a's request",
    (record) => record.writer?.requested === false,
  );
  await unmounts.untilUnderWay();
  await comesToFailWith(() => stage(volume, node("node-b"), {}), "UNAVAILABLE", "node-a");
  const unmounting = await readRecord(lab, volume, signal);
  assert.ok(
    unmounting?.writer?.nodeName === "node-a" && unmounting.writer.held,
    "it has not released the volume",
  );
  await unmounts.letGo();
  await Promise.all([unstaged, bringUpByNode(lab, volume, node("node-b"))]);
  const given = history.records.findIndex(
    (record) => record.writer?.nodeName === "node-a" && !record.writer.held && !record.writer.requested,
  );
  const taken = history.records.findIndex((record) => record.writer?.nodeName === "node-b");
  assert.ok(given !== -1 && given < taken, "granted only after it was released");
  assert.ok(
    history.records.every((record) => record.fencing === undefined),
    "no node was fenced",
  );
  await takeDownByNode(lab, volume, node("node-b"));
  await history.stop();
  await untilServed(() => deleteVolume(lab, volume));
}

async function waitsForHealthyUser(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "busy", replicated);
  await bringUpByNode(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await untilReplicated(world, volume);
  const history = await followRecord(lab, volume.name, signal);
  await comesToFailWith(
    () => stage(volume, node("node-b"), {}),
    "UNAVAILABLE",
    "node-a",
    "pod/writer-of-busy",
  );
  await comesToFailWith(
    () => stage(volume, node("node-b"), {}),
    "UNAVAILABLE",
    "node-a",
    "pod/writer-of-busy",
  );
  await writer.untilSynced(writer.lastSynced() + 10);
  await writer.process.stop(STOP_GRACE_MS);
  await takeDownByNode(lab, volume, node("node-a"));
  await bringUpByNode(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));
  assert.ok(
    history.records.every((record) => record.fencing === undefined),
    "no node was fenced",
  );
  assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
  await takeDownByNode(lab, volume, node("node-b"));
  await history.stop();
  await untilServed(() => deleteVolume(lab, volume));
}

async function fencesOnlyOutOfService(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "frozen", replicated);
  await bringUpByNode(lab, volume, node("node-a"));
  const writer = await startWriter(lab, node("node-a"), volume, 1);
  await untilReplicated(world, volume);
  const history = await followRecord(lab, volume.name, signal);
  await freeze(node("node-a"), writer);
  // The orchestrator no longer has its workload, and its heartbeat grows stale: neither proves that it
  // can't write.
  await lab.orchestrator.removeUser("node-a", volume.volumeId);
  await comesToFailWith(() => stage(volume, node("node-b"), {}), "UNAVAILABLE", "node-a");
  await comesToFailWith(() => stage(volume, node("node-b"), {}), "UNAVAILABLE", "node-a", "out of service");
  assert.ok(
    history.records.every((record) => record.fencing === undefined),
    "no node is fenced on suspicion",
  );

  await lab.orchestrator.setOutOfService("node-a", true);
  await history.untilSeen("the fence of node-a", (record) => record.fencing?.nodeName === "node-a");
  await history.untilSeen("the grant of node-b", (record) => record.writer?.nodeName === "node-b");
  await bringUpByNode(lab, volume, node("node-b"));
  assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()));

  thaw(node("node-a"), writer);
  assert.match(
    await writer.process.untilLine((line) => line.startsWith("failed "), WAIT_MAX_MS),
    /^failed (?:EIO|EROFS)$/u,
  );
  await writer.process.stop(STOP_GRACE_MS);
  await lab.orchestrator.setOutOfService("node-a", false);
  await waitUntil("node-a to have cleaned up", WAIT_MAX_MS, async () =>
    noneQuarantined(await readRecord(lab, volume, signal)),
  );
  await takeDownAfterFence(lab, volume, node("node-a"));
  await takeDownByNode(lab, volume, node("node-b"));
  await history.stop();
  await untilServed(() => deleteVolume(lab, volume));
}

it("nodes with `attach: driver`", async (t) => {
  const settings = { vms, nodeFlags: ["--attach=driver", `--stage-wait-ms=${STAGE_WAIT_MS}`] };
  await withLab(t, settings, async (world) => {
    await t.test("move a volume with replicas without any controller call", () =>
      movesFreely(world, "free", replicated),
    );
    await t.test("move a volume without replicas", () =>
      movesFreely(world, "plain", { skuName: "Premium_LRS" }),
    );
    await t.test("wait for a slow unstage, and are granted the volume when it has ended", () =>
      waitsForSlowUnstage(world),
    );
    await t.test("wait for a healthy user on the old node, name it, and fence no node", () =>
      waitsForHealthyUser(world),
    );
    await t.test("fence a frozen node only once it is out of service, and take over then", () =>
      fencesOnlyOutOfService(world),
    );
  });
});
