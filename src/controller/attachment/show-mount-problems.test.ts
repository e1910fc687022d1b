import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttachmentStatus, MountProblem } from "../../core/api/az-volume-attachment.ts";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import { fail } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import {
  agoMs,
  anAttachment,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { asksNothing, type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { volumeReconciler } from "../writer/volume-reconciler.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";
import { resetAttachment } from "./removal/reset-attachment.ts";
import { mountEventsReconciler } from "./show-mount-problems.ts";

const never = new AbortController().signal;
const HALF_AN_HOUR_MS = 1_800_000;
const name = attachmentName("node-a");
const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
const dead: MountProblem = { reason: "MountDead", epoch: 1, since: agoMs(1), detail: "its device is gone" };
const repaired: MountProblem = { ...dead, reason: "FileSystemRepaired", detail: "Inode 12 was zapped" };

/** node-a holds pvc-1, and states that. */
async function withStated(
  mountProblems: readonly MountProblem[],
  act: (world: ReconcileWorld) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
    await world.given("AzDriverNode", aDriverNode("node-a"));
    world.attachedTo.add("node-a");
    world.use = { kind: "used", users: ["default/db-0"] };
    await world.given("AzVolumeAttachment", anAttachment("node-a", { metadata, status: { mountProblems } }));
    await act(world);
  });
}

/** One pass of a leader; what it asks to be run again after, in milliseconds. */
async function leads(world: ReconcileWorld): Promise<number | undefined> {
  const done = await world.answerOf(mountEventsReconciler(world.ports).reconcile(name, never));
  assert.ok(done.ok, JSON.stringify(done));
  return done.value.requeueAfterMs;
}

/** The node states something else, which the cache shows. */
async function states(world: ReconcileWorld, status: Partial<AttachmentStatus>): Promise<void> {
  const present = await must(world.other.get("AzVolumeAttachment", name, never));
  const stated = { state: "Attached" as const, ...present.status, ...status };
  const { metadata: written } = await must(
    world.other.updateStatus("AzVolumeAttachment", { ...present, status: stated }, never),
  );
  assert.ok(
    await world.clock.runUntil(
      () =>
        world.ports.cache.get("AzVolumeAttachment", name)?.metadata.resourceVersion ===
        written.resourceVersion,
      10_000,
    ),
  );
}

describe("mountEventsReconciler of the leader", () => {
  it("emits what the node states for claim and pods, and records that it did", () =>
    withStated([repaired, dead], async (world) => {
      const nowMs = world.clock.nowMs();
      assert.equal(await leads(world), HALF_AN_HOUR_MS);
      const about = { kind: "AzVolume", name: "pvc-1" } as const;
      assert.deepEqual(world.emitted, [
        {
          about,
          nodeName: "node-a",
          reason: "FileSystemRepaired",
          message: "node-a has repaired the file system before its mount: Inode 12 was zapped",
          localKey: `node-a FileSystemRepaired ${dead.since}`,
        },
        {
          about,
          nodeName: "node-a",
          reason: "MountDead",
          message: "node-a has lost the use of the volume: its device is gone",
          localKey: `node-a MountDead ${dead.since}`,
        },
      ]);
      const time = toTimestamp(nowMs);
      const { mountProblems, mountProblemsShown } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual(mountProblemsShown, [
        { reason: "FileSystemRepaired", epoch: 1, since: dead.since, time },
        { reason: "MountDead", epoch: 1, since: dead.since, time },
      ]);
      assert.deepEqual(mountProblems, [repaired, dead], "what a node states only the node takes back");
    }));

  it("repeats nothing as a new leader, until what lasts is due, and no repair at all", () =>
    withStated([repaired, dead], async (world) => {
      await leads(world);
      const reasons = (): readonly string[] => world.emitted.slice(2).map(({ reason }) => reason);
      // Each pass is that of a reconciler that knows only the objects.
      for (const afterMs of [0, 60_000, HALF_AN_HOUR_MS - 61_000]) {
        await world.clock.advance(afterMs);
        await leads(world);
      }
      assert.deepEqual(reasons(), []);
      await world.clock.advance(1_000);
      await leads(world);
      assert.deepEqual(reasons(), ["MountDead"]);
    }));

  it("shows once what a node repeats, takes back and states again under one grant", () =>
    withStated([dead], async (world) => {
      await leads(world);
      for (let round = 0; round < 20; round += 1) {
        await states(world, { mountProblems: [] });
        await leads(world);
        await states(world, { mountProblems: [{ ...dead, detail: `lie ${round}`, since: `${round}` }] });
        await leads(world);
      }
      assert.equal(world.emitted.length, 1);
    }));

  it("emits again that of a later mount of a shared volume, after five minutes", () =>
    withStated([{ ...dead, epoch: 0 }], async (world) => {
      const read = await must(world.other.get("AzVolume", "pvc-1", never));
      const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
      await must(world.other.update("AzVolume", { ...read, spec: { ...read.spec, capabilities } }, never));
      const isShared = (): boolean =>
        world.ports.cache.get("AzVolume", "pvc-1")?.spec.capabilities[0]?.accessType === "block";
      assert.ok(await world.clock.runUntil(isShared, 10_000));
      await leads(world);
      for (const since of ["2", "3"]) {
        await states(world, { mountProblems: [{ ...dead, epoch: 0, since }] });
        await leads(world);
      }
      const keys = (): readonly unknown[] => world.emitted.map(({ localKey }) => localKey);
      assert.equal(keys().length, 1);
      await world.clock.advance(300_000);
      await leads(world);
      assert.deepEqual(keys(), [`node-a MountDead ${dead.since}`, "node-a MountDead 3"]);
    }));

  it("emits again where the record of it was not written, and only then", () =>
    withStated([dead], async (world) => {
      const failure = { kind: "StoreUnavailable", detail: "no answer" } as const;
      const store = { ...world.ports.store, updateStatus: async () => fail(failure) };
      const done = mountEventsReconciler({ ...world.ports, store }).reconcile(name, never);
      assert.deepEqual(await world.answerOf(done), fail(failure));
      await leads(world);
      await leads(world);
      const keys = world.emitted.map(({ localKey }) => localKey);
      const key = `node-a MountDead ${dead.since}`;
      assert.deepEqual(keys, [key, key]);
    }));

  it("shows nothing of a node that does not hold the volume", () =>
    withStated([dead], async (world) => {
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-b") }));
      assert.equal(await leads(world), undefined);
      assert.deepEqual(world.emitted, []);
    }));

  it("shows once what a node has lost that has released the volume since", () =>
    withStated([{ ...dead, reason: "WritesLost", detail: "EIO" }], async (world) => {
      await states(world, { role: "Primary" });
      await world.setRecord(({ writer: _, ...record }) => ({ ...record, epoch: 1 }));
      assert.equal(await leads(world), undefined);
      await leads(world);
      assert.deepEqual(
        world.emitted.map(({ reason, nodeName, message }) => [reason, nodeName, message]),
        [["WritesLost", "node-a", "node-a has reported lost writes of the volume: EIO"]],
      );
    }));

  it("shows what was lost where the cache has the release before the statement", () =>
    withStated([], async (world) => {
      await states(world, { role: "Primary" });
      await world.setRecord(({ writer: _, ...record }) => ({ ...record, epoch: 1 }));
      const present = await must(world.other.get("AzVolumeAttachment", name, never));
      const lost: MountProblem = { ...dead, reason: "WritesLost", detail: "EIO" };
      const status = { state: "Attached" as const, ...present.status, mountProblems: [lost] };
      await must(world.other.updateStatus("AzVolumeAttachment", { ...present, status }, never));
      const reconciler = attachmentReconciler(world.ports);
      const demotes = async (): Promise<boolean> => {
        assert.ok((await world.answerOf(reconciler.reconcile(name, never))).ok);
        return world.attachment("node-a")?.status?.role === "Replica";
      };
      assert.ok((await demotes()) || (await demotes()), "the node is a replica from now on");
      await leads(world);
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => [reason, message]),
        [["WritesLost", "node-a has reported lost writes of the volume: EIO"]],
      );
      assert.equal(world.attachment("node-a")?.status?.mountProblemsShown?.[0]?.reason, "WritesLost");
    }));

  it("believes no lost writes of a fenced node that has the disk again as a replica", () =>
    withStated([], async (world) => {
      await states(world, { role: "Primary" });
      await world.setRecord((record) => ({ ...record, epoch: 5, writer: aWriter("node-b", { epoch: 5 }) }));
      const node = identity("node-a");
      await must(resetAttachment(world.other, { diskUri, node, proof: "entryGone" }, never));
      const { vmId, instanceUri } = node;
      const lie: MountProblem = { ...dead, reason: "WritesLost", epoch: 4 };
      await states(world, { state: "Attaching", vmId, instanceUri, mountProblems: [lie] });
      await leads(world);
      assert.deepEqual(world.emitted, []);
    }));

  it("shows nothing of an attachment that is gone, or whose volume is", () =>
    withControllerPorts(async (world) => {
      assert.equal(await leads(world), undefined);
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { mountProblems: [dead] } }));
      assert.equal(await leads(world), undefined);
      assert.deepEqual(world.emitted, []);
    }));

  it("leads to no detach, fence, recall or revocation, and to one condition", () =>
    withStated([dead], async (world) => {
      const pass = async (): Promise<void> => {
        const volume = volumeReconciler(world.ports, asksNothing);
        for (const reconciler of [attachmentReconciler(world.ports), mountEventsReconciler(world.ports)])
          assert.ok((await world.answerOf(reconciler.reconcile(name, never))).ok);
        assert.ok((await world.answerOf(volume.reconcile("pvc-1", never))).ok);
      };
      await pass();
      const conditions = (): readonly string[] =>
        (world.volume()?.status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);
      assert.ok(conditions().includes("MountUnhealthy MountDead"), conditions().join());
      assert.deepEqual(world.steps, ["label-nodes"]);
      assert.deepEqual(world.record()?.writer, aWriter("node-a"));
      const { spec, status } = world.attachment("node-a") ?? assert.fail("no attachment");
      assert.deepEqual(
        [spec.recall, status?.state, world.attachedTo.has("node-a")],
        [undefined, "Attached", true],
      );
      await states(world, { mountProblems: [] });
      await pass();
      assert.ok(!conditions().some((condition) => condition.startsWith("MountUnhealthy")));
    }));
});
