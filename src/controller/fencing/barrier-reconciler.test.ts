import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../../core/api/lease.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  aDetail,
  agoMs,
  aRecord,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { type RecordChanges, listIn, changedRecord } from "../../core/testing/record-lists.ts";
import { proveClean } from "../../core/writer/record/writer-steps.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { anInstance } from "../testing/an-instance.ts";
import { barrierByMode } from "../testing/barrier-by-mode.ts";
import { remakeVolume, removeVolume } from "../testing/remake-volume.ts";
import { barrierReconciler } from "./barrier-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");
const found: RecordChanges = { defaultAccess: "quarantined", unverified: [a, b], epoch: 4 };
const barrierPending: RecordChanges = { ...found, barrierPending: [a, b] };
const marked = {
  kind: "CloudUnavailable",
  code: "OthersDetachPending",
  message: "others have marked a disk in use",
  requestId: "",
} as const;
const inUpdate = {
  kind: "CloudUnavailable",
  code: "Conflict",
  message: "an update is under way",
  requestId: "",
} as const;

/**
 * A world with two rebuilt records, while a detach that the lost ones allowed may be under way to two
 * VMs; each test examines the first.
 */
async function withBarrierPending(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    for (const { instanceUri, vmId } of [a, b]) world.instances.set(instanceUri, vmId);
    await world.given("AzVolume", aVolumeWithRecord(barrierPending));
    const other = aVolumeWithRecord(barrierPending);
    await world.given("AzVolume", {
      ...other,
      metadata: { ...other.metadata, name: "pvc-2", uid: "uid-pvc-2" },
    });
    await act(world);
  });
}

function passBarrierOfA(
  world: ReconcileWorld,
  modes: Parameters<typeof barrierByMode>[1] = {},
  reads: Partial<CloudProvisioner> = {},
): Promise<unknown> {
  const { cloud } = world.ports;
  const ports = { ...world.ports, cloud: { ...cloud, ...reads, ...barrierByMode(cloud, modes) } };
  return world.answerOf(barrierReconciler(ports).reconcile("node-a", never));
}

/** Counts write barriers to a VM; nothing fails. */
function counting(): {
  readonly flush: CloudProvisioner["barrier"];
  readonly asked: () => number;
} {
  let asked = 0;
  const flush: CloudProvisioner["barrier"] = async ({ diskUri: uri, node, precondition }, signal) => {
    asked += 1;
    return (await precondition(signal))
      ? ok(undefined)
      : fail({ kind: "Refused", diskUri: uri, nodeName: node.nodeName });
  };
  return { flush, asked: () => asked };
}

describe("a VM to which lost records may have sent an update", () => {
  it("is named with the remedy where no write moves its ETag, and keeps the barrier", () =>
    withBarrierPending(async (world) => {
      const { nodeName, instanceUri } = a;
      const failure = { kind: "EtagNotMoved", nodeName, instanceUri, retryAfterMs: 60_000 } as const;
      const before = world.record();
      const passed = await passBarrierOfA(world, { flush: () => Promise.resolve(fail(failure)) });
      assert.deepEqual(passed, fail(failure));
      assert.deepEqual(world.record(), before);
      assert.deepEqual(
        world.emitted.map(({ about, reason }) => `${about.kind} ${about.name}: ${reason}`),
        [
          "AzVolume pvc-1: EtagNotMoved",
          "AzDriverNode node-a: EtagNotMoved",
          "AzVolume pvc-2: EtagNotMoved",
          "AzDriverNode node-a: EtagNotMoved",
        ],
      );
    }));

  it("passes its barrier while those of a whole zone hang", () =>
    withControllerPorts(async (world) => {
      world.instances.set(a.instanceUri, a.vmId);
      const zone = Array.from({ length: 333 }, (_, index) => identity(`dead-${index}`));
      const nodes = [...zone, a];
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ ...found, unverified: nodes, barrierPending: nodes }),
      );
      const { cloud } = world.ports;
      const flush: CloudProvisioner["barrier"] = (request, signal) =>
        request.node.nodeName === a.nodeName
          ? cloud.barrier(request, signal)
          : new Promise((_resolve, reject) =>
              signal.addEventListener("abort", () => reject(new Error("the test has ended"))),
            );
      const ports = { ...world.ports, cloud: { ...cloud, ...barrierByMode(cloud, { flush }) } };
      const loop = new ControlLoop(barrierReconciler(ports), world.ports);
      for (const { nodeName } of nodes) loop.queue.add(nodeName);
      const life = new AbortController();
      const running = loop.run(life.signal);
      await world.clock.advance(1_000);
      assert.deepEqual(
        listIn(world.record(), "barrierPending")
          .map(({ nodeName }) => nodeName)
          .toSorted(),
        zone.map(({ nodeName }) => nodeName).toSorted(),
      );
      life.abort();
      await world.answerOf(running);
    }));

  it("leaves connections of a slow store to other calls beside a whole zone", () =>
    withControllerPorts(async (world) => {
      let calls = 0;
      const get: ObjectStore["get"] = (_kind, _name, signal) => {
        calls += 1;
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("the test has ended"))),
        );
      };
      const ports = { ...world.ports, store: { ...world.store, get } };
      const loop = new ControlLoop(barrierReconciler(ports), world.ports);
      for (let index = 0; index < 333; index += 1) loop.queue.add(`dead-${index}`);
      const life = new AbortController();
      const running = loop.run(life.signal);
      await world.clock.advance(1_000);
      assert.equal(calls, 64);
      life.abort();
      await world.answerOf(running);
    }));

  it("passes one write barrier for all its volumes, whose node may then reclaim them", () =>
    withBarrierPending(async (world) => {
      const { flush, asked } = counting();
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: true, value: {} });
      assert.deepEqual(
        world.record(),
        aRecord({ ...found, barrierPending: [b] }),
        "node-b has not been verified",
      );
      const other = await world.other.get("AzVolume", "pvc-2", never);
      assert.deepEqual(other.ok && listIn(other.value.status?.record, "barrierPending"), [b]);
      assert.equal(asked(), 1);
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: true, value: {} });
      assert.equal(asked(), 1, "it has passed the write barrier");
    }));

  it("is read and recorded with one store call at a time, however many volumes it has", () =>
    withBarrierPending(async (world) => {
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
      const ports = {
        ...world.ports,
        store: counted,
        cloud: { ...world.ports.cloud, barrier: counting().flush },
      };
      assert.deepEqual(await world.answerOf(barrierReconciler(ports).reconcile("node-a", never)), {
        ok: true,
        value: {},
      });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [b]);
      assert.equal(most, 1);
    }));

  it("keeps the write barrier pending while Azure refuses the update, and reports it", () =>
    withBarrierPending(async (world) => {
      assert.deepEqual(await passBarrierOfA(world, { flush: async () => fail(inUpdate) }), {
        ok: false,
        failure: inUpdate,
      });
      assert.deepEqual(world.record(), aRecord(barrierPending));
      assert.deepEqual(
        world.emitted.map(({ reason, nodeName, about }) => [reason, nodeName, about.name]),
        [
          ["BarrierPending", "node-a", "pvc-1"],
          ["BarrierPending", "node-a", "pvc-2"],
        ],
      );
    }));

  it("keeps the barrier pending for a disk that it still lists as being detached", () =>
    withBarrierPending(async (world) => {
      const listed = (beingDetached: boolean): Partial<CloudProvisioner> => {
        const dataDisks = [{ diskUri: diskUri.toUpperCase(), lun: 0, beingDetached }];
        return { inspectInstance: async () => ok(anInstance("node-a", { vmId: a.vmId, dataDisks })) };
      };
      const code = "DiskStillDetaching";
      const failure = {
        kind: "CloudUnavailable",
        code,
        message: `VM ${a.instanceUri} lists the disk as one that is coming off`,
        requestId: "",
      };
      assert.deepEqual(await passBarrierOfA(world, {}, listed(true)), { ok: false, failure });
      assert.deepEqual(world.record(), aRecord(barrierPending));
      assert.deepEqual(
        world.emitted.map(({ reason, about }) => [reason, about.name]),
        [["BarrierPending", "pvc-1"]],
      );
      assert.deepEqual(await passBarrierOfA(world, {}, listed(false)), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [b]);
    }));

  it("fails where one of two VMs of a name fails, and passes the barrier of the other", () =>
    withBarrierPending(async (world) => {
      const earlier = { ...a, vmId: "vm-before", instanceUri: `${a.instanceUri}-before` };
      await world.setRecord((record) => changedRecord(record, { barrierPending: [earlier] }));
      const flush: CloudProvisioner["barrier"] = async ({ node }) =>
        node.vmId === a.vmId ? ok(undefined) : fail(inUpdate);
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: false, failure: inUpdate });
      const other = await world.other.get("AzVolume", "pvc-2", never);
      assert.deepEqual(
        [
          listIn(world.record(), "barrierPending"),
          other.ok && listIn(other.value.status?.record, "barrierPending"),
        ],
        [[earlier], [b]],
      );
    }));

  it("passes the barrier though an earlier VM of its name, in the same record, fails", () =>
    withBarrierPending(async (world) => {
      const earlier = { ...a, vmId: "vm-before", instanceUri: `${a.instanceUri}-before` };
      await world.setRecord((record) => changedRecord(record, { barrierPending: [earlier, a, b] }));
      const flush: CloudProvisioner["barrier"] = async ({ node }) =>
        node.vmId === a.vmId ? ok(undefined) : fail(inUpdate);
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: false, failure: inUpdate });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [earlier, b]);
    }));

  it("is retried where the store refuses its record", () =>
    withBarrierPending(async (world) => {
      world.store.failNext({ fault: "unavailable", verb: "updateStatus", kind: "AzVolume" });
      assert.equal(((await passBarrierOfA(world)) as { readonly ok: boolean }).ok, false);
      assert.deepEqual(listIn(world.record(), "barrierPending"), [a, b]);
    }));

  it("passes the barrier for the volumes after one whose record the store refuses", () =>
    withBarrierPending(async (world) => {
      const { store } = world.ports;
      const failure = { kind: "ObjectInvalid", objectKind: "AzVolume", name: "pvc-1", problem: "" } as const;
      const refusing: ObjectStore = {
        ...store,
        updateStatus: (kind, object, signal) =>
          object.metadata.name === "pvc-1"
            ? Promise.resolve(fail(failure))
            : store.updateStatus(kind, object, signal),
      };
      const ports = { ...world.ports, store: refusing };
      const cloud = { ...ports.cloud, ...barrierByMode(ports.cloud, {}) };
      const passed = await world.answerOf(barrierReconciler({ ...ports, cloud }).reconcile("node-a", never));
      const other = world.ports.cache.get("AzVolume", "pvc-2")?.status?.record;
      assert.deepEqual(
        [passed, listIn(world.record(), "barrierPending"), listIn(other, "barrierPending")],
        [fail(failure), [a, b], [b]],
      );
    }));

  it("passes the barrier for volumes after one whose record can't be read, and fails", () =>
    withBarrierPending(async (world) => {
      const { store } = world.ports;
      const failure = { kind: "ObjectInvalid", objectKind: "AzVolume", name: "pvc-1", problem: "" } as const;
      const ports: ReconcileWorld["ports"] = {
        ...world.ports,
        store: {
          ...store,
          get: (kind, name, signal) =>
            name === "pvc-1" ? Promise.resolve(fail(failure)) : store.get(kind, name, signal),
        },
        cloud: { ...world.ports.cloud, ...barrierByMode(world.ports.cloud, {}) },
      };
      const passed = await world.answerOf(barrierReconciler(ports).reconcile("node-a", never));
      const other = world.ports.cache.get("AzVolume", "pvc-2")?.status?.record;
      assert.deepEqual(
        [passed, listIn(world.record(), "barrierPending"), listIn(other, "barrierPending")],
        [fail(failure), [a, b], [b]],
      );
    }));

  it("is retried where the store does not respond", () =>
    withBarrierPending(async (world) => {
      world.store.failNext({ fault: "unavailable", verb: "get", kind: "AzVolume" });
      assert.equal(((await passBarrierOfA(world)) as { readonly ok: boolean }).ok, false);
    }));

  for (const goes of ["before", "while Azure is asked"] as const)
    it(`passes the barrier for the other volumes where one goes ${goes}`, () =>
      withBarrierPending(async (world) => {
        const shown = world.ports.cache.byIndex("AzVolume", "barrierPendingOn", "node-a");
        const byIndex = ((): typeof shown => shown) as typeof world.ports.cache.byIndex;
        if (goes === "before") await removeVolume(world);
        else world.during.flush = () => removeVolume(world);
        const reconciler = barrierReconciler({ ...world.ports, cache: { ...world.ports.cache, byIndex } });
        assert.deepEqual(await world.answerOf(reconciler.reconcile("node-a", never)), {
          ok: true,
          value: {},
        });
        const left = await world.other.get("AzVolume", "pvc-2", never);
        assert.deepEqual(left.ok && listIn(left.value.status?.record, "barrierPending"), [b]);
      }));

  it("keeps the barrier pending in a record that was rebuilt concurrently", () =>
    withBarrierPending(async (world) => {
      world.during.flush = () => remakeVolume(world);
      assert.deepEqual(await passBarrierOfA(world), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [a, b]);
    }));

  it("keeps the barrier pending in a record of another store incarnation", () =>
    withBarrierPending(async (world) => {
      await world.setRecord((record) => ({ ...record, storeIncarnation: 7 }));
      assert.deepEqual(await passBarrierOfA(world), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [a, b]);
    }));

  it("is not written to where the store incarnation has moved on since the reads", () =>
    withBarrierPending(async (world) => {
      const { flush } = counting();
      const passed = await passBarrierOfA(world, {
        flush: async (request, signal) => {
          const annotations = { [STORE_INCARNATION_ANNOTATION]: "3" };
          const spec = {
            holderIdentity: "controller",
            leaseDurationSeconds: 15,
            renewTime: agoMs(0),
            leaseTransitions: 0,
          };
          assert.ok(
            (
              await world.other.create(
                "Lease",
                { metadata: { name: CONTROLLER_LEASE, annotations }, spec },
                never,
              )
            ).ok,
          );
          return flush(request, signal);
        },
      });
      assert.deepEqual(passed, { ok: false, failure: { kind: "Refused", diskUri, nodeName: "node-a" } });
    }));

  it("reports nothing where this controller stops during the call", () =>
    withBarrierPending(async (world) => {
      const failure = { kind: "Cancelled" } as const;
      assert.deepEqual(await passBarrierOfA(world, { flush: async () => fail(failure) }), {
        ok: false,
        failure,
      });
      assert.deepEqual(world.emitted, []);
    }));

  it("passes the barrier if it is gone according to the disks as well", () =>
    withBarrierPending(async (world) => {
      const flush: CloudProvisioner["barrier"] = async () =>
        fail({ kind: "InstanceNotFound", nodeName: "node-a" });
      const stillOwned: CloudProvisioner["barrier"] = async () =>
        fail({ kind: "CloudUnavailable", code: "DiskStillOwned", message: "", requestId: "" });
      assert.equal(
        ((await passBarrierOfA(world, { flush, prove: stillOwned })) as { readonly ok: boolean }).ok,
        false,
      );
      assert.equal(
        (
          (await passBarrierOfA(world, { flush, prove: async () => ok(undefined) })) as {
            readonly ok: boolean;
          }
        ).ok,
        false,
      );
      assert.deepEqual(world.record(), aRecord(barrierPending));
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: true, value: {} });
      assert.deepEqual(world.record(), aRecord({ ...found, barrierPending: [b] }));
    }));

  it("waits while its unverified node's disk has a foreign detach, until it is clean", () =>
    withControllerPorts(async (world) => {
      world.instances.set(a.instanceUri, a.vmId);
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [a], barrierPending: [a] }),
      );
      const flush: CloudProvisioner["barrier"] = async ({ mayCompleteDetach }, signal) =>
        (await mayCompleteDetach?.([diskUri], signal)) === true ? ok(undefined) : fail(marked);
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: false, failure: marked });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [a]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["DetachLeftBehind", "BarrierPending"],
      );
      await world.setRecord((record) => {
        const clean = proveClean(record, a, "unverified");
        assert.ok(clean.ok);
        return clean.value;
      });
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "barrierPending"), []);
    }));

  it("gets no proof by an update that would take a disk in use from its successor", () =>
    withBarrierPending(async (world) => {
      const inUse = `${diskUri}-in-use`;
      const record = aRecord({ writer: aWriter("node-a") });
      const volume = aVolume({
        metadata: { name: "pvc-in-use", uid: "uid-in-use" },
        spec: { diskUri: inUse },
        status: { detail: aDetail({ diskUri: inUse }), record },
      });
      await world.given("AzVolume", volume);
      const answers: (boolean | undefined)[] = [];
      await passBarrierOfA(world, {
        flush: async () => fail({ kind: "InstanceNotFound", nodeName: "node-a" }),
        prove: async ({ mayCompleteDetach }, signal) => {
          answers.push(await mayCompleteDetach?.([inUse], signal));
          return fail(inUpdate);
        },
      });
      assert.deepEqual(answers, [false, false]);
    }));

  it("keeps the barrier pending where the record was lost once more concurrently", () =>
    withBarrierPending(async (world) => {
      world.during.flush = () => world.setRecord((record) => ({ ...record, storeIncarnation: 7 }));
      assert.deepEqual(await passBarrierOfA(world), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "barrierPending"), [a, b]);
    }));

  it("is neither written to nor read while the records are being rebuilt", () =>
    withBarrierPending(async (world) => {
      const annotations = { [REBUILD_ANNOTATION]: "3" };
      const spec = {
        holderIdentity: "controller",
        leaseDurationSeconds: 15,
        renewTime: agoMs(0),
        leaseTransitions: 0,
      };
      const lease = await world.other.create(
        "Lease",
        { metadata: { name: CONTROLLER_LEASE, annotations }, spec },
        never,
      );
      assert.equal(lease.ok && annotatedNumber(lease.value, REBUILD_ANNOTATION), 3);
      const { flush, asked } = counting();
      assert.deepEqual(await passBarrierOfA(world, { flush }), { ok: true, value: {} });
      assert.equal(asked(), 0);
    }));

  it("is retried soon where the store could not be read right before the write", () =>
    withBarrierPending(async (world) => {
      const { flush } = counting();
      const passing = passBarrierOfA(world, {
        flush: async (request, signal) => {
          world.store.failNext({ fault: "unavailable", verb: "get", kind: "Lease" });
          return flush(request, signal);
        },
      });
      assert.deepEqual(await passing, {
        ok: false,
        failure: { kind: "Refused", diskUri, nodeName: "node-a" },
      });
      assert.deepEqual(world.emitted, [], "that is no trouble of Azure's");
    }));
});
