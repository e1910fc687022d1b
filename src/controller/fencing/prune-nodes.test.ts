import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import { fail } from "../../core/failure/result.ts";
import { anAttachment, aRecord, aVolumeWithRecord, aWriter, identity } from "../../core/testing/objects.ts";
import { changedRecord, listIn, type RecordChanges } from "../../core/testing/record-lists.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { NodePresence } from "../../ports/cluster/cluster-volumes.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { aCluster, type ModelCluster } from "../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { driverNodeReconciler } from "./prune-nodes.ts";

const never = new AbortController().signal;
const SILENT_MS = 60_000;
/** It has changed something, and checks whether there is more to do. */
const SOON_MS = 1_000;

interface Situation {
  readonly isGoneInCache?: boolean;
  readonly presence?: NodePresence;
  readonly record?: RecordChanges;
  readonly silentMs?: number;
  /** It has an AzDriverNode. Default: yes. */
  readonly isRegistered?: boolean;
  /** The plug-in has reported its VM. Default: no. */
  readonly isVmKnown?: boolean;
  /** The vmId of the VM that is there now; default: none. */
  readonly vmId?: string;
  readonly inspectFailure?: Failure;
  /** What the record becomes before the cache shows it. */
  readonly becomes?: RecordChanges;
  /** What it becomes while Azure is asked whether the VM is gone. */
  readonly becomesOnceGone?: RecordChanges;
  /** How Azure answers that question. Default: by `vmId`. */
  readonly proveGone?: CloudProvisioner["proveGone"];
}

const INSTANCE_URI =
  "/subscriptions/s/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/node-a";
const ELSEWHERE_URI = INSTANCE_URI.replace("other", "another");
/** Azure's answer where it will never show the VM. */
const unreadable: Failure = { kind: "CloudRejected", code: "Refused", message: "no", requestId: "request-1" };
/** The VM at `INSTANCE_URI`. */
const placed = { ...identity("node-a"), instanceUri: INSTANCE_URI };

/** Runs for node-a, whose Node is gone and whose plug-in is silent, except as the situation says. */
async function lookAt(world: ReconcileWorld, situation: Situation): Promise<Reconciled> {
  const {
    isGoneInCache = true,
    presence = "gone",
    record = {},
    silentMs = SILENT_MS,
    isRegistered = true,
    isVmKnown = false,
    vmId,
    inspectFailure,
    becomes,
    becomesOnceGone,
    proveGone: askAzure = world.ports.cloud.proveGone,
  } = situation;
  if (vmId !== undefined) world.instances.set(INSTANCE_URI, vmId);
  world.inspectFailure = inspectFailure;
  if (isRegistered)
    await world.given("AzDriverNode", aDriverNode("node-a", isVmKnown ? { instanceUri: INSTANCE_URI } : {}));
  await world.given("AzDriverNode", aDriverNode("node-b"));
  await world.given("AzVolume", aVolumeWithRecord(record));
  // Other nodes send heartbeats: silence is counted only then.
  for (let passedMs = 0; passedMs < silentMs; passedMs += 5_000) {
    await world.beat("node-b");
    await world.clock.advance(5_000);
  }
  const cluster = aCluster([]);
  cluster.presence.set("node-a", presence);
  if (isGoneInCache) world.gone.add("node-a");
  const nodePresence: ModelCluster["nodePresence"] = async (nodeName, signal) => {
    if (becomes !== undefined) await world.setRecord((now) => changedRecord(now, becomes));
    return cluster.nodePresence(nodeName, signal);
  };
  const proveGone: CloudProvisioner["proveGone"] = async (request, signal) => {
    const proof = await askAzure(request, signal);
    if (becomesOnceGone !== undefined) await world.setRecord((now) => changedRecord(now, becomesOnceGone));
    return proof;
  };
  const ports = {
    ...world.ports,
    clusterVolumes: { ...cluster, nodePresence },
    cloud: { ...world.ports.cloud, proveGone },
  };
  const reconciler = driverNodeReconciler(ports);
  for (;;) {
    const answer = await world.answerOf(reconciler.reconcile("node-a", never));
    if (!answer.ok || answer.value.requeueAfterMs !== SOON_MS) return answer;
    await world.clock.advance(SOON_MS);
  }
}

describe("driverNodeReconciler", () => {
  it("deletes the AzDriverNode of a node that is gone from the cluster", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await lookAt(world, {}), { ok: true, value: {} });
      assert.deepEqual(world.driverNodes(), ["node-b"]);
    }));

  const kept: readonly (Situation & { readonly because: string })[] = [
    { because: "the cluster has the node", isGoneInCache: false },
    { because: "the cluster has the node again, which the cache does not show yet", presence: "present" },
    { because: "this is unknown", presence: "unknown" },
    { because: "it is a volume's writer", record: { writer: aWriter("node-a") } },
    {
      because: "it has not shown yet that it is clean",
      record: { defaultAccess: "quarantined", unverified: [identity("node-a")] },
    },
    {
      because: "it was fenced from a volume, and its VM exists",
      record: { quarantined: [identity("node-a")] },
      isVmKnown: true,
      vmId: identity("node-a").vmId.toUpperCase(),
    },
    {
      because: "it has to be fenced, though its VM is gone",
      record: { fencing: identity("node-a"), quarantined: [identity("node-a")] },
      isVmKnown: true,
    },
    {
      because: "it has to be fenced, which the cache does not show yet",
      record: { quarantined: [identity("node-a")] },
      isVmKnown: true,
      becomes: { unverified: [identity("node-a")] },
    },
    {
      because: "this driver can't read its VM",
      record: { quarantined: [identity("node-a")] },
      isVmKnown: true,
      inspectFailure: unreadable,
    },
  ];
  for (const { because, ...situation } of kept) {
    it(`keeps it where ${because}`, () =>
      withControllerPorts(async (world) => {
        assert.deepEqual(await lookAt(world, situation), { ok: true, value: {} });
        assert.deepEqual(world.driverNodes(), ["node-a", "node-b"]);
        assert.deepEqual(
          world.record(),
          aVolumeWithRecord({ ...situation.record, ...situation.becomes }).status?.record,
        );
      }));
  }

  const said: readonly { readonly because: string; readonly becomes: RecordChanges }[] = [
    { because: "unverified", becomes: { quarantined: [], unverified: [identity("node-a")] } },
    { because: "being fenced", becomes: { fencing: identity("node-a") } },
    { because: "the writer", becomes: { writer: aWriter("node-a"), epoch: 1 } },
    { because: "known to be clean", becomes: { quarantined: [], clean: [identity("node-a")] } },
  ];
  for (const { because, becomes } of said) {
    it(`leaves a VM that is gone in a record by which it is ${because} by now`, () =>
      withControllerPorts(async (world) => {
        const record: RecordChanges = { defaultAccess: "quarantined", quarantined: [identity("node-a")] };
        await lookAt(world, { record, isVmKnown: true, becomesOnceGone: becomes });
        assert.deepEqual(world.record(), changedRecord(aRecord(record), becomes));
      }));
  }

  it("deletes the AzDriverNode of a gone node whose VM it can't read, without records", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(
        await lookAt(world, {
          isVmKnown: true,
          inspectFailure: unreadable,
        }),
        {
          ok: true,
          value: {},
        },
      );
      assert.deepEqual(world.driverNodes(), ["node-b"]);
    }));

  it("keeps it while Azure does not respond, and retries", () =>
    withControllerPorts(async (world) => {
      const inspectFailure: Failure = {
        kind: "CloudUnavailable",
        code: "ServiceUnavailable",
        message: "",
        requestId: "",
      };
      const looked = await lookAt(world, {
        record: { quarantined: [identity("node-a")] },
        isVmKnown: true,
        inspectFailure,
      });
      assert.deepEqual(
        [looked, world.driverNodes()],
        [{ ok: false, failure: inspectFailure }, ["node-a", "node-b"]],
      );
    }));

  for (const { because, vmId } of [
    { because: "there is no VM any more", vmId: undefined },
    { because: "another VM has the name", vmId: "another" },
  ]) {
    it(`takes it out of quarantine where ${because}, and deletes it`, () =>
      withControllerPorts(async (world) => {
        const gone: RecordChanges = {
          defaultAccess: "quarantined",
          quarantined: [identity("node-a"), identity("node-b")],
          clean: [identity("node-a"), identity("node-b")],
        };
        await lookAt(world, { record: gone, isVmKnown: true, ...(vmId === undefined ? {} : { vmId }) });
        assert.deepEqual(world.driverNodes(), ["node-b"]);
        assert.deepEqual(
          [listIn(world.record(), "quarantined"), listIn(world.record(), "clean")],
          [[identity("node-b")], []],
        );
      }));
  }

  it("prunes a VM without AzDriverNode by the place that stands in the record", () =>
    withControllerPorts(async (world) => {
      const record: RecordChanges = {
        defaultAccess: "quarantined",
        quarantined: [placed, identity("node-b")],
        clean: [identity("node-a"), identity("node-b")],
      };
      assert.deepEqual(await lookAt(world, { record, isRegistered: false }), { ok: true, value: {} });
      assert.deepEqual(
        [listIn(world.record(), "quarantined"), listIn(world.record(), "clean")],
        [[identity("node-b")], []],
      );
      assert.deepEqual(world.driverNodes(), ["node-b"]);
    }));

  const unregistered: readonly (Situation & {
    readonly because: string;
    readonly record: RecordChanges;
  })[] = [
    { because: "that VM exists", record: { quarantined: [placed] }, vmId: placed.vmId },
    { because: "the cluster has the node again", record: { quarantined: [placed] }, presence: "present" },
    {
      because: "it is unknown whether the cluster has it",
      record: { quarantined: [placed] },
      presence: "unknown",
    },
    { because: "it has to be fenced", record: { quarantined: [placed], fencing: identity("node-a") } },
  ];
  for (const { because, ...situation } of unregistered) {
    it(`keeps a VM without an AzDriverNode in quarantine where ${because}`, () =>
      withControllerPorts(async (world) => {
        assert.deepEqual(await lookAt(world, { ...situation, isRegistered: false }), { ok: true, value: {} });
        assert.deepEqual(world.record(), aVolumeWithRecord(situation.record).status?.record);
      }));
  }

  for (const { because, record, vmAt } of [
    {
      because: "where its plug-in has reported since",
      record: { quarantined: [{ ...placed, instanceUri: ELSEWHERE_URI }] },
      vmAt: INSTANCE_URI,
    },
    {
      because: "where it was read since",
      record: { quarantined: [{ ...placed, instanceUri: ELSEWHERE_URI }] },
      vmAt: ELSEWHERE_URI,
    },
  ]) {
    it(`keeps a VM that was moved, and is ${because}`, () =>
      withControllerPorts(async (world) => {
        world.instances.set(vmAt, placed.vmId);
        await lookAt(world, { record, isVmKnown: true });
        assert.deepEqual(
          [listIn(world.record(), "quarantined"), world.driverNodes()],
          [record.quarantined, ["node-a", "node-b"]],
        );
      }));
  }

  it("checks each VM under one name by itself", () =>
    withControllerPorts(async (world) => {
      const earlier = { nodeName: "node-a", vmId: "earlier", instanceUri: INSTANCE_URI };
      await lookAt(world, { record: { quarantined: [earlier, placed] }, isVmKnown: true, vmId: placed.vmId });
      assert.deepEqual(
        [listIn(world.record(), "quarantined"), world.driverNodes()],
        [[placed], ["node-a", "node-b"]],
      );
    }));

  it("prunes a VM that is gone though Azure does not answer for another under its name", () =>
    withControllerPorts(async (world) => {
      const other = { nodeName: "node-a", vmId: "other", instanceUri: ELSEWHERE_URI };
      const unread: Failure = { kind: "CloudUnavailable", code: "Unread", message: "", requestId: "" };
      const { cloud } = world.ports;
      const proveGone: CloudProvisioner["proveGone"] = (request, signal) =>
        request.node.vmId === "other" ? Promise.resolve(fail(unread)) : cloud.proveGone(request, signal);
      const pruned = await lookAt(world, {
        record: { quarantined: [other, placed] },
        isVmKnown: true,
        proveGone,
      });
      assert.deepEqual([pruned, listIn(world.record(), "quarantined")], [fail(unread), [other]]);
    }));

  describe("an earlier VM of a node's name", () => {
    const earlier = { nodeName: "node-a", vmId: "earlier", instanceUri: INSTANCE_URI };
    const present = { isGoneInCache: false, presence: "present" } as const;
    const KEPT: Reconciled = { ok: true, value: { requeueAfterMs: 600_000 } };

    for (const { because, vmId } of [
      { because: "there is no VM any more", vmId: undefined },
      { because: "there is another VM", vmId: "another" },
    ])
      it(`leaves quarantine where ${because} at its resource id`, () =>
        withControllerPorts(async (world) => {
          const record = { quarantined: [earlier, identity("node-a"), identity("node-b")] };
          await lookAt(world, { ...present, record, ...(vmId === undefined ? {} : { vmId }) });
          assert.deepEqual(listIn(world.record(), "quarantined"), [identity("node-a"), identity("node-b")]);
          assert.deepEqual(world.driverNodes(), ["node-a", "node-b"]);
        }));

    it("stays in quarantine while it exists, and is checked rarely", () =>
      withControllerPorts(async (world) => {
        const record = { quarantined: [earlier] };
        assert.deepEqual(await lookAt(world, { ...present, record, vmId: "EARLIER" }), KEPT);
        assert.deepEqual(listIn(world.record(), "quarantined"), [earlier]);
      }));

    it("stays where it has to be fenced, and is retried where Azure does not respond", () =>
      withControllerPorts(async (world) => {
        const record = { fencing: earlier, quarantined: [earlier] };
        assert.deepEqual(await lookAt(world, { ...present, record }), KEPT);
        assert.deepEqual(listIn(world.record(), "quarantined"), [earlier]);
        world.inspectFailure = {
          kind: "CloudUnavailable",
          code: "ServiceUnavailable",
          message: "",
          requestId: "",
        };
        const again = await world.answerOf(driverNodeReconciler(world.ports).reconcile("node-a", never));
        assert.deepEqual(again, { ok: false, failure: world.inspectFailure });
      }));

    for (const { because, becomes, vmId } of [
      { because: "it was found with the disk", becomes: { unverified: [earlier] }, vmId: "another" },
      { because: "its fence has begun", becomes: { fencing: earlier }, vmId: "another" },
      {
        because: "it has reclaimed the volume",
        becomes: { writer: { ...aWriter("node-a"), ...earlier }, quarantined: [] },
        vmId: "another",
      },
      {
        because: "it was found with the disk, at an id without a VM",
        becomes: { unverified: [earlier] },
        vmId: undefined,
      },
    ])
      it(`stays, with its LUN, where ${because} since the cached record`, () =>
        withControllerPorts(async (world) => {
          if (vmId !== undefined) world.instances.set(INSTANCE_URI, vmId);
          await world.given("AzDriverNode", aDriverNode("node-a"));
          await world.given("AzVolume", aVolumeWithRecord({ quarantined: [earlier] }));
          const attached = anAttachment("node-a", { status: { lun: 3, vmId: earlier.vmId } });
          await world.given("AzVolumeAttachment", attached);
          const proveGone: CloudProvisioner["proveGone"] = async (request, signal) => {
            const proof = await world.ports.cloud.proveGone(request, signal);
            await world.setRecord((now) => changedRecord(now, becomes));
            return proof;
          };
          const ports = { ...world.ports, cloud: { ...world.ports.cloud, proveGone } };
          const expected = changedRecord(aRecord({ quarantined: [earlier] }), becomes);
          const again = await world.answerOf(driverNodeReconciler(ports).reconcile("node-a", never));
          assert.deepEqual(
            [again, world.record(), world.attachment("node-a")?.status?.lun],
            [KEPT, expected, 3],
          );
        }));

    it("is reported where the store refuses the record without it", () =>
      withControllerPorts(async (world) => {
        const refused = {
          kind: "ObjectInvalid",
          objectKind: "AzVolume",
          name: "pvc-1",
          problem: "",
        } as const;
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({ quarantined: [earlier] }));
        const store = { ...world.ports.store, updateStatus: async () => fail(refused) };
        const reconciler = driverNodeReconciler({ ...world.ports, store });
        assert.deepEqual(await world.answerOf(reconciler.reconcile("node-a", never)), fail(refused));
      }));

    for (const { because, isRegistered, quarantined } of [
      {
        because: "the node itself, in another case",
        isRegistered: true,
        quarantined: [{ ...identity("node-a"), vmId: identity("node-a").vmId.toUpperCase() }],
      },
      {
        because: "one of two VMs whose name is not known",
        isRegistered: false,
        quarantined: [earlier],
      },
    ])
      it(`does not include the quarantined ${because}`, () =>
        withControllerPorts(async (world) => {
          assert.deepEqual(await lookAt(world, { ...present, isRegistered, record: { quarantined } }), {
            ok: true,
            value: {},
          });
          assert.deepEqual(listIn(world.record(), "quarantined"), quarantined);
        }));
  });

  it("is deleted in spite of clean entries, which are withdrawn", () =>
    withControllerPorts(async (world) => {
      const clean = [identity("node-a"), identity("node-b"), { ...identity("node-a"), vmId: "earlier" }];
      await lookAt(world, { record: { defaultAccess: "quarantined", clean } });
      assert.deepEqual(
        [world.driverNodes(), listIn(world.record(), "clean")],
        [["node-b"], [identity("node-b")]],
      );
    }));

  it("keeps a plug-in with heartbeats, and checks again when it could be silent", () =>
    withControllerPorts(async (world) => {
      const looked = await lookAt(world, { silentMs: 5_000 });
      assert.ok(
        looked.ok && looked.value.requeueAfterMs !== undefined && looked.value.requeueAfterMs <= 35_000,
      );
      assert.deepEqual(world.driverNodes(), ["node-a", "node-b"]);
    }));

  it("keeps a plug-in whose next heartbeat may come later by its last one", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a", { heartbeatDelayMs: 50_000 }));
      const looked = await lookAt(world, { isRegistered: false });
      assert.ok(looked.ok && (looked.value.requeueAfterMs ?? 0) > 20_000, JSON.stringify(looked));
      assert.deepEqual(world.driverNodes(), ["node-a", "node-b"]);
    }));
});
