import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { it } from "node:test";
import { freeze, thaw } from "../../demo/act-failovers.ts";
import type { LabNode } from "../../demo/lab/lab.ts";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  publishOnController,
  publishOnNode,
  stage,
  stagingPath,
  targetPath,
  unpublishOnController,
  unpublishOnNode,
  unstage,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, startWriter, writeFiles } from "../../demo/workload.ts";
import type { DeviceSettingName } from "../../src/core/volume/device/device-settings.ts";
import type { VolumeCapability } from "../../src/csi/gen/csi/v1/csi.ts";
import { growsMountedExt } from "../contract/host/grows-mounted-ext.ts";
import { comesToFailWith, failsWith } from "./csi-failure.ts";
import { deviceSettingsOf } from "./device-settings-of.ts";
import { noneQuarantined } from "./record-history.ts";
import { GIB, nodePublishRequest } from "./requests.ts";
import {
  blockForManyNodes,
  blockForOneNode,
  bringUp,
  fileSystemForOneNode,
  takeDown,
  untilServed,
} from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
  { name: "node-c", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;
const BLOCK_BYTES = 64 * 1024;

async function newVolume(
  { lab }: LabWorld,
  name: string,
  maxShares: number,
  capability: VolumeCapability,
  parameters: Readonly<Record<string, string>> = {},
): Promise<DemoVolume> {
  return createVolume(lab, {
    name,
    sizeGiB: 1n,
    parameters: { skuName: "Premium_LRS", maxShares: String(maxShares), ...parameters },
    zones: ["eastus-1"],
    capability,
  });
}

function devicePath(volume: DemoVolume, node: LabNode): string {
  return node.seenFromOutside(targetPath(node, volume));
}

async function writeBlock(volume: DemoVolume, node: LabNode, position: number): Promise<Buffer> {
  const bytes = randomBytes(BLOCK_BYTES);
  const device = await open(devicePath(volume, node), "r+");
  try {
    await device.write(bytes, 0, bytes.length, position);
    await device.sync();
  } finally {
    await device.close();
  }
  return bytes;
}

async function readBlock(volume: DemoVolume, node: LabNode, position: number): Promise<Buffer> {
  const device = await open(devicePath(volume, node), "r");
  try {
    const { buffer } = await device.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, position);
    return buffer;
  } finally {
    await device.close();
  }
}

async function movesRawBlock(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await newVolume(world, "raw", 2, blockForOneNode);
  await bringUp(lab, volume, node("node-a"));
  const first = await writeBlock(volume, node("node-a"), 0);
  await takeDown(lab, volume, node("node-a"));
  await bringUp(lab, volume, node("node-b"));
  assert.deepEqual(await readBlock(volume, node("node-b"), 0), first, "after a graceful move");
  const second = await writeBlock(volume, node("node-b"), BLOCK_BYTES);

  // A container that has the device open keeps it open, whatever happens to the path.
  const stale = await open(devicePath(volume, node("node-b")), "r+");
  await freeze(node("node-b"), undefined);
  await lab.orchestrator.setOutOfService("node-b", true);
  await untilServed(() => unpublishOnController(lab, volume, node("node-b")));
  await bringUp(lab, volume, node("node-c"));
  assert.deepEqual(await readBlock(volume, node("node-c"), 0), first, "after a fence");
  assert.deepEqual(await readBlock(volume, node("node-c"), BLOCK_BYTES), second, "after a fence");
  await assert.rejects(async () => {
    await stale.write(Buffer.alloc(BLOCK_BYTES, "stale"), 0, BLOCK_BYTES, 0);
    await stale.sync();
  }, /EIO|EINVAL|ENOSPC|EBADF/u);
  assert.deepEqual(await readBlock(volume, node("node-c"), 0), first, "the stale writer changed nothing");

  thaw(node("node-b"), undefined);
  await lab.orchestrator.removeUser("node-b", volume.volumeId);
  await lab.orchestrator.setOutOfService("node-b", false);
  await stale.close();
  await waitUntil("node-b to leave quarantine", WAIT_MAX_MS, async () =>
    noneQuarantined(await readRecord(lab, volume, signal)),
  );
  await takeDown(lab, volume, node("node-c"));
  await untilServed(() => deleteVolume(lab, volume));
}

async function movesFileSystem(world: LabWorld, fsType: "xfs" | "btrfs"): Promise<void> {
  const { lab, node } = world;
  const volume = await newVolume(world, fsType, 1, fileSystemForOneNode(fsType));
  await bringUp(lab, volume, node("node-a"));
  const checksums = await writeFiles(node("node-a"), volume);
  await takeDown(lab, volume, node("node-a"));
  await bringUp(lab, volume, node("node-b"));
  assert.ok(await checksumsHold(node("node-b"), volume, checksums));
  await takeDown(lab, volume, node("node-b"));
  await untilServed(() => deleteVolume(lab, volume));
}

async function totalBytes(volume: DemoVolume, node: LabNode): Promise<bigint> {
  const { usage } = await node.csi.nodeGetVolumeStats({
    volumeId: volume.volumeId,
    volumePath: targetPath(node, volume),
    stagingTargetPath: "",
  });
  return usage.find(({ unit }) => unit === "BYTES")?.total ?? 0n;
}

function expandOnController({ lab }: LabWorld, volume: DemoVolume, requiredBytes: bigint): Promise<unknown> {
  return lab.controller.controllerExpandVolume({
    volumeId: volume.volumeId,
    capacityRange: { requiredBytes, limitBytes: 0n },
    secrets: {},
    volumeCapability: undefined,
  });
}

function expandOnNode(
  volume: DemoVolume,
  node: LabNode,
  requiredBytes: bigint,
): Promise<{ readonly capacityBytes: bigint }> {
  return node.csi.nodeExpandVolume({
    volumeId: volume.volumeId,
    volumePath: targetPath(node, volume),
    capacityRange: { requiredBytes, limitBytes: 0n },
    stagingTargetPath: "",
    volumeCapability: undefined,
    secrets: {},
  });
}

async function growsInUse(world: LabWorld, fsType: "xfs" | "btrfs"): Promise<void> {
  const { lab, node } = world;
  const a = node("node-a");
  const volume = await newVolume(world, `growing-${fsType}`, 1, fileSystemForOneNode(fsType));
  await bringUp(lab, volume, a);
  const writer = await startWriter(lab, a, volume, 1);
  assert.deepEqual(await expandOnController(world, volume, 2n * GIB), {
    capacityBytes: 2n * GIB,
    nodeExpansionRequired: true,
  });
  assert.deepEqual(await expandOnNode(volume, a, 2n * GIB), { capacityBytes: 2n * GIB });
  assert.deepEqual(await expandOnNode(volume, a, 2n * GIB), { capacityBytes: 2n * GIB }, "again");
  assert.ok((await totalBytes(volume, a)) > (3n * GIB) / 2n, "the file system has grown");
  await writer.untilSynced(writer.lastSynced() + 10);
  await writer.process.stop(STOP_GRACE_MS);
  await takeDown(lab, volume, a);
  await untilServed(() => deleteVolume(lab, volume));
}

async function growsExt4InUse(world: LabWorld): Promise<void> {
  const { lab, node } = world;
  const a = node("node-a");
  const volume = await newVolume(world, "growing-ext4", 1, fileSystemForOneNode("ext4"));
  await bringUp(lab, volume, a);
  await expandOnController(world, volume, 2n * GIB);
  const grown = expandOnNode(volume, a, 2n * GIB);
  if (growsMountedExt()) {
    assert.deepEqual(await grown, { capacityBytes: 2n * GIB });
    assert.ok((await totalBytes(volume, a)) > (3n * GIB) / 2n, "the file system has grown");
  } else {
    await failsWith(grown, "FAILED_PRECONDITION", "it grows before its next mount");
    assert.ok((await totalBytes(volume, a)) < GIB, "the file system is unchanged");
  }
  await takeDown(lab, volume, a);
  await untilServed(() => deleteVolume(lab, volume));
}

async function growsSharedOffline(world: LabWorld): Promise<void> {
  const { lab, node } = world;
  const volume = await newVolume(world, "growing-shared", 2, fileSystemForOneNode("xfs"));
  await bringUp(lab, volume, node("node-a"));
  const checksums = await writeFiles(node("node-a"), volume);
  const replicaBefore = await untilReplicaOf(world, volume);
  const message = await failsWith(
    expandOnController(world, volume, 2n * GIB),
    "FAILED_PRECONDITION",
    "node-a",
  );
  assert.match(message, /shared/u);
  assert.ok(await checksumsHold(node("node-a"), volume, checksums), "it continues unchanged");
  assert.equal(await untilReplicaOf(world, volume), replicaBefore, "a refused growth removes no replica");
  await takeDown(lab, volume, node("node-a"));
  assert.equal((await vmsOf(world, volume)).length, 2, "at rest its replicas stay");
  assert.deepEqual(await expandOnController(world, volume, 2n * GIB), {
    capacityBytes: 2n * GIB,
    nodeExpansionRequired: true,
  });
  assert.deepEqual(await vmsOf(world, volume), [], "Azure grew it while no VM had it");
  await bringUp(lab, volume, node("node-b"));
  assert.notEqual(await untilReplicaOf(world, volume), replicaBefore, "another replica is attached");
  assert.deepEqual(await expandOnNode(volume, node("node-b"), 2n * GIB), { capacityBytes: 2n * GIB });
  assert.ok((await totalBytes(volume, node("node-b"))) > (3n * GIB) / 2n, "the file system has grown");
  assert.ok(await checksumsHold(node("node-b"), volume, checksums));
  await takeDown(lab, volume, node("node-b"));
  await untilServed(() => deleteVolume(lab, volume));
}

/** The uid of the volume's one replica, once it is attached and the disk is on two VMs. */
async function untilReplicaOf(world: LabWorld, volume: DemoVolume): Promise<string> {
  const { lab, signal } = world;
  return waitUntil("the replica to be attached", WAIT_MAX_MS, async () => {
    const attached = [...(await attachedNodes(lab, volume, signal)).values()];
    const replica = attached.find(({ spec }) => spec.role === "Replica");
    return (await vmsOf(world, volume)).length === 2 ? replica?.metadata.uid : undefined;
  });
}

/** The resource ids of the VMs that have the volume's disk, which names the first of them twice. */
async function vmsOf({ lab }: LabWorld, { volumeId }: DemoVolume): Promise<readonly string[]> {
  const disk = (await lab.emulator.disks()).find(({ name }) => volumeId.endsWith(`/${name}`));
  assert.ok(disk, `there is no disk ${volumeId}`);
  return [...new Set(disk.attachedTo)];
}

async function sharesRawBlock(world: LabWorld): Promise<void> {
  const { lab, node } = world;
  const [a, b, c] = [node("node-a"), node("node-b"), node("node-c")];
  const volume = await newVolume(world, "many-writers", 2, blockForManyNodes);
  const contexts = [
    await untilServed(() => publishOnController(lab, volume, a)),
    await untilServed(() => publishOnController(lab, volume, b)),
  ];
  await Promise.all(
    [a, b].map(async (each, index) => {
      await untilServed(() => stage(volume, each, contexts[index] ?? {}));
      await untilServed(() => publishOnNode(volume, each, contexts[index] ?? {}));
    }),
  );
  const [byA, byB] = await Promise.all([writeBlock(volume, a, 0), writeBlock(volume, b, BLOCK_BYTES)]);
  assert.deepEqual(await readBlock(volume, b, 0), byA);
  assert.deepEqual(await readBlock(volume, a, BLOCK_BYTES), byB);

  await comesToFailWith(() => publishOnController(lab, volume, c), "FAILED_PRECONDITION", "maxShares (2)");
  await takeDown(lab, volume, a);
  await bringUp(lab, volume, c);
  assert.deepEqual(await readBlock(volume, c, BLOCK_BYTES), byB);
  await takeDown(lab, volume, b);
  await takeDown(lab, volume, c);
  await untilServed(() => deleteVolume(lab, volume));
}

async function movesSharedRawBlock(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const [a, b, c] = [node("node-a"), node("node-b"), node("node-c")];
  const volume = await newVolume(world, "many-writers-moving", 3, blockForManyNodes, {
    maxMountReplicaCount: "1",
  });
  for (const each of [a, b]) await bringUp(lab, volume, each);
  const byA = await writeBlock(volume, a, 0);
  await waitUntil("a replica on node-c", WAIT_MAX_MS, async () =>
    (await attachedNodes(lab, volume, signal)).has("node-c") ? true : undefined,
  );
  await takeDown(lab, volume, a);
  await bringUp(lab, volume, c);
  assert.deepEqual(await readBlock(volume, c, 0), byA);
  const roles = [...(await attachedNodes(lab, volume, signal)).values()].map(
    ({ spec }) => `${spec.nodeName} ${spec.role}`,
  );
  assert.deepEqual(roles.toSorted(), ["node-a Replica", "node-b Primary", "node-c Primary"]);
  await bringUp(lab, volume, a);
  const byB = await writeBlock(volume, b, BLOCK_BYTES);
  assert.deepEqual(await readBlock(volume, a, BLOCK_BYTES), byB);
  for (const each of [a, b, c]) await takeDown(lab, volume, each);
  await untilServed(() => deleteVolume(lab, volume));
}

async function bindsSeveralTargets(world: LabWorld): Promise<void> {
  const { lab, node } = world;
  const a = node("node-a");
  const volume = await newVolume(world, "two-targets", 1, {
    ...fileSystemForOneNode("ext4"),
    accessMode: { mode: "SINGLE_NODE_MULTI_WRITER" },
  });
  await bringUp(lab, volume, a);
  const readOnlyPath = `${targetPath(a, volume)}-read-only`;
  await a.csi.nodePublishVolume(nodePublishRequest(volume, a, { targetPath: readOnlyPath, readonly: true }));
  await writeFile(a.seenFromOutside(`${targetPath(a, volume)}/file`), "seen by both");
  assert.equal(await readFile(a.seenFromOutside(`${readOnlyPath}/file`), "utf8"), "seen by both");
  await assert.rejects(writeFile(a.seenFromOutside(`${readOnlyPath}/file`), "refused"), /EROFS/u);
  await failsWith(
    a.csi.nodeUnstageVolume({ volumeId: volume.volumeId, stagingTargetPath: stagingPath(a, volume) }),
    "FAILED_PRECONDITION",
    targetPath(a, volume),
    readOnlyPath,
  );
  await untilServed(() => a.csi.nodeUnpublishVolume({ volumeId: volume.volumeId, targetPath: readOnlyPath }));
  await takeDown(lab, volume, a);
  await untilServed(() => deleteVolume(lab, volume));
}

async function bindsOneTarget(world: LabWorld): Promise<void> {
  const { lab, node } = world;
  const a = node("node-a");
  const volume = await newVolume(world, "one-target", 1, {
    ...fileSystemForOneNode("ext4"),
    accessMode: { mode: "SINGLE_NODE_SINGLE_WRITER" },
  });
  await bringUp(lab, volume, a);
  const second = nodePublishRequest(volume, a, { targetPath: `${targetPath(a, volume)}-second` });
  await failsWith(a.csi.nodePublishVolume(second), "FAILED_PRECONDITION", targetPath(a, volume));
  await takeDown(lab, volume, a);
  await untilServed(() => deleteVolume(lab, volume));
}

/** Classes with settings of the device, and what a loop device has of them while the volume is staged. */
const tunings = [
  {
    profile: "advanced",
    parameters: { perfProfile: "advanced", "device-setting/queue/read_ahead_kb": "64" },
    settings: { "queue/read_ahead_kb": "64" },
  },
  {
    profile: "basic",
    parameters: { perfProfile: "basic" },
    settings: { "queue/read_ahead_kb": "8" },
  },
] as const;

async function tunesDevice(
  { lab, node, signal }: LabWorld,
  { profile, parameters, settings }: (typeof tunings)[number],
): Promise<void> {
  const a = node("node-a");
  const volume = await createVolume(lab, {
    name: `tuned-${profile}`,
    sizeGiB: 1n,
    parameters: { skuName: "Premium_LRS", ...parameters },
    zones: ["eastus-1"],
  });
  const present = (): Promise<unknown> =>
    deviceSettingsOf({ lab, volume, node: a }, Object.keys(settings) as DeviceSettingName[], signal);
  const context = await untilServed(() => publishOnController(lab, volume, a));
  const kernels = await present();
  assert.notDeepEqual(kernels, settings, "the kernel's own settings are not those of the class");
  await untilServed(() => stage(volume, a, context));
  assert.deepEqual(await present(), settings, "after the stage");
  await untilServed(() => publishOnNode(volume, a, context));
  const killed = new Promise<string>((resolve) => a.process.onEnd(resolve));
  a.process.kill("SIGKILL");
  assert.equal(await killed, "SIGKILL");
  await lab.processes.get(a.name)?.restart();
  assert.deepEqual(await present(), settings, "after the plug-in was killed");
  await untilServed(() => unpublishOnNode(lab, volume, a));
  await untilServed(() => unstage(volume, a));
  assert.deepEqual(await present(), kernels, "after the unstage");
  await untilServed(() => unpublishOnController(lab, volume, a));
  await untilServed(() => deleteVolume(lab, volume));
}

it("volumes other than a plain ext4", async (t) => {
  await withLab(t, { vms }, async (world) => {
    await t.test("raw block moves, and a fenced node's open descriptor writes no more", () =>
      movesRawBlock(world),
    );
    for (const fsType of ["xfs", "btrfs"] as const)
      await t.test(`${fsType} moves`, () => movesFileSystem(world, fsType));
    await t.test("a volume for several pods of one node is bound for each, read-only if requested", () =>
      bindsSeveralTargets(world),
    );
    await t.test("a volume for a single pod is bound once", () => bindsOneTarget(world));
    for (const fsType of ["xfs", "btrfs"] as const)
      await t.test(`an unshared disk grows in use: ${fsType}`, () => growsInUse(world, fsType));
    await t.test("an unshared disk grows in use: ext4, where the kernel allows it", () =>
      growsExt4InUse(world),
    );
    await t.test("a shared disk grows only while it is not published; its replicas go for that", () =>
      growsSharedOffline(world),
    );
    for (const tuning of tunings)
      await t.test(`its device has the settings of perfProfile ${tuning.profile} while it is staged`, () =>
        tunesDevice(world, tuning),
      );
    await t.test("shared raw block is written by two nodes at once; a third is refused a share", () =>
      sharesRawBlock(world),
    );
    await t.test("shared raw block moves to a replica, and stays behind as one", () =>
      movesSharedRawBlock(world),
    );
  });
});
