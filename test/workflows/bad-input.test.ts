import assert from "node:assert/strict";
import { open, truncate } from "node:fs/promises";
import { it } from "node:test";
import { hashOfDisk, readRecord } from "../../demo/observe.ts";
import {
  createVolume,
  deleteVolume,
  type DemoVolume,
  publishOnController,
  publishRequest,
  unpublishOnController,
} from "../../demo/volume-moves.ts";
import type { Kind } from "../../src/ports/store/object-store.ts";
import { writePartitionTable } from "../contract/worlds/partition-table.ts";
import { failsWith, type StatusName } from "./csi-failure.ts";
import { deviceOf, fileOfDisk, runProgram } from "./node-device.ts";
import { createRequest, GIB, nodePublishRequest, stageRequest } from "./requests.ts";
import { blockForManyNodes, bringUp, fileSystemForOneNode, takeDown, untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-z", zone: "2" },
];

interface Row {
  readonly because: string;
  readonly call: () => Promise<unknown>;
  readonly code: StatusName;
  /** The parts of the message: field, value, allowed values. */
  readonly says: readonly string[];
}

/** The state that a refused call must not change: Azure's disks and every object. */
async function everything({ lab, signal }: LabWorld): Promise<unknown> {
  const objects: unknown[] = [await lab.emulator.disks()];
  for (const kind of ["AzVolume", "AzVolumeAttachment"] satisfies Kind[]) {
    const list = await lab.store.list(kind, {}, signal);
    if (!list.ok) throw new Error(list.failure.kind);
    objects.push(list.value.items);
  }
  return objects;
}

async function refuses(world: LabWorld, rows: readonly Row[]): Promise<void> {
  const before = await everything(world);
  for (const { because, call, code, says } of rows) {
    try {
      await failsWith(call(), code, ...says);
      assert.deepEqual(await everything(world), before, "something changed");
    } catch (error) {
      throw new Error(because, { cause: error });
    }
  }
}

const ext4 = fileSystemForOneNode("ext4");

function badCreations({ lab }: LabWorld): readonly Row[] {
  const create = (overrides: Parameters<typeof createRequest>[0]) => () =>
    lab.controller.createVolume(createRequest(overrides));
  const withParameters = (parameters: Readonly<Record<string, string>>) =>
    create({ parameters: { skuName: "Premium_LRS", ...parameters } });
  const capacity = (requiredBytes: bigint, limitBytes: bigint) =>
    create({ capacityRange: { requiredBytes, limitBytes } });
  return [
    {
      because: "no name",
      call: create({ name: "" }),
      code: "INVALID_ARGUMENT",
      says: ["name", "must be given"],
    },
    {
      because: "no capabilities",
      call: create({ volumeCapabilities: [] }),
      code: "INVALID_ARGUMENT",
      says: ["volume_capabilities", "must be given"],
    },
    {
      because: "larger than any disk",
      call: capacity(32_768n * GIB, 0n),
      code: "OUT_OF_RANGE",
      says: ["capacity_range.required_bytes", String(32_768n * GIB), "32767 GiB"],
    },
    {
      because: "a limit without a whole GiB",
      call: capacity(1n, GIB - 1n),
      code: "OUT_OF_RANGE",
      says: ["capacity_range.limit_bytes", String(GIB - 1n), "1 GiB"],
    },
    {
      because: "a limit below what is required",
      call: capacity(2n * GIB, GIB),
      code: "INVALID_ARGUMENT",
      says: ["capacity_range.required_bytes", String(2n * GIB), String(GIB)],
    },
    {
      because: "a negative size",
      call: capacity(-1n, 0n),
      code: "INVALID_ARGUMENT",
      says: ["capacity_range.required_bytes", "-1", "negative"],
    },
    {
      because: "more replicas than the shares allow",
      call: withParameters({ maxShares: "2", maxMountReplicaCount: "2" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.maxMountReplicaCount", '"2"', "0 to maxShares - 1, which is 1"],
    },
    {
      because: "more shares than a disk of this size has",
      call: withParameters({ maxShares: "4" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.maxShares", '"4"', "1 to 3"],
    },
    {
      because: "a SKU that Azure does not share",
      call: withParameters({ skuName: "Standard_LRS", maxShares: "2" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.maxShares", '"2"', "must be 1", "Standard_LRS"],
    },
    {
      because: "an invalid number of shares",
      call: withParameters({ maxShares: "two" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.maxShares", '"two"', "1 to 15"],
    },
    {
      because: "a shared disk with a host cache",
      call: withParameters({ maxShares: "2", cachingMode: "ReadOnly" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.cachingMode", '"ReadOnly"', "None"],
    },
    {
      because: "an invalid caching mode",
      call: withParameters({ cachingMode: "Fast" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.cachingMode", '"Fast"', "None, ReadOnly"],
    },
    {
      because: "a SKU that does not exist",
      call: withParameters({ skuName: "Premium_LSR" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.skuName", '"Premium_LSR"', "did you mean Premium_LRS?"],
    },
    {
      because: "a parameter that does not exist",
      call: withParameters({ maxShare: "2" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.maxShare", '"2"', "did you mean maxShares?", "Allowed: "],
    },
    {
      because: "a file system that is not supported",
      call: withParameters({ fsType: "zfs" }),
      code: "INVALID_ARGUMENT",
      says: ["parameters.fsType", '"zfs"', "ext4", "xfs"],
    },
    {
      because: "a file system on several nodes",
      call: create({
        volumeCapabilities: [{ ...ext4, accessMode: { mode: "MULTI_NODE_MULTI_WRITER" } }],
        parameters: { skuName: "Premium_LRS", maxShares: "2" },
      }),
      code: "INVALID_ARGUMENT",
      says: ["volume_capability.access_mode", "MULTI_NODE_MULTI_WRITER", "SINGLE_NODE_WRITER"],
    },
    {
      because: "several nodes on an unshared disk",
      call: create({ volumeCapabilities: [blockForManyNodes] }),
      code: "INVALID_ARGUMENT",
      says: ["volume_capability.access_mode", "MULTI_NODE_MULTI_WRITER", "at least 2"],
    },
    {
      because: "no access mode",
      call: create({ volumeCapabilities: [{ ...ext4, accessMode: { mode: "UNKNOWN" } }] }),
      code: "INVALID_ARGUMENT",
      says: ["access_mode", "UNKNOWN", "SINGLE_NODE_WRITER"],
    },
    {
      because: "no access type",
      call: create({
        volumeCapabilities: [{ accessMode: { mode: "SINGLE_NODE_WRITER" }, accessType: undefined }],
      }),
      code: "INVALID_ARGUMENT",
      says: ["access_type", "block or mount"],
    },
    {
      because: "another volume of that name",
      call: create({ name: "given", capacityRange: { requiredBytes: 5n * GIB, limitBytes: 0n } }),
      code: "ALREADY_EXISTS",
      says: ["given"],
    },
  ];
}

function badControllerCalls({ lab, node }: LabWorld, volume: DemoVolume): readonly Row[] {
  const publish = (overrides: Parameters<typeof publishRequest>[2]) => () =>
    lab.controller.controllerPublishVolume(publishRequest(volume, node("node-a"), overrides));
  const unknown = volume.volumeId.replace(/given$/u, "unknown");
  const expand =
    (requiredBytes: bigint, limitBytes: bigint, volumeId = volume.volumeId) =>
    () =>
      lab.controller.controllerExpandVolume({
        volumeId,
        capacityRange: { requiredBytes, limitBytes },
        secrets: {},
        volumeCapability: undefined,
      });
  return [
    {
      because: "publish without volume",
      call: publish({ volumeId: "" }),
      code: "INVALID_ARGUMENT",
      says: ["volume_id", "must be given"],
    },
    {
      because: "publish without node",
      call: publish({ nodeId: "" }),
      code: "INVALID_ARGUMENT",
      says: ["node_id", "must be given"],
    },
    {
      because: "publish without capability",
      call: publish({ volumeCapability: undefined }),
      code: "INVALID_ARGUMENT",
      says: ["volume_capability", "must be given"],
    },
    {
      because: "publish of a volume that does not exist",
      call: publish({ volumeId: unknown }),
      code: "NOT_FOUND",
      says: [unknown],
    },
    {
      because: "publish of what is no volume",
      call: publish({ volumeId: "nonsense" }),
      code: "NOT_FOUND",
      says: ["nonsense"],
    },
    {
      because: "publish to a node that does not exist",
      call: publish({ nodeId: "node-q" }),
      code: "NOT_FOUND",
      says: ["node-q", "AzDriverNode"],
    },
    {
      because: "publish to a node in another zone",
      call: publish({ nodeId: "node-z" }),
      code: "INVALID_ARGUMENT",
      says: ["node_id", "node-z", "zone 2"],
    },
    {
      because: "publish for several nodes",
      call: publish({ volumeCapability: blockForManyNodes }),
      code: "INVALID_ARGUMENT",
      says: ["volume_capability.access_mode", "MULTI_NODE_MULTI_WRITER"],
    },
    {
      because: "unpublish without volume",
      call: () => lab.controller.controllerUnpublishVolume({ volumeId: "", nodeId: "node-a", secrets: {} }),
      code: "INVALID_ARGUMENT",
      says: ["volume_id"],
    },
    {
      because: "delete without volume",
      call: () => lab.controller.deleteVolume({ volumeId: "", secrets: {} }),
      code: "INVALID_ARGUMENT",
      says: ["volume_id"],
    },
    {
      because: "expand without volume",
      call: expand(2n * GIB, 0n, ""),
      code: "INVALID_ARGUMENT",
      says: ["volume_id"],
    },
    {
      because: "expand of a volume that does not exist",
      call: expand(2n * GIB, 0n, unknown),
      code: "NOT_FOUND",
      says: [unknown],
    },
    {
      because: "expand beyond any disk",
      call: expand(32_768n * GIB, 0n),
      code: "OUT_OF_RANGE",
      says: ["capacity_range.required_bytes", "32767 GiB"],
    },
    {
      because: "expand that would shrink",
      call: expand(0n, GIB / 2n),
      code: "OUT_OF_RANGE",
      says: ["capacity_range.limit_bytes", String(GIB / 2n)],
    },
  ];
}

function badNodeCalls({ node }: LabWorld, volume: DemoVolume): readonly Row[] {
  const a = node("node-a");
  const stage = (overrides: Parameters<typeof stageRequest>[2]) => () =>
    a.csi.nodeStageVolume(stageRequest(volume, a, overrides));
  const publish = (overrides: Parameters<typeof nodePublishRequest>[2]) => () =>
    a.csi.nodePublishVolume(nodePublishRequest(volume, a, overrides));
  const outside = "/etc/cron.d/mount";
  const escaping = `${a.kubeletDirectory}/../../mount`;
  return [
    {
      because: "stage without volume",
      call: stage({ volumeId: "" }),
      code: "INVALID_ARGUMENT",
      says: ["volume_id"],
    },
    {
      because: "stage without path",
      call: stage({ stagingTargetPath: "" }),
      code: "INVALID_ARGUMENT",
      says: ["staging_target_path"],
    },
    {
      because: "stage without capability",
      call: stage({ volumeCapability: undefined }),
      code: "INVALID_ARGUMENT",
      says: ["volume_capability"],
    },
    {
      because: "stage of a volume that does not exist",
      call: stage({ volumeId: `${volume.volumeId}-not` }),
      code: "NOT_FOUND",
      says: [`${volume.volumeId}-not`],
    },
    {
      because: "stage outside of the allowed root",
      call: stage({ stagingTargetPath: outside }),
      code: "INVALID_ARGUMENT",
      says: ["staging_target_path", outside, a.kubeletDirectory],
    },
    {
      because: "stage on a path that leads out of the root",
      call: stage({ stagingTargetPath: escaping }),
      code: "INVALID_ARGUMENT",
      says: ["staging_target_path", escaping, a.kubeletDirectory],
    },
    {
      because: "stage with a file system that is not supported",
      call: stage({ volumeCapability: fileSystemForOneNode("zfs") }),
      code: "INVALID_ARGUMENT",
      says: ["fs_type", '"zfs"', "ext4"],
    },
    {
      because: "publish without path",
      call: publish({ targetPath: "" }),
      code: "INVALID_ARGUMENT",
      says: ["target_path"],
    },
    {
      because: "publish outside of the allowed root",
      call: publish({ targetPath: outside }),
      code: "INVALID_ARGUMENT",
      says: ["target_path", outside, a.kubeletDirectory],
    },
    {
      because: "unstage without path",
      call: () => a.csi.nodeUnstageVolume({ volumeId: volume.volumeId, stagingTargetPath: "" }),
      code: "INVALID_ARGUMENT",
      says: ["staging_target_path"],
    },
    {
      because: "unstage outside of the allowed root",
      call: () => a.csi.nodeUnstageVolume({ volumeId: volume.volumeId, stagingTargetPath: outside }),
      code: "INVALID_ARGUMENT",
      says: ["staging_target_path", outside],
    },
    {
      because: "unpublish without volume",
      call: () => a.csi.nodeUnpublishVolume({ volumeId: "", targetPath: "/x" }),
      code: "INVALID_ARGUMENT",
      says: ["volume_id"],
    },
    {
      because: "unpublish outside of the allowed root",
      call: () => a.csi.nodeUnpublishVolume({ volumeId: volume.volumeId, targetPath: outside }),
      code: "INVALID_ARGUMENT",
      says: ["target_path", outside],
    },
    {
      because: "stats of a path where nothing is mounted",
      call: () =>
        a.csi.nodeGetVolumeStats({
          volumeId: volume.volumeId,
          volumePath: `${a.kubeletDirectory}/nothing`,
          stagingTargetPath: "",
        }),
      code: "NOT_FOUND",
      says: ["nothing is mounted", "/nothing"],
    },
  ];
}

/**
 * The disk's content does not match the volume: the stage fails, no byte is written, and the volume is
 * released.
 */
async function leavesForeignContent(
  world: LabWorld,
  name: string,
  put: (device: string) => Promise<unknown>,
  says: readonly string[],
): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await createVolume(lab, {
    name,
    sizeGiB: 1n,
    parameters: { skuName: "Premium_LRS" },
    zones: ["eastus-1"],
  });
  await untilServed(() => publishOnController(lab, volume, node("node-a")));
  await put(await deviceOf(lab, volume, node("node-a"), signal));
  const before = await hashOfDisk(lab, volume);
  await failsWith(
    node("node-a").csi.nodeStageVolume(stageRequest(volume, node("node-a"))),
    "FAILED_PRECONDITION",
    ...says,
    "ext4",
  );
  assert.equal(await hashOfDisk(lab, volume), before, "the disk's bytes changed");
  assert.equal((await readRecord(lab, volume, signal))?.writer?.held, false);
  await lab.orchestrator.removeUser("node-a", volume.volumeId);
  await untilServed(() => unpublishOnController(lab, volume, node("node-a")));
  await untilServed(() => deleteVolume(lab, volume));
}

async function writeAt(device: string, position: number, bytes: Buffer): Promise<void> {
  const file = await open(device, "r+");
  try {
    await file.write(bytes, 0, bytes.length, position);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One Linux partition of a few MiB. */
function putSmallPartition(device: string): Promise<void> {
  return writePartitionTable(device, { start: 2048, size: 8192 });
}

async function refusesWrongSize(world: LabWorld): Promise<void> {
  const { lab, node, signal } = world;
  const volume = await createVolume(lab, {
    name: "sized",
    sizeGiB: 2n,
    parameters: { skuName: "Premium_LRS" },
    zones: ["eastus-1"],
  });
  await untilServed(() => publishOnController(lab, volume, node("node-a")));
  const device = await deviceOf(lab, volume, node("node-a"), signal);
  const file = await fileOfDisk(lab, volume);
  const before = await hashOfDisk(lab, volume);
  for (const sizeBytes of [3n * GIB, GIB]) {
    await truncate(file, Number(sizeBytes));
    await runProgram("losetup", ["--set-capacity", device]);
    await failsWith(
      node("node-a").csi.nodeStageVolume(stageRequest(volume, node("node-a"))),
      "FAILED_PRECONDITION",
      device,
      String(sizeBytes),
      String(2n * GIB),
      "nothing was written",
    );
    await truncate(file, Number(2n * GIB));
    await runProgram("losetup", ["--set-capacity", device]);
    assert.equal(await hashOfDisk(lab, volume), before, "the disk's bytes changed");
  }
  assert.equal((await readRecord(lab, volume, signal))?.writer?.held, false);
  await bringUp(lab, volume, node("node-a"));
  await takeDown(lab, volume, node("node-a"));
  await untilServed(() => deleteVolume(lab, volume));
}

it("requests that can't be served", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab } = world;
    const volume = await createVolume(lab, {
      name: "given",
      sizeGiB: 1n,
      parameters: { skuName: "Premium_LRS" },
      zones: ["eastus-1"],
    });
    await t.test("CreateVolume names the field, the value and what is allowed, and creates nothing", () =>
      refuses(world, badCreations(world)),
    );
    await t.test("so do the other calls of the controller service", () =>
      refuses(world, badControllerCalls(world, volume)),
    );
    await t.test("so do those of the node service", () => refuses(world, badNodeCalls(world, volume)));
    await t.test("a disk with another file system is left as it is", () =>
      leavesForeignContent(world, "foreign-xfs", (device) => runProgram("mkfs.xfs", ["-q", device]), ["xfs"]),
    );
    await t.test("a disk with another file system is left as it is", () =>
      leavesForeignContent(world, "foreign-minix", (device) => runProgram("mkfs.minix", [device, "1000"]), [
        "minix",
      ]),
    );
    await t.test("a disk with a partition table is left as it is", () =>
      leavesForeignContent(world, "foreign-table", putSmallPartition, ["partition table of type dos"]),
    );
    await t.test("a disk with data of unknown kind is left as it is", () =>
      leavesForeignContent(
        world,
        "foreign-data",
        (device) => writeAt(device, 700_000, Buffer.from("data of an application")),
        ["data"],
      ),
    );
    await t.test("a device of the wrong size is left as it is", () => refusesWrongSize(world));
    await untilServed(() => deleteVolume(lab, volume));
  });
});
