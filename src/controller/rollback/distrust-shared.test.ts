import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  aReplica,
  aVolume,
  aVolumeWithRecord,
  anAttachment,
  diskUri,
  identity,
  instanceUriOf,
  leaving,
} from "../../core/testing/objects.ts";
import { attachmentReconciler } from "../attachment/attachment-reconciler.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { storeRefusing } from "../testing/store-refusing.ts";
import { distrustShared, sharedDisk } from "./distrust-shared.ts";

const never = new AbortController().signal;
const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
const shared: AzVolume = { ...aVolume({ spec: { capabilities } }), status };
const unavailable: Failure = { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" };

function stateOn(world: ReconcileWorld, nodeName: string): unknown {
  const present = world.attachment(nodeName);
  return [present?.status?.state, present?.status?.attempt !== undefined, present?.status?.lun];
}

interface Expected {
  readonly listDisks: ReconcileWorld["ports"]["cloud"]["listDisks"];
  readonly store: ReconcileWorld["ports"]["store"];
  readonly expected: Awaited<ReturnType<typeof distrustShared>>;
}

/** Azure shows the disk on node-a and node-b, or fails. */
async function distrust(
  world: ReconcileWorld,
  failure?: Failure,
  {
    store = world.ports.store,
    expected = ok(undefined),
    listDisks = async () => ok([]),
  }: Partial<Expected> = {},
): Promise<readonly Failure[]> {
  const unread: Failure[] = [];
  for (const nodeName of ["node-a", "node-b"])
    await world.given("AzDriverNode", aDriverNode(nodeName, identity(nodeName)));
  for (const nodeName of ["node-a", "node-b"])
    world.instances.set(instanceUriOf(nodeName), identity(nodeName).vmId);
  const cloud: ReconcileWorld["ports"]["cloud"] = {
    ...world.ports.cloud,
    listDisks,
    getDisk: async () =>
      failure === undefined
        ? ok(aDisk({ attachedTo: ["node-a", "node-b"].map(instanceUriOf) }))
        : fail(failure),
    inspectInstance: async (asked, signal) => {
      const instance = await world.ports.cloud.inspectInstance(asked, signal);
      const dataDisks = [{ diskUri, lun: 4, beingDetached: false }];
      return instance.ok ? ok({ ...instance.value, dataDisks }) : instance;
    },
  };
  const disk = sharedDisk(shared) ?? assert.fail("it is shared");
  const done = await world.answerOf(
    distrustShared({ ...world.ports, cloud, store }, disk, (one) => unread.push(one), never),
  );
  assert.deepEqual(done, expected);
  return unread;
}

describe("distrustShared", () => {
  it("marks every attachment that names a VM, and makes those that a backup lacks", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await world.given("AzVolumeAttachment", leaving(aReplica("node-c")));
      await world.given("AzVolumeAttachment", anAttachment("node-d", { status: undefined }));
      assert.deepEqual(await distrust(world), []);
      assert.deepEqual(
        ["node-a", "node-b", "node-c", "node-d"].map((nodeName) => stateOn(world, nodeName)),
        [
          ["Detaching", true, 0],
          ["Detaching", true, 4],
          ["Detaching", true, 0],
          [undefined, false, undefined],
        ],
      );
    }));

  it("marks each as staged: since the backup its node may have staged the volume", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await world.given("AzVolumeAttachment", aReplica("node-c"));
      await distrust(world);
      const marks = ["node-a", "node-b", "node-c"].map((name) => world.attachment(name)?.spec.staged);
      assert.deepEqual(marks, [true, true, true]);
    }));

  it("marks what the objects name also while Azure fails, and reports that", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      assert.deepEqual(await distrust(world, unavailable), [unavailable]);
      assert.deepEqual(stateOn(world, "node-a"), ["Detaching", true, 0]);
    }));

  for (const isListed of [true, false])
    it(`${isListed ? "reports" : "passes"} a disk that is ${isListed ? "only" : "really"} not found`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", shared);
        const listDisks = async () => ok(isListed ? [aDisk({ diskUri })] : []);
        const unread = await distrust(world, { kind: "DiskNotFound", diskUri }, { listDisks });
        const codes = unread.map((failure) => "code" in failure && failure.code);
        assert.deepEqual(codes, isListed ? ["DiskNotShown"] : []);
      }));

  for (const refusedOn of ["node-a", "node-b", "node-c"])
    it(`marks all others where one takes no mark: ${refusedOn}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", shared);
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        await world.given("AzVolumeAttachment", aReplica("node-c"));
        const { store, name } = storeRefusing(world, refusedOn);
        const refused = {
          kind: "ObjectInvalid",
          objectKind: "AzVolumeAttachment",
          name,
          problem: "",
        } as const;
        assert.deepEqual(await distrust(world, undefined, { store, expected: fail(refused) }), []);
        assert.deepEqual(
          ["node-a", "node-b", "node-c"].filter(
            (nodeName) => world.attachment(nodeName)?.status?.state !== "Detaching",
          ),
          [refusedOn],
        );
      }));

  it("makes the next plan move the VM's ETag before its node may stage the volume", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", shared);
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await distrust(world);
      world.attachedTo.add("node-a");
      const flushed: string[] = [];
      const cloud: ReconcileWorld["ports"]["cloud"] = {
        ...world.ports.cloud,
        barrier: async (asked, signal) => {
          assert.deepEqual(stateOn(world, "node-a"), ["Detaching", true, 0]);
          flushed.push(asked.node.nodeName);
          return world.ports.cloud.barrier(asked, signal);
        },
        inspectInstance: async (asked, signal) => {
          const instance = await world.ports.cloud.inspectInstance(asked, signal);
          const dataDisks = [{ diskUri, lun: 0, beingDetached: false }];
          return instance.ok ? ok({ ...instance.value, dataDisks }) : instance;
        },
      };
      const { name } = anAttachment("node-a").metadata;
      await world.answerOf(attachmentReconciler({ ...world.ports, cloud }).reconcile(name, never));
      assert.deepEqual([flushed, stateOn(world, "node-a")], [["node-a"], ["Attached", false, 0]]);
    }));

  it("leaves alone a volume of one writer, and one without a disk", () => {
    const { detail: _detail, ...early } = status;
    assert.deepEqual([aVolumeWithRecord({}), aVolume(), { ...shared, status: early }].map(sharedDisk), [
      undefined,
      undefined,
      undefined,
    ]);
  });
});
