import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { aWriter, diskUri, instanceUriOf } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { takeBackStaged } from "../../objects/staged-mark.ts";
import { withdrawRequest } from "../../objects/writer-request.ts";
import { ownVolumesReconciler } from "../care/volume-reconciler.ts";
import { type NodeWorld, withNode, aStageRequest } from "../testing/a-node.ts";
import { stageVolume } from "./stage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest({ accessType: "block" });
const broken = { kind: "HostCommandFailed", command: "blockdev", exitCode: 1, stderr: "EIO" } as const;
const STAGED = { isMarked: false, isRequested: true, checkpoints: 1 };
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

const change = (world: NodeWorld, spec: Partial<AzVolumeAttachment["spec"]>): Promise<void> =>
  world.setAttachment((attachment) => ({ ...attachment, spec: { ...attachment.spec, ...spec } }));

/** ControllerUnpublishVolume, as it is called by force. */
const unpublishByForce = (world: NodeWorld): Promise<unknown> =>
  must(
    withdrawRequest(
      world.ports(),
      { volumeId: diskUri, nodeName: "node-a", keepsPrimary: false, isShared: true },
      never,
    ),
  );

function stateOf(world: NodeWorld): typeof STAGED {
  const { spec } = world.attachment() ?? assert.fail("no attachment");
  return {
    isMarked: spec.staged === true,
    isRequested: spec.writerRequest !== undefined,
    checkpoints: world.ports().checkpoints.volumes().length,
  };
}

// Its disk is detached under no pod as long as it is requested there, or marked as staged.
describe("stageVolume of a volume that several nodes may write", () => {
  it("keeps its request, and the mark of a rebuild, until it is unstaged", () =>
    withSharedVolume(async (world) => {
      assert.equal((await world.stage(request)).ok, true);
      assert.deepEqual(stateOf(world), STAGED);
      await change(world, { staged: true });
      let atUnmount: unknown;
      world.during.unmount = async () => {
        atUnmount = stateOf(world);
      };
      assert.equal((await world.unstage(request)).ok, true);
      assert.deepEqual(atUnmount, { ...STAGED, isMarked: true });
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("leaves request and mark where the disk is on another machine of its name", () =>
    withSharedVolume(async (world) => {
      await change(world, { staged: true });
      const place = (vmId: string, instanceUri: string): Promise<void> =>
        world.setAttachment((present) => ({
          ...present,
          status: { ...(present.status ?? assert.fail("no status")), vmId, instanceUri },
        }));
      const own = world.ports().node;
      await place("another", instanceUriOf("node-b"));
      assert.equal((await world.unstage(request)).ok, true);
      await world.reconcile();
      assert.deepEqual(stateOf(world), { isMarked: true, isRequested: true, checkpoints: 0 });
      // A machine that was made again at its resource id: the earlier one is gone.
      await place("another", own.instanceUri);
      assert.equal((await world.unstage(request)).ok, true);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("takes back no mark of another machine of its name", () =>
    withSharedVolume(async (world) => {
      const own = world.ports().node;
      const marked = (vmId: string, instanceUri: string): Promise<void> =>
        world.setAttachment(({ spec: { writerRequest: _, ...spec }, ...present }) => ({
          ...present,
          spec: { ...spec, role: "Replica", staged: true },
          status: { ...(present.status ?? assert.fail("no status")), vmId, instanceUri },
        }));
      await marked("another", instanceUriOf("node-b"));
      await world.reconcile();
      assert.equal(stateOf(world).isMarked, true);
      const { nodeName } = own;
      const elsewhere = { ...own, vmId: "a third", instanceUri: instanceUriOf("node-c"), nodeName };
      await must(takeBackStaged(world.ports(), { volumeId: diskUri, node: elsewhere }, never));
      assert.equal(stateOf(world).isMarked, true, "the very object decides, not the cache");
      await marked(own.vmId, own.instanceUri);
      await world.reconcile();
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("keeps its request while a process has the device open", () =>
    withSharedVolume(async (world) => {
      assert.equal((await world.stage(request)).ok, true);
      const close = world.machine.openRaw(0);
      const busy = await world.unstage(request);
      assert.equal(!busy.ok && busy.failure.kind, "DeviceBusy");
      assert.deepEqual(stateOf(world), STAGED);
      close();
      assert.equal((await world.unstage(request)).ok, true);
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("stages nothing where it has been unpublished since it was asked for", () =>
    withSharedVolume(async (world) => {
      const ports = world.ports();
      const host: typeof ports.host = {
        ...ports.host,
        whileHolding: async (device, act, signal) => {
          await unpublishByForce(world);
          return ports.host.whileHolding(device, act, signal);
        },
      };
      const late = await world.stage(request, { ...ports, host });
      assert.equal(!late.ok && late.failure.kind, "StillWaiting");
      assert.deepEqual(stateOf(world), { isMarked: true, isRequested: false, checkpoints: 0 });
      await world.reconcile();
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("is unpublished where it has failed, also if the client does not unstage it", () =>
    withSharedVolume(async (world) => {
      world.machine.failNext("dropCachedBlocks", broken);
      assert.equal((await world.stage(request)).ok, false);
      await unpublishByForce(world);
      assert.equal(stateOf(world).isMarked, true);
      await world.reconcile();
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("keeps the mark of an unpublish that comes while it is being staged", () =>
    withSharedVolume(async (world) => {
      const ports = world.ports();
      let pass: unknown;
      world.during.checkpoint = async () => {
        await unpublishByForce(world);
        pass = await ownVolumesReconciler(ports).reconcile("pvc-1", never);
      };
      const staged = await world.answerOf(
        ports.locks.run(diskUri, "NodeStageVolume", () => stageVolume(ports, request, never)),
      );
      assert.equal(staged.ok, true);
      assert.deepEqual(pass, { ok: true, value: { requeueAfterMs: 200 } }, "the call has the volume's lock");
      assert.deepEqual(stateOf(world), { isMarked: true, isRequested: false, checkpoints: 1 });
    }));
});

describe("a node's own work on a volume that several nodes may write", () => {
  it("takes back the mark that a rebuild has made of what is not here", () =>
    withSharedVolume(async (world) => {
      await change(world, { staged: true, role: "Replica", writerRequest: undefined });
      await world.reconcile();
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("unstages what is unpublished by force once no pod has it, and stages it again", () =>
    withSharedVolume(async (world) => {
      assert.equal((await world.publish(request)).ok, true);
      await unpublishByForce(world);
      await world.reconcile();
      const inUse = { isMarked: true, isRequested: false, checkpoints: 1 };
      assert.deepEqual(stateOf(world), inUse, "its target is bound");
      // No change of an object will show that it is unpublished.
      assert.deepEqual(await world.reconcile(), { ok: true, value: { requeueAfterMs: 1_000 } });
      const { ok: isUnbound } = await world.unpublish();
      assert.ok(isUnbound);
      await world.reconcile();
      assert.deepEqual(stateOf(world), UNSTAGED);
      await change(world, { role: "Primary", writerRequest: { since: "2026-01-01T00:00:00.000Z" } });
      assert.equal((await world.publish(request)).ok, true);
      assert.deepEqual(stateOf(world), STAGED);
    }));

  it("takes back the mark of a disk that this machine does not see", () =>
    withSharedVolume(async (world) => {
      world.machine.detach(0);
      await change(world, { staged: true, role: "Replica", writerRequest: undefined });
      await world.reconcile();
      assert.deepEqual(stateOf(world), UNSTAGED);
    }));

  it("keeps the mark where its checkpoint is lost, and a pod has the device", () =>
    withSharedVolume(async (world) => {
      assert.equal((await world.publish(request)).ok, true);
      await unpublishByForce(world);
      await must(world.ports().checkpoints.remove("pvc-1", never));
      await world.reconcile();
      assert.equal(world.attachment()?.spec.staged, true);
    }));
});
