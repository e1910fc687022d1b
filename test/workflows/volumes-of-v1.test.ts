import assert from "node:assert/strict";
import { realpath } from "node:fs/promises";
import { it } from "node:test";
import { freeze, thaw } from "../../demo/act-failovers.ts";
import type { LabNode } from "../../demo/lab/lab.ts";
import { attachedNodes, readRecord } from "../../demo/observe.ts";
import {
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
import { recordsHold, recordsIn, startWriter, type Writer } from "../../demo/workload.ts";
import {
  aCluster,
  aClusterAttachment,
  aClusterVolume,
  type ModelCluster,
} from "../../src/controller/testing/a-cluster.ts";
import { listIn } from "../../src/core/testing/record-lists.ts";
import { writePartitionTable } from "../contract/worlds/partition-table.ts";
import { reasonAgainstBtrfsCopies } from "./btrfs-copies.ts";
import { startControllerHere, azureOf } from "./controller-here.ts";
import { comesToFailWith, failsWith } from "./csi-failure.ts";
import { deviceOf, runProgram } from "./node-device.ts";
import { followRecord, noneQuarantined } from "./record-history.ts";
import {
  bringUp,
  bringUpByNode,
  fileSystemForOneNode,
  takeDown,
  takeDownAfterFence,
  takeDownByNode,
  untilServed,
} from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;
const STAGE_WAIT_MS = 2_000;
const V1_TAGS = {
  "k8s-azure-created-by": "kubernetes-azure-dd",
  "kubernetes.io-created-for-pv-name": "of-v1",
};

/**
 * A disk as the V1 driver created it, attached to node-a, and mounted there with its file system for a pod
 * that writes. Our driver does not know it.
 */
async function mountedByV1(
  world: LabWorld,
  {
    fsType = "ext4",
    volumeContext = { requestedsizegib: "1" },
    replicas = [],
  }: {
    readonly fsType?: "ext4" | "btrfs";
    readonly volumeContext?: Readonly<Record<string, string>>;
    /** Nodes to which the V2 driver in Go has attached the disk as well. */
    readonly replicas?: readonly string[];
  } = {},
): Promise<{ readonly volume: DemoVolume; readonly writer: Writer }> {
  const { lab, node, signal } = world;
  await Promise.all(
    ["controller", "node-a", "node-b"].map(async (name) =>
      lab.processes.get(name)?.child.stop(STOP_GRACE_MS),
    ),
  );
  // They registered here while the lab came up; in V1's cluster they never did.
  for (const { name } of vms) assert.ok((await lab.store.delete("AzDriverNode", name, {}, signal)).ok);
  const azure = await azureOf(lab);
  const disk = await azure.createDisk(
    {
      diskName: "of-v1",
      resourceGroup: undefined,
      location: undefined,
      zone: "1",
      skuName: "Premium_LRS",
      sizeGiB: 1,
      maxShares: 1 + replicas.length,
      tags: V1_TAGS,
      precondition: async () => true,
    },
    signal,
  );
  assert.ok(disk.ok);
  const { diskUri } = disk.value;
  const luns: number[] = [];
  for (const nodeName of ["node-a", ...replicas]) {
    const instance = (await lab.emulator.instances()).get(nodeName) ?? assert.fail(`${nodeName} has no VM`);
    const onNode = {
      diskUri,
      node: { nodeName, ...instance },
      cachingMode: "None",
      lane: "primaryAttach",
      precondition: async () => true,
    } as const;
    const attached = await azure.attachDisk(onNode, signal);
    assert.ok(attached.ok);
    luns.push(attached.value.lun);
  }
  await azure.close();
  const volume: DemoVolume = {
    volumeId: diskUri,
    name: "of-v1",
    volumeContext,
    capability: fileSystemForOneNode(fsType),
  };
  await mountByHand(node("node-a"), volume, { fsType, lun: luns[0] ?? 0 });
  await lab.orchestrator.addUser("node-a", diskUri, "pod/of-v1");
  return { volume, writer: await startWriter(lab, node("node-a"), volume, 1) };
}

/** V1 makes each file system but ext and xfs with the plain command. */
const MKFS = { ext4: ["mkfs.ext4", "-q", "-F"], btrfs: ["mkfs.btrfs"] } as const;

async function mountByHand(
  node: LabNode,
  volume: DemoVolume,
  { fsType, lun }: { readonly fsType: keyof typeof MKFS; readonly lun: number },
): Promise<void> {
  const inNode = (program: string, ...args: readonly string[]): Promise<string> =>
    runProgram("nsenter", [`--mount=/proc/${node.mountsPid}/ns/mnt`, "--", program, ...args]);
  const link = `${node.deviceRoot}/dev/disk/azure/scsi1/lun${lun}`;
  const device = volume.volumeContext["partition"] === undefined ? link : await partitioned(link);
  const [staging, target] = [stagingPath(node, volume), targetPath(node, volume)];
  const [mkfs, ...flags] = MKFS[fsType];
  await runProgram(mkfs, [...flags, device]);
  for (const path of [staging, target]) await runProgram("mkdir", ["-p", path]);
  await inNode("mount", "-t", fsType, device, staging);
  await inNode("mount", "--bind", staging, target);
}

/** Makes a partition on a blank disk, and returns its device. */
async function partitioned(link: string): Promise<string> {
  const device = await realpath(link);
  await writePartitionTable(device, { start: 2048, size: 1_000_000 });
  await runProgram("partx", ["--add", device]);
  return `${device}p1`;
}

/** The cluster's facts: a PersistentVolume, and its attachment to node-a. */
function clusterOf(volume: DemoVolume): ModelCluster {
  const { volumeId } = volume;
  return aCluster(
    [aClusterVolume({ volumeId, volumeContext: volume.volumeContext })],
    [aClusterAttachment("node-a", { volumeId })],
  );
}

/**
 * As Kubernetes does before it calls ControllerUnpublishVolume: a VolumeAttachment that stands would say that
 * another driver has published the volume there since.
 */
function endAttachments({ attached }: ModelCluster): void {
  for (const [name, attachment] of attached) attached.set(name, { ...attachment, isTerminating: true });
}

/** Waits until the volume has an object and a record that trusts no node. */
async function untilFound({ lab, signal }: LabWorld, volume: DemoVolume): Promise<void> {
  await waitUntil("a record without a trusted node", WAIT_MAX_MS, async () => {
    const found = await lab.store.get("AzVolume", volume.name, signal);
    return found.ok &&
      found.value.status?.detail !== undefined &&
      listIn(found.value.status.record, "unverified").length === 1
      ? true
      : undefined;
  });
}

/** The driver waits for a node of unknown state, and names no other. */
async function untilRegistered({ lab, signal }: LabWorld, nodeName: string): Promise<void> {
  await waitUntil(`${nodeName} to register`, WAIT_MAX_MS, async () => {
    const found = await lab.store.get("AzDriverNode", nodeName, signal);
    return found.ok && found.value.status?.readyForVolumeAllocation === true ? true : undefined;
  });
}

async function restartNodes({ lab }: LabWorld): Promise<void> {
  await Promise.all(["node-a", "node-b"].map(async (name) => lab.processes.get(name)?.restart()));
}

it("a volume that V1 mounted stays written under this driver, and fails over", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node, signal } = world;
    const { volume, writer } = await mountedByV1(world);
    const cluster = clusterOf(volume);
    const stopController = await startControllerHere(lab, cluster);
    try {
      // The controller may start first, as a chart's Deployment. No node is granted the disk, and it is not
      // detached from node-a, while no plug-in reports for that node.
      await untilFound(world, volume);
      const history = await followRecord(lab, volume.name, signal);
      assert.deepEqual(
        [...(await attachedNodes(lab, volume, signal)).values()].map(({ spec }) => [
          spec.nodeName,
          spec.role,
          spec.writerRequest !== undefined,
        ]),
        [["node-a", "Primary", true]],
      );
      await restartNodes(world);
      await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
      assert.deepEqual(history.writers(), ["node-a@1"]);
      await writer.untilSynced(writer.lastSynced() + 20);
      await untilRegistered(world, "node-b");
      await comesToFailWith(
        () => publishOnController(lab, volume, node("node-b")),
        "FAILED_PRECONDITION",
        "node-a",
        "pod/of-v1",
      );

      await writer.process.stop(STOP_GRACE_MS);
      endAttachments(cluster);
      await takeDown(lab, volume, node("node-a"));
      cluster.attached.clear();
      await bringUp(lab, volume, node("node-b"));
      assert.ok(
        await recordsHold(node("node-b"), volume, writer.lastSynced()),
        "every synced record is there",
      );
      assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
      await takeDown(lab, volume, node("node-b"));
      await untilServed(() => deleteVolume(lab, volume));
      await history.stop();
    } finally {
      await stopController();
    }
  });
});

it("a volume of the V2 driver in Go stays written, and moves to its replica", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node, signal } = world;
    const { volume, writer } = await mountedByV1(world, {
      // As its CreateVolume answers; the class has the other parameters.
      volumeContext: {
        "csi.storage.k8s.io/pv/name": "of-v1",
        "csi.storage.k8s.io/pvc/name": "data",
        "csi.storage.k8s.io/pvc/namespace": "default",
        enableasyncattach: "false",
        incremental: "true",
        kind: "Managed",
        maxMountReplicaCount: "1",
        maxShares: "2",
        requestedsizegib: "1",
        skuName: "Premium_LRS",
      },
      replicas: ["node-b"],
    });
    const cluster = clusterOf(volume);
    const stopController = await startControllerHere(lab, cluster);
    try {
      await waitUntil("a record that trusts neither node", WAIT_MAX_MS, async () => {
        const found = await lab.store.get("AzVolume", volume.name, signal);
        return found.ok && listIn(found.value.status?.record, "unverified").length === 2 ? true : undefined;
      });
      const history = await followRecord(lab, volume.name, signal);
      await restartNodes(world);
      await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
      await history.untilSeen("node-b to be clean", (record) => listIn(record, "unverified").length === 0);
      await writer.untilSynced(writer.lastSynced() + 20);
      const replica = (await attachedNodes(lab, volume, signal)).get("node-b");
      assert.equal(replica?.spec.role, "Replica");

      await writer.process.stop(STOP_GRACE_MS);
      endAttachments(cluster);
      await takeDown(lab, volume, node("node-a"));
      cluster.attached.clear();
      await bringUp(lab, volume, node("node-b"));
      assert.ok(
        await recordsHold(node("node-b"), volume, writer.lastSynced()),
        "every synced record is there",
      );
      assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
      const promoted = (await attachedNodes(lab, volume, signal)).get("node-b");
      assert.deepEqual(
        [promoted?.metadata.uid, promoted?.status?.lun, promoted?.spec.role],
        [replica.metadata.uid, replica.status?.lun, "Primary"],
        "the attachment of the earlier driver serves",
      );
      await takeDown(lab, volume, node("node-b"));
      await untilServed(() => deleteVolume(lab, volume));
      await history.stop();
    } finally {
      await stopController();
    }
  });
});

it("a btrfs that V1 mounted stays written under this driver, moves, and fails over", async (t) => {
  const reason = reasonAgainstBtrfsCopies();
  if (reason !== undefined) {
    t.skip(reason);
    return;
  }
  await withLab(t, { vms }, async (world) => {
    const { lab, node, signal } = world;
    const [a, b] = [node("node-a"), node("node-b")];
    const { volume, writer } = await mountedByV1(world, { fsType: "btrfs" });
    const cluster = clusterOf(volume);
    const stopController = await startControllerHere(lab, cluster);
    try {
      const history = await followRecord(lab, volume.name, signal);
      await restartNodes(world);
      await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
      await writer.untilSynced(writer.lastSynced() + 20);
      await untilRegistered(world, "node-b");
      await writer.process.stop(STOP_GRACE_MS);
      endAttachments(cluster);
      await takeDown(lab, volume, a);
      cluster.attached.clear();
      await bringUp(lab, volume, b);
      assert.ok(await recordsHold(b, volume, writer.lastSynced()), "every synced record has moved");

      // The last record may be one whose report was lost with the writer.
      const kept = (await recordsIn(b, volume)).length;
      const second = await startWriter(lab, b, volume, kept + 1);
      await second.untilSynced(kept + 20);
      await freeze(b, second);
      await lab.orchestrator.setOutOfService(b.name, true);
      await untilServed(() => unpublishOnController(lab, volume, b));
      await bringUp(lab, volume, a);
      assert.ok(await recordsHold(a, volume, second.lastSynced()), "every synced record is there");
      assert.deepEqual(history.writers(), ["node-a@1", "node-b@2", "node-a@3"]);

      thaw(b, second);
      assert.match(
        await second.process.untilLine((line) => line.startsWith("failed "), WAIT_MAX_MS),
        /^failed (?:EIO|EROFS)$/u,
      );
      await second.process.stop(STOP_GRACE_MS);
      await lab.orchestrator.removeUser(b.name, volume.volumeId);
      await lab.orchestrator.setOutOfService(b.name, false);
      await waitUntil("node-b to have cleaned up", WAIT_MAX_MS, async () =>
        noneQuarantined(await readRecord(lab, volume, signal)),
      );
      await takeDownAfterFence(lab, volume, b);
      assert.ok(await recordsHold(a, volume, second.lastSynced()), "the stale writer changed nothing");
      await takeDown(lab, volume, a);
      await untilServed(() => deleteVolume(lab, volume));
      await history.stop();
    } finally {
      await stopController();
    }
  });
});

it("a partition that V1 mounted stays written under this driver, and moves", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node, signal } = world;
    const { volume, writer } = await mountedByV1(world, { volumeContext: { partition: "1" } });
    const cluster = clusterOf(volume);
    const stopController = await startControllerHere(lab, cluster);
    // A loop device has the partitions that a test gives it, and keeps them beyond its disk.
    const forgetPartition = async (nodeName: string): Promise<unknown> =>
      runProgram("partx", ["--delete", await deviceOf(lab, volume, node(nodeName), signal)]);
    try {
      const history = await followRecord(lab, volume.name, signal);
      await restartNodes(world);
      await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
      await writer.untilSynced(writer.lastSynced() + 20);
      await writer.process.stop(STOP_GRACE_MS);
      await failsWith(
        lab.controller.controllerExpandVolume({
          volumeId: volume.volumeId,
          capacityRange: { requiredBytes: 2n << 30n, limitBytes: 0n },
          volumeCapability: undefined,
          secrets: {},
        }),
        "INVALID_ARGUMENT",
        "partition 1 of its disk",
      );
      await untilServed(() => unpublishOnNode(lab, volume, node("node-a")));
      await untilServed(() => unstage(volume, node("node-a")));
      await forgetPartition("node-a");
      endAttachments(cluster);
      await untilServed(() => unpublishOnController(lab, volume, node("node-a")));
      cluster.attached.clear();

      const context = await untilServed(() => publishOnController(lab, volume, node("node-b")));
      const device = await deviceOf(lab, volume, node("node-b"), signal);
      await runProgram("partx", ["--add", device]);
      await untilServed(() => stage(volume, node("node-b"), context));
      await untilServed(() => publishOnNode(volume, node("node-b"), context));
      assert.ok(
        await recordsHold(node("node-b"), volume, writer.lastSynced()),
        "every synced record is there",
      );
      assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
      await untilServed(() => unpublishOnNode(lab, volume, node("node-b")));
      await untilServed(() => unstage(volume, node("node-b")));
      await forgetPartition("node-b");
      await untilServed(() => unpublishOnController(lab, volume, node("node-b")));
      await untilServed(() => deleteVolume(lab, volume));
      await history.stop();
    } finally {
      await stopController();
    }
  });
});

it("a volume that V1 mounted on a dead node is granted only after a fence", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node, signal } = world;
    const { volume, writer } = await mountedByV1(world);
    const cluster = clusterOf(volume);
    const stopController = await startControllerHere(lab, cluster);
    try {
      await lab.processes.get("node-b")?.restart();
      await untilFound(world, volume);
      const history = await followRecord(lab, volume.name, signal);
      await untilRegistered(world, "node-b");
      await comesToFailWith(
        () => publishOnController(lab, volume, node("node-b")),
        "FAILED_PRECONDITION",
        "node-a",
      );
      await writer.untilSynced(writer.lastSynced() + 5);
      await lab.orchestrator.setOutOfService("node-a", true);
      cluster.attached.clear();
      await history.untilSeen("the fence of node-a", (record) => record.fencing?.nodeName === "node-a");
      await history.untilSeen("the grant of node-b", (record) => record.writer?.nodeName === "node-b");
      assert.match(
        await writer.process.untilLine((line) => line.startsWith("failed "), WAIT_MAX_MS),
        /^failed (?:EIO|EROFS)$/u,
      );
      await bringUp(lab, volume, node("node-b"));
      assert.ok(
        await recordsHold(node("node-b"), volume, writer.lastSynced()),
        "every synced record is there",
      );
      await writer.process.stop(STOP_GRACE_MS);
      await lab.processes.get("node-a")?.restart();
      await lab.orchestrator.setOutOfService("node-a", false);
      // A returning kubelet does this when the pod is gone: this plug-in has no checkpoint of the other
      // driver's mount.
      await untilServed(() => unpublishOnNode(lab, volume, node("node-a")));
      await untilServed(() => unstage(volume, node("node-a")));
      await waitUntil("node-a to have cleaned up", WAIT_MAX_MS, async () =>
        noneQuarantined(await readRecord(lab, volume, signal)),
      );
      await takeDown(lab, volume, node("node-b"));
      await untilServed(() => deleteVolume(lab, volume));
      await history.stop();
    } finally {
      await stopController();
    }
  });
});

it("a change to `attach: driver` keeps mounts and removes the VolumeAttachments", async (t) => {
  await withLab(
    t,
    { vms, nodeFlags: ["--attach=driver", `--stage-wait-ms=${STAGE_WAIT_MS}`] },
    async (world) => {
      const { lab, node, signal } = world;
      const { volume, writer } = await mountedByV1(world);
      const cluster = clusterOf(volume);
      const stopController = await startControllerHere(lab, cluster, ["--attach=driver"]);
      try {
        await restartNodes(world);
        const history = await followRecord(lab, volume.name, signal);
        await history.untilSeen("node-a's reclaim", (record) => record.writer?.nodeName === "node-a");
        await waitUntil("the VolumeAttachment to be removed", WAIT_MAX_MS, async () =>
          cluster.released.length === 1 ? true : undefined,
        );
        await writer.untilSynced(writer.lastSynced() + 20);
        await writer.process.stop(STOP_GRACE_MS);
        await takeDownByNode(lab, volume, node("node-a"));
        await bringUpByNode(lab, volume, node("node-b"));
        assert.ok(
          await recordsHold(node("node-b"), volume, writer.lastSynced()),
          "every synced record is there",
        );
        await takeDownByNode(lab, volume, node("node-b"));
        await untilServed(() => deleteVolume(lab, volume));
        await history.stop();
      } finally {
        await stopController();
      }
    },
  );
});
