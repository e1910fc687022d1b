import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { COUNTER_MAX } from "../../core/api/epoch.ts";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../../core/api/lease.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { isUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import {
  LONE_REPORTS_ANNOTATION,
  STORE_ROLLED_BACK,
  rolledBackReason,
} from "../../core/rollback/rollback-reports.ts";
import {
  aDetail,
  agoMs,
  anAttachment,
  aRecord,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { listIn } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { removeLabels } from "../testing/remove-labels.ts";
import { setIncarnations } from "../testing/set-incarnations.ts";
import { storeRefusing } from "../testing/store-refusing.ts";
import { rebuildReconciler } from "./rebuild-all-records.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const b = identity("node-b");

/** Several nodes may write it: its object has no record. */
function aSharedVolume(): AzVolume {
  const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  return { ...aVolume({ spec: { capabilities } }), status };
}

async function withIncarnation(
  { incarnation, mark = 0 }: { readonly incarnation: number; readonly mark?: number },
  act: (world: ReconcileWorld) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    const lease = {
      metadata: {
        name: CONTROLLER_LEASE,
        annotations: {
          [STORE_INCARNATION_ANNOTATION]: String(incarnation),
          [REBUILD_ANNOTATION]: String(mark),
        },
      },
      spec: {
        holderIdentity: "controller",
        leaseDurationSeconds: 15,
        renewTime: agoMs(0),
        leaseTransitions: 0,
      },
    };
    assert.ok((await world.other.create("Lease", lease, never)).ok);
    world.disks.add(diskUri);
    world.instances.set(instanceUriOf("node-a"), a.vmId);
    await act(world);
  });
}

/** Runs `during` while the first disk is read. Azure fails for the disk `failing`. */
function rebuild(
  world: ReconcileWorld,
  during: () => Promise<void> = async () => undefined,
  failing?: string,
  shown: Partial<DiskFacts> = {},
): Promise<Reconciled> {
  let hasHappened = false;
  const getDisk: CloudProvisioner["getDisk"] = async (asked) => {
    if (asked.diskUri === failing)
      return fail({ kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" });
    if (!hasHappened) await during();
    hasHappened = true;
    return ok(aDisk({ attachedTo: [instanceUriOf("node-a")], ...shown }));
  };
  const cloud: CloudProvisioner = { ...world.ports.cloud, getDisk };
  return world.answerOf(rebuildReconciler({ ...world.ports, cloud }).reconcile("store", never));
}

/** The present and the next store incarnation in the Lease. */
async function incarnations(world: ReconcileWorld): Promise<readonly [number, number]> {
  const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
  return [annotatedNumber(lease, STORE_INCARNATION_ANNOTATION), annotatedNumber(lease, REBUILD_ANNOTATION)];
}

describe("rebuildReconciler", () => {
  it("rebuilds every record for the marked incarnation, then raises the store's", () =>
    withIncarnation({ incarnation: 1, mark: 5 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeIncarnation: 1 }));
      await rebuild(world, async () => assert.deepEqual(await incarnations(world), [1, 5]));
      assert.deepEqual(
        world.record(),
        aRecord({
          defaultAccess: "quarantined",
          unverified: [identity("node-a"), b],
          barrierPending: [a, b],
          epoch: 1,
          storeIncarnation: 5,
        }),
      );
      assert.deepEqual(await incarnations(world), [5, 0]);
    }));

  it("does not end the rebuild that another leader has begun while it was paused", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeIncarnation: 1 }));
      await rebuild(world, () => setIncarnations(world, 2, 3));
      assert.deepEqual(
        await incarnations(world),
        [2, 3],
        "no record is trusted until that rebuild has ended, too",
      );
    }));

  it("does not request again what another leader has rebuilt since the report", () =>
    withIncarnation({ incarnation: 1 }, async (world) => {
      const condition = {
        type: STORE_ROLLED_BACK,
        status: "True" as const,
        reason: rolledBackReason(1),
        message: "",
        lastTransitionTime: agoMs(0),
      };
      await world.given("AzDriverNode", aDriverNode("node-a", { conditions: [condition] }));
      world.store.failNext({ fault: "conflict", verb: "update", kind: "Lease" });
      const rebuilding = rebuild(world);
      await setIncarnations(world, 2, 0);
      await rebuilding;
      assert.deepEqual(await incarnations(world), [2, 0]);
    }));

  for (const storeIncarnation of [2, 4]) {
    it(`rebuilds a record of another incarnation: ${storeIncarnation} in a store of 3`, () =>
      withIncarnation({ incarnation: 3 }, async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b"), storeIncarnation }));
        assert.deepEqual(await rebuild(world), { ok: true, value: {} });
        assert.deepEqual(
          world.record(),
          aRecord({
            defaultAccess: "quarantined",
            unverified: [identity("node-a"), b],
            barrierPending: [a, b],
            epoch: 1,
            storeIncarnation: 3,
          }),
        );
      }));
  }

  it("distrusts attachments of a shared volume before the rebuild ends", () =>
    withIncarnation({ incarnation: 0 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await setIncarnations(world, 0, 1);
      let seen: unknown;
      await rebuild(world, async () => {
        seen = [world.attachment("node-a")?.status?.state, await incarnations(world)];
      });
      assert.deepEqual(seen, ["Detaching", [0, 1]]);
      assert.deepEqual(await incarnations(world), [1, 0]);
    }));

  for (const { because, failure, ends } of [
    { because: "is refused for good", failure: undefined, ends: true },
    { because: "meets a bug", failure: "bug", ends: true },
    { because: "may be taken yet", failure: { kind: "StoreUnavailable", detail: "" }, ends: false },
  ] as const)
    it(`${ends ? "ends" : "does not end"} where the mark of one attachment ${because}, and reports it`, () =>
      withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
        const detail = aDetail({ diskUri: diskUri.replace("pvc-1", "pvc-2") });
        await world.given("AzVolume", aSharedVolume());
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        const record = aRecord({ storeIncarnation: 1 });
        await world.given("AzVolume", aVolume({ metadata: { name: "pvc-2" }, status: { detail, record } }));
        const { store } = storeRefusing(world, "node-a", failure === "bug" ? undefined : failure);
        const updateStatus: typeof store.updateStatus = (kind, object, signal) =>
          failure === "bug" && kind === "AzVolumeAttachment"
            ? Promise.reject(new TypeError("a bug"))
            : store.updateStatus(kind, object, signal);
        const ports = { ...world.ports, store: { ...store, updateStatus } };
        const rebuilt = await rebuild({ ...world, ports });
        assert.equal(rebuilt.ok, ends);
        assert.deepEqual(await incarnations(world), ends ? [2, 0] : [1, 2]);
        const other = await must(world.other.get("AzVolume", "pvc-2", never));
        assert.equal(other.status?.record?.storeIncarnation, ends ? 2 : 1);
        assert.deepEqual(
          world.emitted.map(({ reason, about }) => [reason, about.name]),
          [["RecordNotVerified", "pvc-1"]],
        );
        assert.equal(isUnmarked(await must(world.other.get("AzVolume", "pvc-1", never))), ends);
      }));

  it("distrusts an attachment of a shared volume also where it has no labels", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await removeLabels(world, "node-a");
      await rebuild(world);
      assert.equal(world.attachment("node-a")?.status?.state, "Detaching");
    }));

  it("keeps a volume from its nodes while an attachment takes no mark, and no longer", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const { store } = storeRefusing(world, "node-a");
      const refusing = { ...world, ports: { ...world.ports, store } };
      const stored = (): Promise<AzVolume> => must(world.other.get("AzVolume", "pvc-1", never));
      const again = { requeueAfterMs: 60_000 };
      for (const [pass, answer] of [
        ["of the rebuild", {}],
        ["after it", again],
      ] as const) {
        assert.deepEqual(await rebuild(refusing), ok(answer), pass);
        await world.clock.advance(1_000);
        assert.deepEqual([isUnmarked(await stored()), await incarnations(world)], [true, [2, 0]], pass);
      }
      assert.deepEqual(await rebuild(world), ok(again));
      assert.equal(world.attachment("node-a")?.status?.state, "Detaching");
      assert.equal(isUnmarked(await stored()), false);
    }));

  it("marks the attachments of such a volume once a minute", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const { store } = storeRefusing(world, "node-a");
      const reconciler = rebuildReconciler({ ...world.ports, store });
      const tries = async (): Promise<number> => {
        await world.answerOf(reconciler.reconcile("all", never));
        await world.clock.advance(1_000);
        return world.emitted.length;
      };
      const seen = [await tries(), await tries(), await tries()];
      await world.clock.advance(60_000);
      assert.deepEqual([...seen, await tries()], [1, 2, 2, 3]);
    }));

  it("ends although such a volume can't be given back to its nodes", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await rebuild({ ...world, ports: { ...world.ports, store: storeRefusing(world, "node-a").store } });
      await world.clock.advance(1_000);
      const { store } = world.ports;
      const updateStatus: typeof store.updateStatus = (kind, object, signal) =>
        kind === "AzVolume"
          ? Promise.resolve(fail({ kind: "ObjectInvalid", objectKind: kind, name: "pvc-1", problem: "" }))
          : store.updateStatus(kind, object, signal);
      const ports = { ...world.ports, store: { ...store, updateStatus } };
      assert.deepEqual(await rebuild({ ...world, ports }), ok({ requeueAfterMs: 60_000 }));
      assert.equal(isUnmarked(await must(world.other.get("AzVolume", "pvc-1", never))), true);
    }));

  it("keeps a volume from its nodes whose attachments a bug hides", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      const { store } = world.ports;
      const list: typeof store.list = (kind, ...rest) =>
        kind === "AzVolumeAttachment" ? Promise.reject(new TypeError("a bug")) : store.list(kind, ...rest);
      const ports = { ...world.ports, store: { ...store, list } };
      assert.deepEqual(await rebuild({ ...world, ports }), ok({}));
      assert.equal(isUnmarked(await must(world.other.get("AzVolume", "pvc-1", never))), true);
      assert.deepEqual(await incarnations(world), [2, 0]);
    }));

  it("ends no rebuild while such a volume can't be kept from its nodes", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const refused = {
        kind: "ObjectInvalid",
        objectKind: "AzVolume",
        name: "pvc-1",
        problem: "",
      } as const;
      const { store } = storeRefusing(world, "node-a");
      const updateStatus: typeof store.updateStatus = (kind, object, signal) =>
        kind === "AzVolume" ? Promise.resolve(fail(refused)) : store.updateStatus(kind, object, signal);
      const ports = { ...world.ports, store: { ...store, updateStatus } };
      assert.deepEqual(await rebuild({ ...world, ports }), fail(refused));
      assert.deepEqual(await incarnations(world), [1, 2]);
    }));

  it("requests a read for an attachment whose disk is being detached", () =>
    withIncarnation({ incarnation: 1 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 0 }));
      const own = anAttachment("node-a");
      await world.given("AzVolumeAttachment", {
        ...own,
        metadata: { ...own.metadata, name: attachmentName("node-a") },
      });
      const { inspectInstance } = world.ports.cloud;
      world.ports.cloud.inspectInstance = async (request, signal) => {
        const instance = await inspectInstance(request, signal);
        return instance.ok
          ? ok({ ...instance.value, dataDisks: [{ diskUri, lun: 4, beingDetached: true }] })
          : instance;
      };
      await rebuild(world);
      assert.deepEqual(listIn(world.record(), "unverified"), [identity("node-a")]);
      assert.deepEqual(
        [world.attachment("node-a")?.status?.lun, world.attachment("node-a")?.status?.deviceMissing],
        [4, true],
      );
    }));

  it("distrusts nodes with a checkpoint also where Azure does not show the disk there", () =>
    withIncarnation({ incarnation: 3 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 2 }));
      const checkpointed = (nodeName: string, volumeName: string, epoch: number): Promise<unknown> =>
        world.given(
          "AzDriverNode",
          aDriverNode(nodeName, {
            vmId: identity(nodeName).vmId,
            volumes: [{ volumeName, uid: "uid-pvc-1", epoch }],
          }),
        );
      await checkpointed("node-a", "pvc-1", 3);
      await checkpointed("node-b", "pvc-1", 4);
      await checkpointed("node-c", "pvc-2", 9);
      await rebuild(world);
      assert.deepEqual(
        world.record(),
        aRecord({
          defaultAccess: "quarantined",
          unverified: [identity("node-a"), { ...b, unconfirmed: true }],
          barrierPending: [a, b],
          epoch: 4,
          storeIncarnation: 3,
        }),
      );
    }));

  it("uses only the epoch of a checkpoint that was made on another VM", () =>
    withIncarnation({ incarnation: 3 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 2 }));
      const { vmId, instanceUri } = identity("node-c");
      const copied = {
        volumeName: "pvc-1",
        uid: "uid-pvc-1",
        epoch: 4,
        checkpointedOn: { vmId, instanceUri },
      };
      await world.given("AzDriverNode", aDriverNode("node-b", { volumes: [copied] }));
      await rebuild(world);
      assert.deepEqual(listIn(world.record(), "unverified"), [identity("node-a")]);
      assert.equal(world.record()?.epoch, 4);
    }));

  it("distrusts recorded and attached nodes where neither Azure nor checkpoints do", () =>
    withIncarnation({ incarnation: 3 }, async (world) => {
      await world.given(
        "AzVolume",
        aVolumeWithRecord({
          storeIncarnation: 2,
          writer: aWriter("node-b"),
          unverified: [identity("node-c")],
        }),
      );
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-d", { status: { vmId: identity("node-d").vmId } }),
      );
      await rebuild(world);
      assert.deepEqual(
        listIn(world.record(), "unverified").map(({ nodeName, unconfirmed = false }) => [
          nodeName,
          unconfirmed,
        ]),
        [
          ["node-a", false],
          ["node-b", false],
          ["node-c", false],
          ["node-d", true],
        ],
      );
    }));

  it("believes one node alone once in ten minutes, and two nodes always", () =>
    withIncarnation({ incarnation: 1 }, async (world) => {
      const reports = async (nodeName: string, incarnation: number): Promise<void> => {
        const condition = {
          type: STORE_ROLLED_BACK,
          status: "True" as const,
          reason: rolledBackReason(incarnation),
          message: "",
          lastTransitionTime: agoMs(0),
        };
        const present = await must(world.other.get("AzDriverNode", nodeName, never));
        assert.ok(present.status !== undefined);
        await must(
          world.other.updateStatus(
            "AzDriverNode",
            { ...present, status: { ...present.status, conditions: [condition] } },
            never,
          ),
        );
        await world.clock.advance(1_000);
      };
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      await reports("node-a", 1);
      await rebuild(world);
      assert.deepEqual(
        await incarnations(world),
        [2, 0],
        "it may be the only one that beat since the backup",
      );
      const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
      assert.match(lease.metadata.annotations?.[LONE_REPORTS_ANNOTATION] ?? "", /^\{"node-a":\d+\}$/u);
      await reports("node-a", 2);
      const limited = await rebuild(world);
      assert.ok(limited.ok && (limited.value.requeueAfterMs ?? 0) > 590_000, JSON.stringify(limited));
      assert.deepEqual(
        [await incarnations(world), world.emitted.map(({ reason }) => reason)],
        [[2, 0], ["RollbackUnconfirmed"]],
      );
      await reports("node-b", 2);
      await rebuild(world);
      assert.deepEqual(await incarnations(world), [3, 0], "a second witness");
      await reports("node-a", 3);
      await world.clock.advance(600_000);
      await rebuild(world);
      assert.deepEqual(await incarnations(world), [4, 0], "ten minutes have passed");
    }));

  it("ignores an epoch out of range, which would exhaust the record's numbers", () =>
    withIncarnation({ incarnation: 3 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ epoch: 4, storeIncarnation: 2 }));
      const volumes = (epoch: number) => ({ volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch }] });
      await world.given("AzDriverNode", aDriverNode("node-b", volumes(COUNTER_MAX)));
      await world.given("AzDriverNode", aDriverNode("node-c", volumes(9)));
      await rebuild(world);
      assert.equal(world.record()?.epoch, 9);
    }));

  it("rebuilds the others where one volume fails, reports that one, and retries it", () =>
    withIncarnation({ incarnation: 1, mark: 2 }, async (world) => {
      const failing = diskUri.replace("pvc-1", "pvc-0");
      await world.given(
        "AzVolume",
        aVolume({
          metadata: { name: "pvc-0" },
          status: { detail: aDetail({ diskUri: failing }), record: aRecord({ storeIncarnation: 1 }) },
        }),
      );
      await world.given("AzVolume", aVolumeWithRecord({ storeIncarnation: 1 }));
      const rebuilt = await rebuild(world, undefined, failing);
      assert.equal(rebuilt.ok ? undefined : rebuilt.failure.kind, "CloudUnavailable");
      assert.deepEqual(await incarnations(world), [2, 0]);
      const incarnationOf = (name: string): number | undefined =>
        world.ports.cache.list("AzVolume").find(({ metadata }) => metadata.name === name)?.status?.record
          ?.storeIncarnation;
      await world.clock.advance(1_000);
      assert.deepEqual([incarnationOf("pvc-0"), incarnationOf("pvc-1")], [1, 2]);
      assert.deepEqual(
        world.emitted.map(({ reason, about }) => [reason, about.name]),
        [["RecordNotVerified", "pvc-0"]],
      );
      assert.equal((await rebuild(world)).ok, true);
      await world.clock.advance(1_000);
      assert.equal(incarnationOf("pvc-0"), 2);
    }));

  it("leaves records of the store's own incarnation alone", () =>
    withIncarnation({ incarnation: 3 }, async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a"), storeIncarnation: 3 }));
      const commits = world.commits.length;
      assert.deepEqual(await rebuild(world), { ok: true, value: {} });
      assert.equal(world.commits.length, commits);
    }));

  it("records the size of a disk that has grown since its volume's backup", () =>
    withIncarnation({ incarnation: 1 }, async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ status: { detail: aDetail({ sizeGiB: 4 }), record: aRecord({ storeIncarnation: 0 }) } }),
      );
      await rebuild(world);
      assert.equal(world.volume()?.status?.detail?.sizeGiB, 10);
    }));

  it("records a size as unconfirmed whose growth Azure has failed since the backup", () =>
    withIncarnation({ incarnation: 1 }, async (world) => {
      await world.given("AzVolume", aVolume({ status: { record: aRecord({ storeIncarnation: 0 }) } }));
      await rebuild(world, undefined, undefined, { sizeGiB: 20, state: "Failed" });
      const { sizeGiB, unconfirmedGiB } = world.volume()?.status?.detail ?? {};
      assert.deepEqual([sizeGiB, unconfirmedGiB], [10, 20]);
    }));

  it("records the size of a disk that has grown since the store's backup", () =>
    withIncarnation({ incarnation: 3 }, async (world) => {
      await world.given(
        "AzVolume",
        aVolume({ status: { record: aRecord({ storeIncarnation: 2 }), detail: aDetail({ sizeGiB: 4 }) } }),
      );
      await rebuild(world);
      assert.deepEqual(world.volume()?.status?.detail, aDetail());
    }));
});

describe("a rebuild of many volumes", () => {
  const nameOf = (index: number): string => `pvc-${index + 1}`;
  const uriOf = (index: number): string => diskUri.replace("pvc-1", nameOf(index));

  /** Volumes with records of incarnation 1, whose disks are on the first of `nodes` nodes, on the second … */
  async function withVolumes(
    { volumes, nodes = 1, mark = 2 }: { readonly volumes: number; readonly nodes?: number; mark?: number },
    act: (world: ReconcileWorld & { readonly calls: Calls }) => Promise<void>,
  ): Promise<void> {
    const names = ["node-a", "node-b", "node-c", "node-d"].slice(0, nodes);
    await withIncarnation({ incarnation: mark === 0 ? 2 : 1, mark: mark }, async (world) => {
      for (const name of names) world.instances.set(instanceUriOf(name), identity(name).vmId);
      for (let index = 0; index < volumes; index++)
        await world.given(
          "AzVolume",
          aVolume({
            metadata: { name: nameOf(index) },
            status: {
              detail: aDetail({ diskUri: uriOf(index) }),
              record: aRecord({ storeIncarnation: 1 }),
            },
          }),
        );
      await act({ ...world, calls: followCalls(world, names) });
    });
  }

  /** The calls to Azure, each of which takes 100 ms: `pvc-1` for its disk, `node-a` for its VM. */
  interface Calls {
    readonly begun: string[];
    readonly ended: string[];
    /** The most that were under way at once. */
    most: number;
    /** Calls that fail the first time, and how. */
    readonly failing: Set<string>;
    failure: Failure;
    /** Runs while the first call is under way. */
    during: () => Promise<void>;
  }

  function followCalls({ ports, clock }: ReconcileWorld, nodeNames: readonly string[]): Calls {
    const { cloud } = ports;
    const { inspectInstance } = cloud;
    const calls: Calls = {
      begun: [],
      ended: [],
      most: 0,
      failing: new Set(),
      failure: { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" },
      during: async () => undefined,
    };
    const call = async <T>(name: string, answer: () => Promise<T>) => {
      calls.begun.push(name);
      calls.most = Math.max(calls.most, calls.begun.length - calls.ended.length);
      if (calls.begun.length === 1) await calls.during();
      await clock.sleep(100, never);
      calls.ended.push(name);
      return calls.failing.delete(name) ? fail(calls.failure) : answer();
    };
    cloud.getDisk = ({ diskUri: uri }) => {
      const index = Number(/pvc-(?<number>\d+)/u.exec(uri)?.groups?.["number"]) - 1;
      const nodeName = nodeNames[index % nodeNames.length] ?? "";
      const disk = aDisk({ diskUri: uri, diskName: nameOf(index), attachedTo: [instanceUriOf(nodeName)] });
      return call(nameOf(index), async () => ok(disk));
    };
    cloud.inspectInstance = (request, signal) =>
      call(request.nodeName, () => inspectInstance(request, signal));
    return calls;
  }

  function rebuildAll({ ports, answerOf }: ReconcileWorld): Promise<Reconciled> {
    return answerOf(rebuildReconciler(ports).reconcile("store", never));
  }

  const recordOf = ({ ports }: ReconcileWorld, index: number) =>
    ports.cache.get("AzVolume", nameOf(index))?.status?.record;

  it("reads and rebuilds 25 at once, and never more", () =>
    withVolumes({ volumes: 60, nodes: 4 }, async (world) => {
      assert.deepEqual(await rebuildAll(world), ok({}));
      await world.clock.advance(1_000);
      for (let index = 0; index < 60; index++) assert.equal(recordOf(world, index)?.storeIncarnation, 2);
      assert.equal(world.calls.most, 25);
    }));

  it("reads a VM of several volumes once a pass, after the disks of all of them", () =>
    withVolumes({ volumes: 6, nodes: 2 }, async (world) => {
      const { calls } = world;
      calls.failing.add("pvc-3");
      assert.equal((await rebuildAll(world)).ok, false);
      assert.deepEqual(calls.begun.slice(0, 6), [0, 1, 2, 3, 4, 5].map(nameOf));
      assert.deepEqual(calls.begun.slice(6).toSorted(), ["node-a", "node-b"]);
      assert.deepEqual(listIn(recordOf(world, 5), "unverified"), [identity("node-b")]);
      await world.clock.advance(1_000);
      assert.deepEqual(await rebuildAll(world), ok({}));
      assert.deepEqual(calls.begun.slice(8), ["pvc-3", "node-a"], "what an earlier pass read is not enough");
    }));

  it("takes no read of a VM from what Azure's limits keep for failovers", () =>
    withVolumes({ volumes: 2, nodes: 2 }, async (world) => {
      assert.deepEqual(await rebuildAll(world), ok({}));
      assert.deepEqual(world.readLanes, new Set(["primaryAttach"]));
    }));

  it("tries every volume, however many others in a row Azure has throttled", () =>
    withVolumes({ volumes: 60 }, async (world) => {
      world.calls.failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" };
      for (let index = 0; index < 55; index++) world.calls.failing.add(nameOf(index));
      assert.deepEqual(await rebuildAll(world), fail(world.calls.failure));
      await world.clock.advance(1_000);
      const isRebuilt = (index: number): boolean => recordOf(world, index)?.storeIncarnation === 2;
      assert.deepEqual(
        Array.from({ length: 60 }, (_, index) => index).filter(isRebuilt),
        [55, 56, 57, 58, 59],
      );
    }));

  it("reads a VM again for a later volume where it could not be read for others", () =>
    withVolumes({ volumes: 26 }, async (world) => {
      world.calls.failing.add("node-a");
      assert.equal((await rebuildAll(world)).ok, false);
      await world.clock.advance(1_000);
      const isRebuilt = (index: number): boolean => recordOf(world, index)?.storeIncarnation === 2;
      assert.equal(Array.from({ length: 26 }, (_, index) => index).filter(isRebuilt).length, 1);
      assert.deepEqual(
        [...new Set(world.emitted.map(({ reason }) => reason)), world.emitted.length],
        ["RecordNotVerified", 25],
      );
    }));

  it("leaves alone a record that another leader has rebuilt since it was listed", () =>
    withVolumes({ volumes: 1, mark: 0 }, async (world) => {
      const other = anAttachment("node-b");
      await world.given("AzVolumeAttachment", {
        ...other,
        metadata: { ...other.metadata, name: attachmentName("node-b") },
      });
      world.calls.during = () => world.setRecord((record) => ({ ...record, storeIncarnation: 2 }));
      assert.deepEqual(await rebuildAll(world), ok({}));
      assert.equal(world.attachment("node-b")?.status?.state, "Attached", "it was attached since");
    }));

  it("ends no rebuild that was interrupted, and reports no volume for it", () =>
    withVolumes({ volumes: 60 }, async (world) => {
      const stop = new AbortController();
      world.calls.during = async () => stop.abort();
      const stopped = await world.answerOf(rebuildReconciler(world.ports).reconcile("store", stop.signal));
      assert.deepEqual(stopped, fail({ kind: "Cancelled" }));
      assert.deepEqual([await incarnations(world), world.emitted], [[1, 2], []]);
      assert.equal(world.calls.begun.length, 25);
    }));
});
