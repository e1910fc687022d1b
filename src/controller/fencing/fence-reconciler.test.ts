import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import {
  anAttachment,
  aRecord,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { changedRecord, listIn } from "../../core/testing/record-lists.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { remakeVolume, removeVolume } from "../testing/remake-volume.ts";
import { fenceReconciler } from "./fence-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const unrequested = aWriter("node-a", { requested: false });

/** A world in which node-a holds the unrequested volume and its fence has begun. */
async function withFence(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord({ writer: unrequested, fencing: a }));
    await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 3 } }));
    world.attachedTo.add("node-a");
    world.disks.add(diskUri);
    await act(world);
  });
}

const fence = (world: ReconcileWorld): Promise<unknown> =>
  world.answerOf(fenceReconciler(world.ports).reconcile("pvc-1", never));

describe("fenceReconciler", () => {
  it("fences the node with proof, then quarantines it with the place of its VM", () =>
    withFence(async (world) => {
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual([...world.attachedTo], []);
      assert.deepEqual(
        world.record(),
        aVolumeWithRecord({ epoch: 1, quarantined: [identity("node-a")] }).status?.record,
      );
      assert.deepEqual(await fence(world), { ok: true, value: {} });
    }));

  it("resets where the disk was attached, since another disk may get that LUN", () =>
    withFence(async (world) => {
      await fence(world);
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Pending", provenOff: a.vmId });
    }));

  it("marks an attachment without a place as proven off, for a stale attach to notice", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: unrequested, fencing: a }));
      const { metadata, spec } = anAttachment("node-a");
      await world.given("AzVolumeAttachment", { metadata, spec, status: { state: "Pending" } });
      world.disks.add(diskUri);
      const before = world.attachment("node-a")?.metadata.resourceVersion;
      await fence(world);
      assert.deepEqual(listIn(world.record(), "quarantined"), [a]);
      assert.notEqual(world.attachment("node-a")?.metadata.resourceVersion, before);
    }));

  it("marks nothing left to detach only where the VM has no entry for the disk", () =>
    withFence(async (world) => {
      const cloud = {
        ...world.ports.cloud,
        barrier: async () => ok({ kind: "instanceGone", detail: "no such VM" } as const),
      };
      await world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Pending" });
    }));

  it("proves again, and ends, the fence of a node that has released during it", () =>
    withFence(async (world) => {
      world.during.fence = () =>
        world.setRecord((record) => ({ ...record, writer: { ...unrequested, held: false } }));
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual(world.record()?.fencing, a);
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual(world.record(), aRecord({ epoch: 1, quarantined: [identity("node-a")] }));
    }));

  it("ends a fence during whose proof its node was preempted and another granted", () =>
    withFence(async (world) => {
      const writer = aWriter("node-b", { epoch: 2 });
      const preempted = changedRecord(aRecord({ epoch: 2, writer }), { quarantined: [a] });
      world.during.fence = () =>
        world.setRecord(() => ({ ...preempted, fencing: { ...a, preempted: unrequested.epoch } }));
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual(world.record(), preempted);
    }));

  it("does not accept a proof from an earlier grant", () =>
    withFence(async (world) => {
      world.during.fence = () =>
        world.setRecord((record) => ({ ...record, writer: { ...unrequested, epoch: 2 } }));
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual(world.record()?.writer, { ...unrequested, epoch: 2 });
      assert.deepEqual(world.record()?.fencing, a);
    }));

  it("does not accept a proof from before a restore of the store", () =>
    withFence(async (world) => {
      // Another process has ended the fence; the restored record has the same grant, fenced again.
      world.during.fence = () =>
        world.setRecord((record) => ({ ...record, storeIncarnation: record.storeIncarnation + 1 }));
      await fence(world);
      assert.deepEqual(world.record()?.fencing, a);
    }));

  it("leaves the attachment of a node whose fence another process has ended", () =>
    withFence(async (world) => {
      world.during.fence = () =>
        world.setRecord(({ fencing: _, ...record }) => ({
          ...record,
          writer: aWriter("node-a", { epoch: 2 }),
          epoch: 2,
        }));
      await fence(world);
      assert.equal(world.record()?.writer?.held, true);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached");
      assert.equal(world.attachment("node-a")?.status?.lun, 3);
    }));

  it("proves again a fence that began after a later grant was released", () =>
    withFence(async (world) => {
      await world.setRecord(({ writer: _, ...record }) => record);
      world.during.fence = () => world.setRecord((record) => ({ ...record, epoch: 2 }));
      await fence(world);
      assert.deepEqual(world.record()?.fencing, a);
    }));

  it("does not touch a recreated object of the same name", () =>
    withFence(async (world) => {
      world.during.fence = () => remakeVolume(world);
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual(world.record()?.writer, unrequested);
    }));

  it("reads the record uncached before the detach, and does nothing without a fence", () =>
    withFence(async (world) => {
      const stale = world.ports.cache.get("AzVolume", "pvc-1");
      await world.setRecord(({ fencing: _, ...record }) => ({ ...record, writer: aWriter("node-a") }));
      assert.notEqual(stale?.status?.record?.fencing, undefined);
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual([...world.attachedTo], ["node-a"]);
    }));

  it("forces no disk of others with its own, with an event about its volume", () =>
    withFence(async (world) => {
      const others = `${diskUri}-of-others`;
      const forced: unknown[] = [];
      const barrier: CloudProvisioner["barrier"] = async ({ forcedDetaches }, signal) => {
        forced.push(await forcedDetaches?.([others, diskUri], signal));
        return fail({ kind: "Refused", diskUri });
      };
      const cloud = { ...world.ports.cloud, barrier };
      await world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      const told = world.emitted.map(({ about, reason }) => [about.name, reason]);
      assert.deepEqual([forced, told], [[[diskUri]], [["pvc-1", "DetachNotForced"]]]);
    }));

  const changes: readonly {
    readonly because: string;
    readonly change: (world: ReconcileWorld) => Promise<void>;
  }[] = [
    { because: "the object was recreated, with another fence", change: remakeVolume },
    {
      because: "the node has shown itself clean",
      change: ({ setRecord }) => setRecord(({ fencing: _, ...record }) => record),
    },
    {
      because: "another node is being fenced",
      change: ({ setRecord }) => setRecord((record) => ({ ...record, fencing: identity("node-b") })),
    },
    {
      because: "the record is of another store incarnation",
      change: ({ setRecord }) => setRecord((record) => ({ ...record, storeIncarnation: 7 })),
    },
    { because: "the object is gone", change: removeVolume },
  ];
  for (const { because, change } of changes)
    it(`detaches no disk right before the update where ${because}`, () =>
      withFence(async (world) => {
        const { barrier } = world.ports.cloud;
        const cloud: CloudProvisioner = {
          ...world.ports.cloud,
          barrier: async (request, signal) => {
            await change(world);
            return barrier(request, signal);
          },
        };
        await world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
        assert.deepEqual([[...world.attachedTo], world.emitted], [["node-a"], []]);
      }));

  it("ends where the volume is gone, and requeues where the store does not respond", () =>
    withFence(async (world) => {
      world.store.failNext({ fault: "unavailable", verb: "get", kind: "AzVolume" });
      const failed = (await fence(world)) as { readonly ok: boolean };
      const shown = world.ports.cache.get("AzVolume", "pvc-1");
      const get = ((): typeof shown => shown) as typeof world.ports.cache.get;
      const reconciler = fenceReconciler({ ...world.ports, cache: { ...world.ports.cache, get } });
      await removeVolume(world);
      assert.deepEqual(
        [failed.ok, await world.answerOf(reconciler.reconcile("pvc-1", never))],
        [false, { ok: true, value: {} }],
      );
    }));

  // Its calls took the budget that the rebuild needed to read the same VM.
  it("asks Azure nothing by a record that is still to be rebuilt", () =>
    withFence(async (world) => {
      const cloud = { ...world.ports.cloud, barrier: () => assert.fail("the fence would be refused") };
      world.ports.leaseHighWaterMark.saw(aLease({ incarnation: 0, mark: 1 }));
      const fenced = await world.answerOf(
        fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never),
      );
      assert.deepEqual(fenced, { ok: true, value: {} });
      assert.deepEqual(world.record()?.fencing, a);
    }));

  it("requeues where the store fails between Azure's read and its write", () =>
    withFence(async (world) => {
      const { barrier } = world.ports.cloud;
      const cloud: CloudProvisioner = {
        ...world.ports.cloud,
        barrier: (request, signal) => {
          world.store.failNext({ fault: "unavailable", verb: "get", kind: "AzVolume" });
          return barrier(request, signal);
        },
      };
      const refused = { ok: false, failure: { kind: "Refused", diskUri, nodeName: "node-a" } };
      assert.deepEqual(
        await world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never)),
        refused,
      );
      assert.deepEqual([[...world.attachedTo], world.record()?.fencing], [["node-a"], a]);
      assert.deepEqual(await fence(world), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "quarantined"), [identity("node-a")]);
    }));

  it("reports the missing proof, and later the proof, to the node, claim and pods", () =>
    withFence(async (world) => {
      const about = { kind: "AzVolume", name: "pvc-1" } as const;
      const failure = {
        kind: "CloudUnavailable",
        code: "Timeout",
        message: "later",
        requestId: "r-1",
      } as const;
      const cloud = { ...world.ports.cloud, barrier: async () => fail(failure) };
      await world.answerOf(fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never));
      await fence(world);
      const unverified =
        "node-a is not proven to be off the disk yet, so no other node may write: " +
        describeFailure(failure);
      assert.deepEqual(
        world.emitted.map(({ message, ...event }) => ({
          ...event,
          message: message.replace(/disk: .*/u, "disk"),
        })),
        [
          {
            about,
            nodeName: "node-a",
            reason: "NoProof",
            localKey: "CloudUnavailable Timeout",
            message: unverified,
          },
          { about, nodeName: "node-a", reason: "Fenced", message: "node-a is proven to be off the disk" },
        ],
      );
    }));

  it("names the VM once where no write moves its ETag, and frees nothing", () =>
    withFence(async (world) => {
      const failure = {
        kind: "EtagNotMoved",
        nodeName: "node-a",
        instanceUri: a.instanceUri,
        retryAfterMs: 60_000,
      } as const;
      const cloud = { ...world.ports.cloud, barrier: () => Promise.resolve(fail(failure)) };
      const before = world.record();
      const pass = fenceReconciler({ ...world.ports, cloud }).reconcile("pvc-1", never);
      assert.deepEqual(await world.answerOf(pass), fail(failure));
      assert.deepEqual(world.record(), before);
      const said = {
        reason: "EtagNotMoved",
        localKey: `EtagNotMoved ${a.instanceUri}`,
        message: describeFailure(failure),
      };
      assert.match(said.message, new RegExp(a.instanceUri, "u"));
      assert.deepEqual(world.emitted, [
        { about: { kind: "AzVolume", name: "pvc-1" }, nodeName: "node-a", ...said },
        { about: { kind: "AzDriverNode", name: "node-a" }, ...said },
      ]);
    }));
});
