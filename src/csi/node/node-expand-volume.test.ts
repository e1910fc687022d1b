import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureTable } from "../../core/failure/failure-table.ts";
import { WHILE_READ_ONLY } from "../../core/node/file-system/why-not-grown.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { type NodeWorld, stagingPath, withNode, otherUri } from "../../node/testing/a-node.ts";
import { aCall } from "../testing/a-call.ts";
import { nodeExpandVolume } from "./node-expand-volume.ts";

const never = new AbortController().signal;

async function withStaged(act: (world: NodeWorld) => Promise<void>): Promise<void> {
  await withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
    assert.equal((await world.stage()).ok, true);
    await act(world);
  });
}

/** The request as kubelet sends it before it publishes a volume that it believes staged. */
const expandStaged = (
  world: NodeWorld,
  attach: "kubernetes" | "driver" = "kubernetes",
): ReturnType<typeof nodeExpandVolume> =>
  world.answerOf(
    nodeExpandVolume(
      { ...world.ports(), settings: { ...world.ports().settings, attach } },
      {
        volumeId: diskUri,
        volumePath: stagingPath,
        stagingTargetPath: stagingPath,
        capacityRange: undefined,
        volumeCapability: {
          accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
          accessMode: { mode: "SINGLE_NODE_WRITER" },
        },
        secrets: {},
      },
      aCall(),
    ),
  );

const expand = (
  world: NodeWorld,
  volumePath = stagingPath,
  volumeId = diskUri,
): ReturnType<typeof nodeExpandVolume> =>
  world.answerOf(
    nodeExpandVolume(
      world.ports(),
      {
        volumeId,
        volumePath,
        stagingTargetPath: "",
        capacityRange: undefined,
        volumeCapability: undefined,
        secrets: {},
      },
      aCall(),
    ),
  );

describe("nodeExpandVolume", () => {
  it("refuses a partition, whose file system fills it already", () =>
    withStaged(async (world) => {
      await world.setVolume((volume) => ({
        ...volume,
        spec: { ...volume.spec, volumeContext: { partition: "1" } },
      }));
      assert.deepEqual(await expand(world), {
        ok: false,
        failure: { kind: "Unsupported", what: "growing a volume that is a partition of its disk" },
      });
    }));

  it("refuses a partition that only the publishing of its PersistentVolume has named", () =>
    withStaged(async (world) => {
      await world.setAttachment((attachment) => ({
        ...attachment,
        spec: { ...attachment.spec, volumeContext: { partition: "1" } },
      }));
      assert.deepEqual(await expand(world), {
        ok: false,
        failure: { kind: "Unsupported", what: "growing a volume that is a partition of its disk" },
      });
    }));

  it("refuses a path outside the kubelet's directories", () =>
    withNode({ writer: aWriter("node-a", { held: true }) }, async (world) => {
      for (const path of ["/etc/shadow", `${stagingPath}/../../../../../etc`])
        assert.deepEqual(await expand(world, path), {
          ok: false,
          failure: { kind: "PathNotAllowed", field: "volume_path", path, allowedRoots: ["/var/lib/kubelet"] },
        });
    }));

  it("grows the file system to its disk", () =>
    withStaged(async (world) => {
      assert.deepEqual(await expand(world), { ok: true, value: { capacityBytes: gibToBytes(10) } });
    }));

  it("keeps no pod from starting by its code where the volume is read-only", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      await world.setFormatted({ fsType: "ext4", uuid: "uuid-1" });
      world.disk.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-1" };
      assert.equal((await world.stage({ mountFlags: ["ro"] })).ok, true);
      world.disk.fileSystemBytes = gibToBytes(5);
      const answer = await expand(world);
      assert.deepEqual(answer, {
        ok: false,
        failure: { kind: "GrowsUnmounted", devicePath: "/dev/sdc", reason: WHILE_READ_ONLY },
      });
      assert.equal(failureTable.GrowsUnmounted.code, "FAILED_PRECONDITION");
    }));

  it("does not take a placeholder for the volume: it was removed from under its pod", () =>
    withStaged(async (world) => {
      const target = "/var/lib/kubelet/pods/1/mount";
      world.machine.makeDirectory(target);
      assert.equal((await world.answerOf(world.ports().host.mountPlaceholder(target, never))).ok, true);
      assert.deepEqual(await expand(world, target), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: diskUri, what: `its mount at ${target}` },
      });
    }));

  it("first stages a volume to be written here that was released behind kubelet's back", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      assert.deepEqual(await expandStaged(world), { ok: true, value: { capacityBytes: gibToBytes(10) } });
    }));

  it("requests an unrequested volume where nodes attach, and names what it waits for", () =>
    withNode({}, async (world) => {
      await world.setAttachment(({ spec: { writerRequest: _, ...spec }, ...attachment }) => ({
        ...attachment,
        spec: { ...spec, role: "Replica" },
      }));
      const answer = await expandStaged(world, "driver");
      assert.equal(answer.ok ? "grown" : answer.failure.kind, "StillWaiting");
      assert.notEqual(world.attachment()?.spec.writerRequest, undefined);
    }));

  it("mounts nothing if this node may not write", () =>
    withNode({}, async (world) => {
      assert.deepEqual(await expandStaged(world), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: diskUri, what: `its mount at ${stagingPath}` },
      });
    }));

  it("is final, with NOT_FOUND, only for a volume that this node does not know", () =>
    withNode({}, async (world) => {
      await world.setAttachment(() => undefined);
      assert.deepEqual(await expand(world), {
        ok: false,
        failure: { kind: "PathNotMounted", path: stagingPath },
      });
      assert.deepEqual(await expand(world, stagingPath, otherUri), {
        ok: false,
        failure: { kind: "VolumeNotFound", volumeId: otherUri },
      });
    }));

  for (const known of ["checkpoint", "attachment"] as const)
    it(`waits for a lost AzVolume that it knows by its ${known}`, () =>
      withStaged(async (world) => {
        const ports = world.ports();
        if (known === "attachment") await ports.checkpoints.remove("pvc-1", never);
        else await world.setAttachment(() => undefined);
        await world.setVolume((volume) => ({ ...volume, metadata: { ...volume.metadata, finalizers: [] } }));
        assert.equal((await ports.store.delete("AzVolume", "pvc-1", {}, never)).ok, true);
        const what = "its AzVolume, which this node has used, to be made again";
        assert.deepEqual(await expand(world), {
          ok: false,
          failure: { kind: "StillWaiting", volumeId: diskUri, what },
        });
      }));

  for (const status of [
    { state: "Attaching", lun: 0 },
    { state: "Attached", lun: 0, deviceMissing: true },
    { state: "Pending" },
  ] as const) {
    it(`touches no device without an identifying attachment: ${JSON.stringify(status)}`, () =>
      withStaged(async (world) => {
        await world.setAttachment((attachment) => ({ ...attachment, status }));
        assert.deepEqual(await expand(world), {
          ok: false,
          failure: { kind: "StillWaiting", volumeId: diskUri, what: "its attach to node-a" },
        });
      }));
  }
});
