import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { annotatedNumber, CONTROLLER_LEASE, STORE_GENERATION_ANNOTATION, SWEEP_ANNOTATION } from "../../core/api/lease.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aDetail, agoMs, aRecord, aVolume, aVolumeWithRecord, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { proveClean } from "../../core/writer/writer-steps.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { anInstance } from "../testing/an-instance.ts";
import { remakeVolume, removeVolume } from "../testing/remake-volume.ts";
import { settleReconciler } from "./vm-barrier-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");
const found: Partial<WriterRecord> = { foundInUse: true, unproven: [a, b], epoch: 4 };
const unsettled: Partial<WriterRecord> = { ...found, unsettled: [a, b] };
const marked = { kind: "CloudUnavailable", code: "OthersDetachPending", message: "others have marked a disk in use", requestId: "" } as const;
const inUpdate = { kind: "CloudUnavailable", code: "Conflict", message: "an update is under way", requestId: "" } as const;

/** A world with two records that were made anew, while a detach that the lost ones allowed may be under way to two VMs; each test looks at the first. */
async function withUnsettled(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    for (const { instanceUri, vmId } of [a, b]) world.instances.set(instanceUri, vmId);
    await world.given("AzVolume", aVolumeWithRecord(unsettled));
    const other = aVolumeWithRecord(unsettled);
    await world.given("AzVolume", { ...other, metadata: { ...other.metadata, name: "pvc-2", uid: "uid-pvc-2" } });
    await act(world);
  });
}

function settleA(world: ReconcileWorld, cloud: Partial<CloudProvisioner> = {}): Promise<unknown> {
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, ...cloud } };
  return world.answerOf(settleReconciler(ports).reconcile("node-a", never));
}

/** How often the platform is asked to settle a VM, and nothing goes wrong. */
function counting(): { readonly settleInstance: CloudProvisioner["settleInstance"]; readonly asked: () => number } {
  let asked = 0;
  const settleInstance: CloudProvisioner["settleInstance"] = async ({ diskUri: uri, node, mayProceed }, signal) => {
    asked += 1;
    return (await mayProceed(signal)) ? ok(undefined) : fail({ kind: "Refused", diskUri: uri, nodeName: node.nodeName });
  };
  return { settleInstance, asked: () => asked };
}

describe("a VM that lost records may have sent an update to", () => {
  it("is settled once for all volumes that it has, and its node may claim them", () =>
    withUnsettled(async (world) => {
      const { settleInstance, asked } = counting();
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: true, value: {} });
      assert.deepEqual(world.record(), aRecord({ ...found, unsettled: [b] }), "nobody has looked after node-b");
      const other = await world.other.get("AzVolume", "pvc-2", never);
      assert.deepEqual(other.ok && other.value.status?.record?.unsettled, [b]);
      assert.equal(asked(), 1);
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: true, value: {} });
      assert.equal(asked(), 1, "it is settled");
    }));

  it("is read and recorded with one call to the store at a time, however many volumes it has", () =>
    withUnsettled(async (world) => {
      let [underWay, most] = [0, 0];
      const alone = async <T>(call: Promise<T>): Promise<T> => {
        most = Math.max(most, ++underWay);
        return call.finally(() => underWay--);
      };
      const { store } = world.ports;
      const counted: ReconcileWorld["ports"]["store"] = {
        ...store,
        get: (...asked) => alone(store.get(...asked)),
        updateStatus: (...asked) => alone(store.updateStatus(...asked)),
      };
      const ports = { ...world.ports, store: counted, cloud: { ...world.ports.cloud, ...counting() } };
      assert.deepEqual(await world.answerOf(settleReconciler(ports).reconcile("node-a", never)), { ok: true, value: {} });
      assert.deepEqual(world.record()?.unsettled, [b]);
      assert.equal(most, 1);
    }));

  it("stays unsettled while Azure does not take an update of it, and people are told", () =>
    withUnsettled(async (world) => {
      assert.deepEqual(await settleA(world, { settleInstance: async () => fail(inUpdate) }), { ok: false, failure: inUpdate });
      assert.deepEqual(world.record(), aRecord(unsettled));
      assert.deepEqual(
        world.told.map(({ reason, nodeName, about }) => [reason, nodeName, about.name]),
        [
          ["NotSettled", "node-a", "pvc-1"],
          ["NotSettled", "node-a", "pvc-2"],
        ],
      );
    }));

  it("stays unsettled for a disk that it still lists as one that is coming off: its next update may carry that out", () =>
    withUnsettled(async (world) => {
      const listed = (beingDetached: boolean): Partial<CloudProvisioner> => {
        const dataDisks = [{ diskUri: diskUri.toUpperCase(), lun: 0, beingDetached }];
        return { inspectInstance: async () => ok(anInstance("node-a", { vmId: a.vmId, dataDisks })) };
      };
      const code = "DiskStillDetaching";
      const failure = { kind: "CloudUnavailable", code, message: `VM ${a.instanceUri} lists the disk as one that is coming off`, requestId: "" };
      assert.deepEqual(await settleA(world, listed(true)), { ok: false, failure });
      assert.deepEqual(world.record(), aRecord(unsettled));
      assert.deepEqual(
        world.told.map(({ reason, about }) => [reason, about.name]),
        [["NotSettled", "pvc-1"]],
      );
      assert.deepEqual(await settleA(world, listed(false)), { ok: true, value: {} });
      assert.deepEqual(world.record()?.unsettled, [b]);
    }));

  it("fails where one of two VMs of a name can't be settled, and settles the other", () =>
    withUnsettled(async (world) => {
      const earlier = { ...a, vmId: "vm-before", instanceUri: `${a.instanceUri}-before` };
      await world.setRecord((record) => ({ ...record, unsettled: [earlier] }));
      const settleInstance: CloudProvisioner["settleInstance"] = async ({ node }) => (node.vmId === a.vmId ? ok(undefined) : fail(inUpdate));
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: false, failure: inUpdate });
      const other = await world.other.get("AzVolume", "pvc-2", never);
      assert.deepEqual([world.record()?.unsettled, other.ok && other.value.status?.record?.unsettled], [[earlier], [b]]);
    }));

  it("is settled though an earlier VM of its name, in the same record, can't be", () =>
    withUnsettled(async (world) => {
      const earlier = { ...a, vmId: "vm-before", instanceUri: `${a.instanceUri}-before` };
      await world.setRecord((record) => ({ ...record, unsettled: [earlier, a, b] }));
      const settleInstance: CloudProvisioner["settleInstance"] = async ({ node }) => (node.vmId === a.vmId ? ok(undefined) : fail(inUpdate));
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: false, failure: inUpdate });
      assert.deepEqual(world.record()?.unsettled, [earlier, b]);
    }));

  it("is tried again where the store takes no record of it", () =>
    withUnsettled(async (world) => {
      world.store.failNext({ fault: "unavailable", verb: "updateStatus", kind: "AzVolume" });
      assert.equal(((await settleA(world)) as { readonly ok: boolean }).ok, false);
      assert.deepEqual(world.record()?.unsettled, [a, b]);
    }));

  it("is tried again where the store does not answer", () =>
    withUnsettled(async (world) => {
      world.store.failNext({ fault: "unavailable", verb: "get", kind: "AzVolume" });
      assert.equal(((await settleA(world)) as { readonly ok: boolean }).ok, false);
    }));

  for (const goes of ["before", "while Azure is asked"] as const)
    it(`is settled for the other volumes where one goes ${goes}`, () =>
      withUnsettled(async (world) => {
        const shown = world.ports.cache.byIndex("AzVolume", "unsettledOn", "node-a");
        const byIndex = ((): typeof shown => shown) as typeof world.ports.cache.byIndex;
        if (goes === "before") await removeVolume(world);
        else world.meanwhile.settleInstance = () => removeVolume(world);
        const reconciler = settleReconciler({ ...world.ports, cache: { ...world.ports.cache, byIndex } });
        assert.deepEqual(await world.answerOf(reconciler.reconcile("node-a", never)), { ok: true, value: {} });
        const left = await world.other.get("AzVolume", "pvc-2", never);
        assert.deepEqual(left.ok && left.value.status?.record?.unsettled, [b]);
      }));

  it("stays unsettled in a record that was made anew meanwhile", () =>
    withUnsettled(async (world) => {
      world.meanwhile.settleInstance = () => remakeVolume(world);
      assert.deepEqual(await settleA(world), { ok: true, value: {} });
      assert.deepEqual(world.record()?.unsettled, [a, b]);
    }));

  it("stays unsettled in a record of another store generation", () =>
    withUnsettled(async (world) => {
      await world.setRecord((record) => ({ ...record, storeGeneration: 7 }));
      assert.deepEqual(await settleA(world), { ok: true, value: {} });
      assert.deepEqual(world.record()?.unsettled, [a, b]);
    }));

  it("is not written to where the store generation has moved on since the reads", () =>
    withUnsettled(async (world) => {
      const { settleInstance } = counting();
      const settled = await settleA(world, {
        settleInstance: async (request, signal) => {
          const annotations = { [STORE_GENERATION_ANNOTATION]: "3" };
          const spec = { holderIdentity: "controller", leaseDurationSeconds: 15, renewTime: agoMs(0), leaseTransitions: 0 };
          assert.ok((await world.other.create("Lease", { metadata: { name: CONTROLLER_LEASE, annotations }, spec }, never)).ok);
          return settleInstance(request, signal);
        },
      });
      assert.deepEqual(settled, { ok: false, failure: { kind: "Refused", diskUri, nodeName: "node-a" } });
    }));

  it("tells nobody where this controller stops while it asks", () =>
    withUnsettled(async (world) => {
      const failure = { kind: "Cancelled" } as const;
      assert.deepEqual(await settleA(world, { settleInstance: async () => fail(failure) }), { ok: false, failure });
      assert.deepEqual(world.told, []);
    }));

  it("is settled where it is gone, as far as the disks say so, too: it may have been looked for in the wrong place", () =>
    withUnsettled(async (world) => {
      const settleInstance: CloudProvisioner["settleInstance"] = async () => fail({ kind: "InstanceNotFound", nodeName: "node-a" });
      const stillOwned: CloudProvisioner["proveDetached"] = async () => fail({ kind: "CloudUnavailable", code: "DiskStillOwned", message: "", requestId: "" });
      assert.equal(((await settleA(world, { settleInstance, proveDetached: stillOwned })) as { readonly ok: boolean }).ok, false);
      assert.equal(((await settleA(world, { settleInstance, proveDetached: async () => ok(undefined) })) as { readonly ok: boolean }).ok, false);
      assert.deepEqual(world.record(), aRecord(unsettled));
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: true, value: {} });
      assert.deepEqual(world.record(), aRecord({ ...found, unsettled: [b] }));
    }));

  it("waits while others have marked a disk that its unproven node may write, until the node is clean", () =>
    withControllerPorts(async (world) => {
      world.instances.set(a.instanceUri, a.vmId);
      await world.given("AzVolume", aVolumeWithRecord({ foundInUse: true, unproven: [a], unsettled: [a] }));
      const settleInstance: CloudProvisioner["settleInstance"] = async ({ mayCarryOut }, signal) =>
        (await mayCarryOut?.([diskUri], signal)) === true ? ok(undefined) : fail(marked);
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: false, failure: marked });
      assert.deepEqual(world.record()?.unsettled, [a]);
      assert.deepEqual(
        world.told.map(({ reason }) => reason),
        ["DetachLeftBehind", "NotSettled"],
      );
      await world.setRecord((record) => {
        const clean = proveClean(record, a);
        assert.ok(clean.ok);
        return clean.value;
      });
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: true, value: {} });
      assert.equal(world.record()?.unsettled, undefined);
    }));

  it("gets no proof by an update that would take a disk in use off the VM that has its resource id by now", () =>
    withUnsettled(async (world) => {
      const inUse = `${diskUri}-in-use`;
      const record = aRecord({ writer: aWriter("node-a") });
      const volume = aVolume({
        metadata: { name: "pvc-in-use", uid: "uid-in-use" },
        spec: { diskUri: inUse },
        status: { detail: aDetail({ diskUri: inUse }), record },
      });
      await world.given("AzVolume", volume);
      const answers: (boolean | undefined)[] = [];
      await settleA(world, {
        settleInstance: async () => fail({ kind: "InstanceNotFound", nodeName: "node-a" }),
        proveDetached: async ({ mayCarryOut }, signal) => {
          answers.push(await mayCarryOut?.([inUse], signal));
          return fail(inUpdate);
        },
      });
      assert.deepEqual(answers, [false, false]);
    }));

  it("stays unsettled where the record was lost once more meanwhile: that one may have allowed an update since", () =>
    withUnsettled(async (world) => {
      world.meanwhile.settleInstance = () => world.setRecord((record) => ({ ...record, storeGeneration: 7 }));
      assert.deepEqual(await settleA(world), { ok: true, value: {} });
      assert.deepEqual(world.record()?.unsettled, [a, b]);
    }));

  it("is not written to while the records are being made anew, and nobody asks Azure about it", () =>
    withUnsettled(async (world) => {
      const annotations = { [SWEEP_ANNOTATION]: "3" };
      const spec = { holderIdentity: "controller", leaseDurationSeconds: 15, renewTime: agoMs(0), leaseTransitions: 0 };
      const lease = await world.other.create("Lease", { metadata: { name: CONTROLLER_LEASE, annotations }, spec }, never);
      assert.equal(lease.ok && annotatedNumber(lease.value, SWEEP_ANNOTATION), 3);
      const { settleInstance, asked } = counting();
      assert.deepEqual(await settleA(world, { settleInstance }), { ok: true, value: {} });
      assert.equal(asked(), 0);
    }));

  it("is tried again soon where the store could not be asked right before the write", () =>
    withUnsettled(async (world) => {
      const { settleInstance } = counting();
      const settling = settleA(world, {
        settleInstance: async (request, signal) => {
          world.store.failNext({ fault: "unavailable", verb: "get", kind: "Lease" });
          return settleInstance(request, signal);
        },
      });
      assert.deepEqual(await settling, { ok: false, failure: { kind: "Refused", diskUri, nodeName: "node-a" } });
      assert.deepEqual(world.told, [], "that is no trouble of Azure's");
    }));
});
