import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../../adapters/virtual/virtual-clock.ts";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { RECENT_SNAPSHOTS_MAX } from "../../../core/api/schema/az-volume.schema.ts";
import { LATE_REQUEST_MS } from "../../../core/azure/late-request.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { toTimestamp } from "../../../core/primitives/timestamp.ts";
import { gibToBytes } from "../../../core/primitives/units.ts";
import { must } from "../../../core/testing/value-of.ts";
import { OperationLock } from "../../../runtime/operation-lock.ts";
import { aCall } from "../../testing/a-call.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import {
  aSnapshot,
  aSnapshotUri,
  createFakeSnapshots,
  type FakeSnapshots,
} from "../../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, aVolumeObject } from "../../testing/objects.ts";
import type { ControllerContext } from "../controller-context.ts";
import { expandVolume } from "../expand-volume.ts";
import { createSnapshot } from "./create-snapshot.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";

const TAKEN = aSnapshotUri("snapshot-1");
const OWN = { "disk.csi.azure.com-cluster-id": "cluster-1", "k8s-azure-created-by": "kubernetes-azure-dd" };
const BEING_MADE =
  /its snapshot snapshot-1 to be made, which was requested in the last 20 minutes: Azure fails/u;
const BEING_COPIED = /its snapshot snapshot-1 to be complete: Azure fails/u;
const WAITS_FOR_GROWTH = /still waiting for its disk to grow to 20 GiB: Azure fails a snapshot/u;
const GROWS = "asks";
/** The first moment of each test's clock. */
const FIRST_MS = createVirtualClock().nowMs();

class Crash extends Error {}

/** A volume on Premium SSD v2, and calls that come to two controllers. */
interface Calls {
  readonly world: ControllerWorld;
  readonly azure: FakeSnapshots;
  /** What CreateSnapshot answers; `changes`: of what its controller sees. */
  snapshot(
    changes?: Partial<ControllerContext>,
    parameters?: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** What ControllerExpandVolume to 20 GiB answers, and `asks` where it waits for the disk to grow. */
  expand(changes?: Partial<ControllerContext>, sizeGiB?: number): Promise<string>;
  readonly deleted: () => Promise<string>;
  readonly volume: () => AzVolume;
}

function withCalls(
  act: (calls: Calls) => Promise<void>,
  volume: Partial<AzVolume["spec"]> = {},
): Promise<void> {
  return withController(async (world) => {
    const fake = createFakeSnapshots();
    const azure: FakeSnapshots = {
      ...fake,
      createSnapshot: async (request, signal) => {
        const made = await fake.createSnapshot(request, signal);
        if (made.ok) fake.change(request.snapshotUri, { isBeingCopied: true });
        return made;
      },
      listSnapshots: ({ resourceGroup = "rg-1" }, signal) => fake.listSnapshots({ resourceGroup }, signal),
    };
    const cloud = { getDisk: async () => ok(aDisk({ diskUri: aDiskUri(), skuName: "PremiumV2_LRS" })) };
    const outcomeOf = (result: Result<unknown>): string => {
      if (result.ok) return "OK";
      const text = describeFailure(result.failure);
      return /its disk to grow to \d+ GiB;/u.test(text) ? GROWS : text;
    };
    let isMoving = false;
    /** One that is made while another one is under way ends with that. */
    const answerOf = async <T>(answer: Promise<T>): Promise<T> => {
      if (isMoving) return answer;
      isMoving = true;
      try {
        return await world.answerOf(answer);
      } finally {
        isMoving = false;
      }
    };
    const one = { ...world.context, snapshots: azure, cloud, locks: new OperationLock() };
    const other = { ...one, locks: new OperationLock() };
    const detail = aDetail({ skuName: "PremiumV2_LRS" });
    const given = aVolumeObject({ detail });
    await world.given("AzVolume", { ...given, spec: { ...given.spec, ...volume } });
    await act({
      world,
      azure,
      snapshot: async (changes = {}, parameters = {}) => {
        const request = { sourceVolumeId: aDiskUri(), name: "snapshot-1", secrets: {}, parameters };
        const createRequest = { ...request, accessibilityRequirements: undefined };
        return outcomeOf(await answerOf(createSnapshot({ ...one, ...changes }, createRequest, aCall())));
      },
      expand: async (changes = {}, sizeGiB = 20) => {
        const capacityRange = { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n };
        const request = { volumeId: aDiskUri(), capacityRange, secrets: {}, volumeCapability: undefined };
        const call = aCall({ deadlineMs: world.clock.elapsedMs() + 5_000 });
        return outcomeOf(await answerOf(expandVolume({ ...other, ...changes }, request, call)));
      },
      deleted: async () =>
        outcomeOf(await answerOf(deleteSnapshot(other, { snapshotId: TAKEN, secrets: {} }, aCall()))),
      volume: () => world.volume("pvc-1") ?? assert.fail("no volume"),
    });
  });
}

/** An Azure in which `inBetween` happens after a request is noted, and before it takes effect. */
function whileOnItsWay(azure: FakeSnapshots, inBetween: () => Promise<unknown>): FakeSnapshots {
  return {
    ...azure,
    createSnapshot: async ({ note, ...request }, signal) => {
      const noted = await note?.write(signal);
      if (noted?.ok === false) return noted;
      await inBetween();
      return azure.createSnapshot({ ...request, note: undefined }, signal);
    },
  };
}

/** A controller that dies with its request on its way; the function has it take effect. */
function dying(azure: FakeSnapshots): {
  readonly snapshots: FakeSnapshots;
  readonly lands: () => Promise<void>;
} {
  let lands = async (): Promise<void> => assert.fail("no request");
  const createSnapshot: FakeSnapshots["createSnapshot"] = async ({ note, ...request }, signal) => {
    const noted = await note?.write(signal);
    assert.ok(noted?.ok === true);
    lands = async () => {
      assert.ok((await azure.createSnapshot({ ...request, note: undefined }, signal)).ok);
    };
    throw new Crash();
  };
  return { snapshots: { ...azure, createSnapshot }, lands: () => lands() };
}

describe("a snapshot that Azure copies in the background, and the growth of its disk", () => {
  it("keeps the disk from growing while its request is on its way", () =>
    withCalls(async ({ azure, world, snapshot, expand, volume }) => {
      let between = "";
      const snapshots = whileOnItsWay(azure, async () => (between = await expand()));
      assert.equal(await snapshot({ snapshots }), "OK");
      assert.match(between, BEING_MADE);
      assert.deepEqual(
        [volume().spec.disk.sizeGiB, world.emitted.map(({ reason }) => reason)],
        [10, ["NotExpanded"]],
      );
      assert.match(await expand(), BEING_COPIED);
      azure.change(TAKEN, { isBeingCopied: false });
      assert.equal(await expand(), GROWS);
      assert.deepEqual([volume().spec.disk.sizeGiB, volume().spec.recentSnapshots], [20, undefined]);
    }));

  it("keeps the disk from growing where no list shows it yet", () =>
    withCalls(async ({ azure, snapshot, expand }) => {
      assert.equal(await snapshot(), "OK");
      const snapshots: FakeSnapshots = { ...azure, listSnapshots: async () => ok([]) };
      assert.match(await expand({ snapshots }), BEING_COPIED);
    }));

  it("keeps a growth from being asked for that has found none just before", () =>
    withCalls(async ({ azure, snapshot, expand, volume, world }) => {
      const listSnapshots: FakeSnapshots["listSnapshots"] = async (group, signal) => {
        const listed = await azure.listSnapshots(group, signal);
        if (volume().spec.recentSnapshots === undefined) assert.equal(await snapshot(), "OK");
        return listed;
      };
      assert.match(await expand({ snapshots: { ...azure, listSnapshots } }), BEING_MADE);
      assert.deepEqual(
        [volume().spec.disk.sizeGiB, world.emitted.map(({ reason }) => reason)],
        [10, ["NotExpanded"]],
      );
    }));

  it("keeps a refused growth from being tried again that has found none just before", () =>
    withCalls(
      async ({ azure, snapshot, expand, volume, world }) => {
        const failure = { kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" } as const;
        await world.failed("pvc-1", "UpdateFailed", failure);
        const listSnapshots: FakeSnapshots["listSnapshots"] = async (group, signal) => {
          const listed = await azure.listSnapshots(group, signal);
          if (volume().spec.recentSnapshots === undefined) assert.equal(await snapshot(), "OK");
          return listed;
        };
        assert.match(await expand({ snapshots: { ...azure, listSnapshots } }), BEING_MADE);
        assert.equal(volume().status?.state, "UpdateFailed");
        azure.change(TAKEN, { isBeingCopied: false });
        assert.equal(await expand(), GROWS);
        assert.equal(volume().status?.state, "Created");
      },
      { disk: { ...aVolumeObject().spec.disk, sizeGiB: 20 } },
    ));

  it("is not asked for where a growth is asked for just before", () =>
    withCalls(async ({ azure, snapshot, expand, volume, world }) => {
      const { store } = world;
      const update: ControllerContext["store"]["update"] = async (kind, object, signal) => {
        if (volume().spec.disk.sizeGiB === 10) assert.equal(await expand(), GROWS);
        return store.update(kind, object, signal);
      };
      assert.match(await snapshot({ store: { ...store, update } }), WAITS_FOR_GROWTH);
      assert.deepEqual([azure.created, volume().spec.recentSnapshots], [[], undefined]);
    }));

  it("holds the disk up for 20 minutes where its controller died and it never comes", () =>
    withCalls(async ({ azure, snapshot, expand, world }) => {
      const { snapshots } = dying(azure);
      await assert.rejects(snapshot({ snapshots }), Crash);
      assert.match(await expand(), BEING_MADE);
      await world.clock.advance(LATE_REQUEST_MS / 2);
      assert.match(await expand(), BEING_MADE);
      await world.clock.advance(LATE_REQUEST_MS / 2);
      assert.equal(await expand(), GROWS);
    }));

  it("holds the disk up until it is complete where it comes after its controller died", () =>
    withCalls(async ({ azure, snapshot, expand, world }) => {
      const { snapshots, lands } = dying(azure);
      await assert.rejects(snapshot({ snapshots }), Crash);
      await world.clock.advance(LATE_REQUEST_MS - 60_000);
      await lands();
      await world.clock.advance(2 * LATE_REQUEST_MS);
      assert.match(await expand(), BEING_COPIED);
      assert.equal(await snapshot(), "OK");
      azure.change(TAKEN, { isBeingCopied: false });
      assert.equal(await expand(), GROWS);
    }));

  it("is taken by the next call where its controller died", () =>
    withCalls(async ({ azure, snapshot, volume, world }) => {
      await assert.rejects(snapshot({ snapshots: dying(azure).snapshots }), Crash);
      await world.clock.advance(60_000);
      assert.equal(await snapshot(), "OK");
      const time = toTimestamp(world.clock.nowMs());
      assert.deepEqual(volume().spec.recentSnapshots, [{ snapshotUri: TAKEN, time }]);
    }));

  it("holds nothing up once Azure has refused it, unless an earlier request may come", () =>
    withCalls(async ({ azure, snapshot, expand, world, volume }) => {
      const refuse: FakeSnapshots["createSnapshot"] = async ({ note }, signal) => {
        assert.ok((await note?.write(signal))?.ok);
        await note?.end(signal);
        return fail({ kind: "TooManySnapshots", diskUri: aDiskUri() });
      };
      const refusing = { snapshots: { ...azure, createSnapshot: refuse } };
      assert.match(await snapshot(refusing), /has as many incremental snapshots as Azure keeps/u);
      assert.equal(volume().spec.recentSnapshots, undefined);
      await assert.rejects(snapshot({ snapshots: dying(azure).snapshots }), Crash);
      await world.clock.advance(LATE_REQUEST_MS - 60_000);
      assert.match(await snapshot(refusing), /has as many incremental snapshots as Azure keeps/u);
      assert.match(await expand(), BEING_MADE);
      await world.clock.advance(60_000);
      assert.equal(await expand(), GROWS);
    }));

  it("holds nothing up once DeleteSnapshot has deleted it", () =>
    withCalls(async ({ snapshot, expand, deleted, volume }) => {
      assert.equal(await snapshot(), "OK");
      assert.match(await expand(), BEING_COPIED);
      assert.equal(await deleted(), "OK");
      assert.equal(volume().spec.recentSnapshots, undefined);
      assert.equal(await expand(), GROWS);
    }));

  it("is forgotten by a repeated DeleteSnapshot, too", () =>
    withCalls(async ({ azure, snapshot, deleted, volume }) => {
      assert.equal(await snapshot(), "OK");
      azure.present.clear();
      assert.equal(await deleted(), "OK");
      assert.equal(volume().spec.recentSnapshots, undefined);
    }));

  it("is still known once a refused growth is withdrawn", () =>
    withCalls(
      async ({ azure, snapshot, expand, volume, world }) => {
        const failure = { kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" } as const;
        await world.failed("pvc-1", "UpdateFailed", failure);
        await assert.rejects(snapshot({ snapshots: dying(azure).snapshots }), Crash);
        assert.equal(await expand({}, 10), "OK");
        assert.equal(volume().spec.disk.sizeGiB, 10);
        assert.match(await expand(), BEING_MADE);
      },
      { disk: { ...aVolumeObject().spec.disk, sizeGiB: 20 } },
    ));

  it("is noted as the source in the disk's region where it goes to another one", () =>
    withCalls(async ({ snapshot, volume, expand, deleted }) => {
      assert.equal(await snapshot({}, { location: "westus" }), "OK");
      const source = aSnapshotUri("local_snapshot-1");
      assert.deepEqual(
        volume().spec.recentSnapshots?.map(({ snapshotUri }) => snapshotUri),
        [source],
      );
      assert.match(await expand(), /its snapshot local_snapshot-1 to be complete/u);
      assert.equal(await deleted(), "OK");
      assert.equal(await expand(), GROWS);
    }));

  it("is not asked for where the cluster's definition of AzVolume drops its note", () =>
    withCalls(async ({ azure, snapshot, world, volume }) => {
      const { store } = world.context;
      const update: typeof store.update = (kind, object, signal) => {
        const { recentSnapshots: _, ...spec } = object.spec as AzVolume["spec"];
        return store.update(kind, { ...object, spec }, signal);
      };
      assert.match(
        await snapshot({ store: { ...store, update } }),
        /has no spec\.recentSnapshots; apply the/u,
      );
      assert.deepEqual(azure.created, []);
      assert.equal(volume().spec.recentSnapshots, undefined);
    }));

  it("is refused where too many were asked for lately", () =>
    withCalls(
      async ({ azure, snapshot, world }) => {
        assert.match(
          await snapshot(),
          /one of the 64 snapshots of it that were asked for in the last 20 minutes/u,
        );
        assert.deepEqual(azure.created, []);
        await world.clock.advance(LATE_REQUEST_MS);
        assert.equal(await snapshot(), "OK");
      },
      {
        recentSnapshots: Array.from({ length: RECENT_SNAPSHOTS_MAX }, (_, index) => ({
          snapshotUri: aSnapshotUri(`other-${index}`),
          time: toTimestamp(FIRST_MS),
        })),
      },
    ));

  it("waits where a refused growth is tried again with another SKU", () =>
    withCalls(
      async ({ azure, snapshot, world }) => {
        const failure = { kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" } as const;
        await world.failed("pvc-1", "UpdateFailed", failure);
        assert.match(await snapshot(), WAITS_FOR_GROWTH);
        assert.deepEqual(azure.created, []);
      },
      {
        disk: { ...aVolumeObject().spec.disk, sizeGiB: 20 },
        modification: { skuName: "PremiumV2_LRS" },
      },
    ));

  it("waits while a request for a growth that was refused since may still arrive", () =>
    withCalls(
      async ({ azure, snapshot, expand, world }) => {
        const failure = { kind: "CloudRejected", code: "BadRequest", message: "no", requestId: "r" } as const;
        await world.failed("pvc-1", "UpdateFailed", failure);
        await world.setStatus("pvc-1", ({ status }) => ({
          ...(status ?? assert.fail("no status")),
          sentGrowth: { sizeGiB: 20, time: toTimestamp(FIRST_MS) },
        }));
        assert.match(await snapshot(), /to grow to 20 GiB, of which a request may still arrive until it is/u);
        assert.equal(await expand({}, 10), "OK");
        assert.match(await snapshot(), /to grow to 20 GiB, of which a request may still arrive until it is/u);
        assert.deepEqual(azure.created, []);
        await world.clock.advance(LATE_REQUEST_MS);
        assert.equal(await snapshot(), "OK");
      },
      { disk: { ...aVolumeObject().spec.disk, sizeGiB: 20 } },
    ));

  it("waits for no growth that its disk has made", () =>
    withCalls(async ({ snapshot, world }) => {
      await world.setStatus("pvc-1", ({ status }) => ({
        ...(status ?? assert.fail("no status")),
        sentGrowth: { sizeGiB: 10, time: toTimestamp(FIRST_MS) },
      }));
      assert.equal(await snapshot(), "OK");
    }));

  it("is not taken where the volume's object is replaced by then", () =>
    withCalls(async ({ azure, snapshot, volume, world }) => {
      const { store } = world;
      const get: ControllerContext["store"]["get"] = async (kind, name, signal) => {
        const read = await store.get(kind, name, signal);
        const isReplaced = read.ok && kind === "AzVolume";
        return isReplaced
          ? ok({ ...read.value, metadata: { ...read.value.metadata, uid: `${gets++}` } })
          : read;
      };
      let gets = 0;
      assert.match(await snapshot({ store: { ...store, get } }), /its AzVolume, which was deleted/u);
      assert.deepEqual([azure.created, volume().spec.recentSnapshots], [[], undefined]);
    }));

  it("keeps the disk from growing where Azure can't be asked for it", () =>
    withCalls(async ({ azure, snapshot, expand, volume }) => {
      assert.equal(await snapshot(), "OK");
      const unavailable = {
        kind: "CloudUnavailable",
        code: "x",
        message: "no answer",
        requestId: "r",
      } as const;
      const getSnapshot: FakeSnapshots["getSnapshot"] = async () => fail(unavailable);
      const snapshots: FakeSnapshots = { ...azure, getSnapshot, listSnapshots: async () => ok([]) };
      assert.match(await expand({ snapshots }), /Azure can't be reached/u);
      assert.equal(volume().spec.disk.sizeGiB, 10);
    }));

  it("is noted where a modification makes its disk one whose snapshots are copied", () =>
    withCalls(
      async ({ snapshot, volume, world }) => {
        await world.setStatus("pvc-1", ({ status }) => ({
          ...(status ?? assert.fail("no status")),
          detail: aDetail({ skuName: "Premium_LRS" }),
        }));
        assert.equal(await snapshot(), "OK");
        assert.equal(volume().spec.recentSnapshots?.length, 1);
      },
      { modification: { skuName: "PremiumV2_LRS" } },
    ));

  it("holds its disk up once that modification is not asked for any more", () =>
    withCalls(
      async ({ azure, snapshot, expand, world }) => {
        await world.setStatus("pvc-1", ({ status }) => ({
          ...(status ?? assert.fail("no status")),
          detail: aDetail({ skuName: "Premium_LRS" }),
        }));
        await assert.rejects(snapshot({ snapshots: dying(azure).snapshots }), Crash);
        const { modification: _, ...spec } = world.volume("pvc-1")?.spec ?? assert.fail("no volume");
        const present = world.volume("pvc-1") ?? assert.fail("no volume");
        await must(world.store.update("AzVolume", { ...present, spec }, new AbortController().signal));
        assert.match(await expand(), BEING_MADE);
      },
      { modification: { skuName: "PremiumV2_LRS" } },
    ));

  it("waits until the volume knows the SKU that another client has given its disk", () =>
    withCalls(async ({ world, azure, snapshot, volume }) => {
      const { status = assert.fail("no status") } = volume();
      await world.setStatus("pvc-1", () => ({ ...status, detail: aDetail({ skuName: "Premium_LRS" }) }));
      await world.clock.settle();
      const waits =
        /still waiting for its SKU to be recorded, which another client has changed to PremiumV2_LRS/u;
      assert.match(await snapshot(), waits);
      assert.deepEqual(volume().spec.modification, {}, "the disk's loop reads it");
      assert.match(await snapshot(), waits);
      assert.equal(azure.present.size, 0);
      await world.setStatus("pvc-1", () => status);
      assert.equal(await snapshot(), "OK");
      assert.equal(volume().spec.recentSnapshots?.length, 1);
    }));

  it("is not noted where Azure copies nothing in the background", () =>
    withCalls(async ({ snapshot, volume, world }) => {
      await world.setStatus("pvc-1", ({ status }) => ({
        ...(status ?? assert.fail("no status")),
        detail: aDetail({ skuName: "Premium_LRS" }),
      }));
      const cloud = { getDisk: async () => ok(aDisk({ diskUri: aDiskUri(), skuName: "Premium_LRS" })) };
      assert.equal(await snapshot({ cloud }), "OK");
      assert.equal(volume().spec.recentSnapshots, undefined);
    }));

  it("is made again only with a note where its creation has failed", () =>
    withCalls(async ({ azure, snapshot, volume }) => {
      azure.present.set(TAKEN.toLowerCase(), aSnapshot({ tags: OWN, state: "Failed", isTaken: false }));
      assert.equal(await snapshot(), "OK");
      assert.equal(volume().spec.recentSnapshots?.length, 1);
    }));
});
