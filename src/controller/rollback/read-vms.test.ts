import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  REBUILD_ANNOTATION,
  STORE_INCARNATION_ANNOTATION,
  VMS_READ_ANNOTATION,
} from "../../core/api/lease.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  agoMs,
  anAttachment,
  attachmentName,
  aVolumeWithRecord,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { storeRefusing } from "../testing/store-refusing.ts";
import { readVmsReconciler } from "./read-vms.ts";

const never = new AbortController().signal;
const a = identity("node-a");

/** What Azure shows: an entry for the disk on node-a's VM, and the VMs that the disk names. */
interface Shown {
  readonly names?: readonly string[];
  readonly beingDetached?: boolean;
  /** Instead of an answer for node-b's VM. */
  readonly failure?: Failure;
  /** Runs before the disk is read. */
  readonly during?: () => Promise<void>;
  /** Default: the controller's own. */
  readonly store?: ObjectStore;
  /** How often the loop runs; `failure` is of the first time. */
  readonly passes?: number;
}

/** A store of incarnation 2, in which pvc-1 is known and no attachment is. */
async function withRestored(
  act: (world: ReconcileWorld) => Promise<void>,
  { mark = 0 }: { readonly mark?: number } = {},
): Promise<void> {
  await withControllerPorts(async (world) => {
    const annotations = { [STORE_INCARNATION_ANNOTATION]: "2", [REBUILD_ANNOTATION]: String(mark) };
    const lease = {
      metadata: { name: CONTROLLER_LEASE, annotations },
      spec: {
        holderIdentity: "controller",
        leaseDurationSeconds: 15,
        renewTime: agoMs(0),
        leaseTransitions: 0,
      },
    };
    assert.ok((await world.other.create("Lease", lease, never)).ok);
    await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 2 }));
    for (const nodeName of ["node-a", "node-b"]) {
      await world.given("AzDriverNode", aDriverNode(nodeName));
      world.instances.set(instanceUriOf(nodeName), identity(nodeName).vmId);
    }
    await act(world);
  });
}

/** The last pass, and the VMs that all have read. */
async function readVms(
  world: ReconcileWorld,
  {
    names = ["node-b"],
    beingDetached = false,
    failure,
    during,
    store = world.ports.store,
    passes = 1,
  }: Shown = {},
): Promise<{ readonly reconciled: Reconciled; readonly read: readonly string[] }> {
  const read: string[] = [];
  let isFirst = true;
  const cloud: CloudProvisioner = {
    ...world.ports.cloud,
    getDisk: async (asked) => {
      await during?.();
      return ok(aDisk({ ...asked, attachedTo: names.map(instanceUriOf) }));
    },
    inspectInstance: async (request, signal) => {
      read.push(request.nodeName);
      if (isFirst && failure !== undefined && request.nodeName === "node-b") return fail(failure);
      const instance = await world.ports.cloud.inspectInstance(request, signal);
      return instance.ok && request.nodeName === "node-a"
        ? ok({ ...instance.value, dataDisks: [{ diskUri, lun: 3, beingDetached }] })
        : instance;
    },
  };
  const { reconcile } = readVmsReconciler({ ...world.ports, store, cloud });
  let reconciled = await world.answerOf(reconcile("store", never));
  isFirst = false;
  for (let pass = 2; pass <= passes; pass++) reconciled = await world.answerOf(reconcile("store", never));
  return { reconciled, read };
}

async function markOf(world: ReconcileWorld): Promise<number> {
  return annotatedNumber(await must(world.other.get("Lease", CONTROLLER_LEASE, never)), VMS_READ_ANNOTATION);
}

describe("the VMs after a store was restored", () => {
  it("are read once: an entry that nothing names gets an attachment, by which it goes", () =>
    withRestored(async (world) => {
      const { reconciled, read } = await readVms(world);
      assert.deepEqual([reconciled, read], [ok({}), ["node-a", "node-a", "node-b"]]);
      assert.deepEqual(world.readLanes, new Set(["prune"]));
      const { listed: { time: _, ...listed } = { time: "" }, ...status } =
        world.attachment("node-a")?.status ?? {};
      const { vmId, instanceUri } = a;
      assert.deepEqual(status, { state: "AttachmentFailed", vmId, instanceUri });
      assert.deepEqual(listed, { lun: 3, storeIncarnation: 2 });
      assert.equal(world.attachment("node-a")?.spec.role, "Replica");
      assert.equal(await markOf(world), 2);
      assert.deepEqual((await readVms(world)).read, [], "one reading for each restored store");
    }));

  for (const { names, lun, isMarked } of [
    { names: ["node-a"], lun: 0, isMarked: true },
    { names: ["node-a"], lun: 3, isMarked: undefined },
  ])
    it(`show that a restored attachment at LUN ${lun} is ${isMarked ? "wrong" : "right"}: the VM has 3`, () =>
      withRestored(async (world) => {
        const place = { state: "Attached", lun, vmId: a.vmId, instanceUri: a.instanceUri } as const;
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: place }));
        assert.deepEqual((await readVms(world, { names })).reconciled, ok({}));
        assert.equal(world.attachment("node-a")?.status?.deviceMissing, isMarked);
        assert.equal(await markOf(world), 2);
      }));

  /** Two attachments to node-a, whose disks are not where they say; returns the second one's name. */
  async function twoWrong(world: ReconcileWorld): Promise<string> {
    const volumeId = diskUri.replace("pvc-1", "pvc-2");
    const name = attachmentObjectName({ diskUri: volumeId, nodeName: "node-a" });
    const place = { state: "Attached", lun: 0, vmId: a.vmId, instanceUri: a.instanceUri } as const;
    const other = anAttachment("node-a", {
      metadata: { name, uid: "uid-other" },
      spec: { volumeName: "pvc-2", volumeId },
      status: { ...place, lun: 1 },
    });
    await world.given("AzVolumeAttachment", anAttachment("node-a", { status: place }));
    await world.given("AzVolumeAttachment", other);
    return name;
  }

  it("are read again where one of several failures may end by itself", () =>
    withRestored(async (world) => {
      const name = await twoWrong(world);
      const unavailable = { kind: "CloudUnavailable", code: "503", message: "", requestId: "" } as const;
      const { store } = storeRefusing(world, "node-a");
      const updateStatus: ObjectStore["updateStatus"] = (kind, object, signal) =>
        object.metadata.name === name
          ? Promise.resolve(fail(unavailable))
          : store.updateStatus(kind, object, signal);
      const { reconciled } = await readVms(world, { names: ["node-a"], store: { ...store, updateStatus } });
      assert.deepEqual(reconciled, fail(unavailable));
    }));

  it("show a wrong attachment where the store refuses to correct another one", () =>
    withRestored(async (world) => {
      const name = await twoWrong(world);
      await readVms(world, { names: ["node-a"], store: storeRefusing(world, "node-a").store });
      const corrected = await must(world.other.get("AzVolumeAttachment", name, never));
      assert.equal(corrected.status?.deviceMissing, true);
    }));

  it("are read one a second: a thousand of them must leave reads to pods that wait", () =>
    withRestored(async (world) => {
      const startedMs = world.clock.elapsedMs();
      await readVms(world);
      assert.ok(world.clock.elapsedMs() - startedMs >= 2_000);
    }));

  it("are not read while the records are rebuilt", () =>
    withRestored(async (world) => assert.deepEqual((await readVms(world)).read, []), { mark: 3 }));

  for (const { shown, because } of [
    { shown: { names: ["node-a"] }, because: "its disk names the VM: recovery makes its attachment" },
    { shown: { beingDetached: true }, because: "it is being detached" },
  ])
    it(`leave an entry alone: ${because}`, () =>
      withRestored(async (world) => {
        await readVms(world, shown);
        assert.equal(world.attachment("node-a"), undefined);
        assert.equal(await markOf(world), 2);
      }));

  it("are read again while a listed volume's record is still to be rebuilt", () =>
    withRestored(async (world) => {
      await world.setRecord((record) => ({ ...record, storeIncarnation: 1 }));
      await world.clock.advance(1_000);
      assert.equal((await readVms(world)).reconciled.ok, false);
      assert.deepEqual([world.attachment("node-a"), await markOf(world)], [undefined, 0]);
      await world.setRecord((record) => ({ ...record, storeIncarnation: 2 }));
      await world.clock.advance(1_000);
      assert.deepEqual((await readVms(world)).reconciled, ok({}));
      assert.equal(world.attachment("node-a")?.status?.state, "AttachmentFailed");
    }));

  it("leave an entry alone while a container there may use its device", () =>
    withRestored(async (world) => {
      world.use = { kind: "used", users: ["pod default/db-0"] };
      await readVms(world);
      assert.equal(world.attachment("node-a"), undefined);
    }));

  it("do not correct an attachment that was made in the middle, and is attached", () =>
    withRestored(async (world) => {
      const status = { state: "Attached", lun: 3, vmId: a.vmId, instanceUri: a.instanceUri } as const;
      const [name, { spec }] = [attachmentName("node-a"), anAttachment("node-a")];
      const attach = async (): Promise<void> => {
        const made = await must(
          world.other.create("AzVolumeAttachment", { metadata: { name }, spec }, never),
        );
        await must(world.other.updateStatus("AzVolumeAttachment", { ...made, status }, never));
      };
      await readVms(world, { during: attach });
      assert.deepEqual(world.attachment("node-a")?.status, status);
    }));

  it("are read again where Azure did not answer for one, which delays no other", () =>
    withRestored(async (world) => {
      const failure = {
        kind: "CloudUnavailable",
        code: "InternalError",
        message: "",
        requestId: "",
      } as const;
      const { reconciled } = await readVms(world, { failure });
      assert.deepEqual(reconciled, fail(failure));
      assert.notEqual(world.attachment("node-a"), undefined);
      assert.equal(await markOf(world), 0);
      await readVms(world);
      assert.equal(await markOf(world), 2);
    }));

  it("are read again only where they could not be read", () =>
    withRestored(async (world) => {
      const failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" } as const;
      const { read } = await readVms(world, { failure, passes: 2 });
      assert.deepEqual(read, ["node-a", "node-a", "node-b", "node-b"]);
      assert.equal(await markOf(world), 2);
    }));

  it("are read also of a node that registers again: the backup may lack it", () =>
    withRestored(async (world) => {
      const { spec, status } = aDriverNode("node-0");
      const register = async (): Promise<void> => {
        const made = await must(
          world.other.create("AzDriverNode", { metadata: { name: "node-0" }, spec }, never),
        );
        assert.ok(status !== undefined);
        await must(world.other.updateStatus("AzDriverNode", { ...made, status }, never));
      };
      const { read } = await readVms(world, { during: register });
      assert.deepEqual(read, ["node-a", "node-a", "node-0", "node-b"]);
    }));

  it("are read also of a node that reports its VM only during the pass", () =>
    withRestored(async (world) => {
      const { spec, status } = aDriverNode("node-0");
      const registered = await must(
        world.other.create("AzDriverNode", { metadata: { name: "node-0" }, spec }, never),
      );
      await world.clock.advance(1_000);
      assert.ok(status !== undefined);
      const reported = { ...registered, status };
      const during = async (): Promise<void> => {
        await must(world.other.updateStatus("AzDriverNode", reported, never));
      };
      const { read } = await readVms(world, { during });
      assert.deepEqual(read, ["node-a", "node-a", "node-0", "node-b"]);
    }));

  it("are not read again and again for one that Azure refuses to show", () =>
    withRestored(async (world) => {
      const failure = {
        kind: "CloudUnauthorized",
        code: "AuthorizationFailed",
        message: "",
        requestId: "",
      } as const;
      await readVms(world, { failure });
      assert.equal(await markOf(world), 2);
    }));

  it("are read for the next restored store from the beginning", () =>
    withRestored(async (world) => {
      const restoredAgain = async (): Promise<void> => {
        const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
        const annotations = { ...lease.metadata.annotations, [REBUILD_ANNOTATION]: "3" };
        await must(
          world.other.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations } }, never),
        );
      };
      const { read } = await readVms(world, { during: restoredAgain });
      assert.deepEqual(read, ["node-a", "node-a"]);
      assert.equal(await markOf(world), 0);
    }));
});
