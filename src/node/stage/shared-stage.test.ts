import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { must } from "../../controller/testing/settled.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { withdrawRequest } from "../../objects/writer-request.ts";
import { ownVolumesReconciler } from "../care/volume-reconciler.ts";
import { type NodeWorld, stagingPath, withNode } from "../testing/a-node.ts";
import { publishVolume, unpublishVolume } from "./publish-volume.ts";
import type { StageRequest } from "./stage-request.ts";
import { stageVolume } from "./stage-volume.ts";
import { unstageVolume } from "./unstage-volume.ts";

const never = new AbortController().signal;
const request: StageRequest = {
  volumeId: diskUri,
  stagingPath,
  accessType: "block",
  fsType: "ext4",
  mountFlags: [],
  readOnly: false,
  volumeContext: {},
};
const targetPath = "/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices/publish/pvc-1/pod-1";
const broken = { kind: "HostCommandFailed", command: "blockdev", exitCode: 1, stderr: "EIO" } as const;
const MARKED = { isMarked: true, isRequested: true, checkpoints: 1 };
const UNMARKED = { isMarked: false, isRequested: true, checkpoints: 0 };
const UNSTAGED = { isMarked: false, isRequested: false, checkpoints: 0 };

/** A node to which a client has published a volume that several nodes may write. */
const withSharedVolume = (act: (world: NodeWorld) => Promise<void>): Promise<void> =>
  withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
    await world.setVolume((volume) => ({
      ...volume,
      spec: {
        ...volume.spec,
        capabilities: [{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }],
      },
    }));
    const volume = await must(world.store.get("AzVolume", "pvc-1", never));
    const { record: _, ...status } = volume.status ?? assert.fail("no status");
    await must(world.store.updateStatus("AzVolume", { ...volume, status }, never));
    await act(world);
  });

const stage = (world: NodeWorld): ReturnType<typeof stageVolume> =>
  world.answerOf(stageVolume(world.ports(), request, never));
const publish = (world: NodeWorld): ReturnType<typeof publishVolume> =>
  world.answerOf(publishVolume(world.ports(), { ...request, targetPath, targetReadOnly: false }, never));
const reconcile = (world: NodeWorld): Promise<unknown> =>
  world.answerOf(ownVolumesReconciler(world.ports()).reconcile("pvc-1", never));
const change = (world: NodeWorld, spec: Partial<AzVolumeAttachment["spec"]>): Promise<void> =>
  world.setAttachment((attachment) => ({ ...attachment, spec: { ...attachment.spec, ...spec } }));

/** ControllerUnpublishVolume, as it is called by force. */
const unpublishByForce = (world: NodeWorld): Promise<unknown> =>
  must(
    withdrawRequest(
      world.ports(),
      { volumeId: diskUri, nodeName: "node-a", keepsPrimary: false, marksStaged: true },
      never,
    ),
  );

function stateOf(world: NodeWorld): typeof MARKED {
  const { spec } = world.attachment() ?? assert.fail("no attachment");
  return {
    isMarked: spec.staged === true,
    isRequested: spec.writerRequest !== undefined,
    checkpoints: world.ports().checkpoints.volumes().length,
  };
}

// Its disk is detached under no pod as long as it is marked.
describe("stageVolume of a volume that several nodes may write", () => {
  it("marks it as staged before it stages it, until it is unstaged", () =>
    withSharedVolume(async (world) => {
      let atCheckpoint: unknown;
      world.during.checkpoint = async () => {
        atCheckpoint = world.attachment()?.spec.staged;
      };
      assert.equal((await stage(world)).ok, true);
      assert.equal(atCheckpoint, true);
      assert.deepEqual(stateOf(world), MARKED);
      let atUnmount: unknown;
      world.during.unmount = async () => {
        atUnmount = stateOf(world);
      };
      assert.equal((await world.answerOf(unstageVolume(world.ports(), request, never))).ok, true);
      assert.deepEqual(atUnmount, MARKED);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("keeps the mark while a process has the device open", () =>
    withSharedVolume(async (world) => {
      assert.equal((await stage(world)).ok, true);
      const close = world.machine.openRaw(0);
      const busy = await world.answerOf(unstageVolume(world.ports(), request, never));
      assert.equal(!busy.ok && busy.failure.kind, "DeviceBusy");
      assert.deepEqual(stateOf(world), MARKED);
      close();
      assert.equal((await world.answerOf(unstageVolume(world.ports(), request, never))).ok, true);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("stages nothing where it has been unpublished since it was asked for", () =>
    withSharedVolume(async (world) => {
      world.during.request = () => unpublishByForce(world);
      const late = await stage(world);
      assert.equal(!late.ok && late.failure.kind, "StillWaiting");
      assert.deepEqual(stateOf(world), { isMarked: true, isRequested: false, checkpoints: 0 });
      await reconcile(world);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("leaves no mark behind where it fails, but keeps that of an earlier stage", () =>
    withSharedVolume(async (world) => {
      world.machine.failNext("dropCachedBlocks", broken);
      assert.equal((await stage(world)).ok, false);
      assert.deepEqual(stateOf(world), UNMARKED);
      assert.equal((await stage(world)).ok, true);
      world.machine.failNext("dropCachedBlocks", broken);
      assert.equal((await stage(world)).ok, false);
      assert.deepEqual(stateOf(world), MARKED);
    }));
});

describe("a node's own work on a volume that several nodes may write", () => {
  it("takes back the mark that a rebuild has made of what is not here", () =>
    withSharedVolume(async (world) => {
      await change(world, { staged: true, role: "Replica", writerRequest: undefined });
      await reconcile(world);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("marks what a pod has here where the mark was lost", () =>
    withSharedVolume(async (world) => {
      assert.equal((await publish(world)).ok, true);
      await change(world, { staged: undefined });
      await reconcile(world);
      assert.deepEqual(stateOf(world), MARKED);
    }));

  it("unstages what is unpublished by force once no pod has it, and stages it again", () =>
    withSharedVolume(async (world) => {
      assert.equal((await publish(world)).ok, true);
      await unpublishByForce(world);
      await reconcile(world);
      const inUse = { isMarked: true, isRequested: false, checkpoints: 1 };
      assert.deepEqual(stateOf(world), inUse, "its target is bound");
      // No change of an object will show that it is unpublished.
      assert.deepEqual(await reconcile(world), { ok: true, value: { requeueAfterMs: 1_000 } });
      const { ok: isUnbound } = await world.answerOf(
        unpublishVolume(world.ports(), { volumeId: diskUri, targetPath }, never),
      );
      assert.ok(isUnbound);
      await reconcile(world);
      assert.deepEqual(stateOf(world), UNSTAGED);
      await change(world, { role: "Primary", writerRequest: { since: "2026-01-01T00:00:00.000Z" } });
      assert.equal((await publish(world)).ok, true);
      assert.deepEqual(stateOf(world), MARKED);
    }));

  it("takes back the mark of a disk that this machine does not see", () =>
    withSharedVolume(async (world) => {
      world.machine.detach(0);
      await change(world, { staged: true, role: "Replica", writerRequest: undefined });
      await reconcile(world);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("keeps the mark where its checkpoint is lost, and a pod has the device", () =>
    withSharedVolume(async (world) => {
      assert.equal((await publish(world)).ok, true);
      await must(world.ports().checkpoints.remove("pvc-1", never));
      await reconcile(world);
      assert.equal(world.attachment()?.spec.staged, true);
    }));
});
