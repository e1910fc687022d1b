import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { aWriter, identity } from "../../../core/testing/objects.ts";
import type { RecordChanges } from "../../../core/testing/record-lists.ts";
import { kindOf } from "../../../core/testing/value-of.ts";
import type { StepName } from "../../../ports/steps.ts";
import type { Snapshot } from "../../gen/csi/v1/csi.ts";
import { aCall } from "../../testing/a-call.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import { aSnapshotUri, createFakeSnapshots, type FakeSnapshots } from "../../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, anAttachmentObject, aRecord, aVolumeObject } from "../../testing/objects.ts";
import type { ControllerContext } from "../controller-context.ts";
import { createSnapshot } from "./create-snapshot.ts";
import { listSnapshots } from "./list-snapshots.ts";

const never = new AbortController().signal;
const TARGET = aSnapshotUri("snapshot-1").toLowerCase();
const FROZEN_AT = "disk.csi.azure.com-frozen-at";
const mounted = { writer: aWriter("node-a"), epoch: 1 };

/** How long the node of these tests takes to freeze or thaw, and a call that waits for nothing else. */
const FREEZING_MS = 50;
const ANSWER_MAX_MS = 1_000;

type Answer = NonNullable<NonNullable<AzVolumeAttachment["status"]>["freeze"]>;

class Crash extends Error {}

/** A volume, the plug-in of its node, and an Azure that fixes the content of a snapshot at once. */
interface Freezing {
  readonly world: ControllerWorld;
  readonly snapshots: FakeSnapshots;
  /** Calls CreateSnapshot; `dies`: its controller dies before or after its n-th step. */
  create(
    how?: Partial<ControllerContext> & { readonly dies?: Death; readonly name?: string },
  ): Promise<Result<Snapshot>>;
  /** Settles while a call runs. */
  setRecord(record: RecordChanges): Promise<void>;
  readonly attachment: () => Promise<AzVolumeAttachment>;
  /** What the node answers instead of *Frozen*, or at the end of a freeze. */
  node: { first: Omit<Answer, "id">; last: Omit<Answer, "id"> };
}

interface Death {
  readonly at: number;
  readonly when: "before" | "after";
}

function withVolume(
  act: (freezing: Freezing) => Promise<void>,
  {
    record = mounted,
    accessType = "mount",
    asked = {},
  }: {
    readonly record?: RecordChanges;
    readonly accessType?: "mount" | "block";
    readonly asked?: Partial<AzVolumeAttachment["spec"]>;
  } = {},
): Promise<void> {
  return withController(async (world) => {
    const snapshots = createFakeSnapshots();
    const capabilities = [{ accessMode: "SINGLE_NODE_WRITER", accessType }] as const;
    await world.given("AzVolume", aVolumeObject({ spec: { capabilities } }));
    const setRecord = (changes: RecordChanges): Promise<void> =>
      world.setStatus("pvc-1", () => ({
        state: "Created",
        observedGeneration: 1,
        conditions: [],
        detail: aDetail(),
        record: aRecord(changes),
      }));
    await world.answerOf(setRecord(record));
    const { vmId, instanceUri } = identity("node-a");
    const status = { state: "Attached", role: "Primary", vmId, instanceUri } as const;
    const object = anAttachmentObject();
    const spec = { ...object.spec, writerRequest: { since: "2026-01-01T00:00:00.000Z" }, ...asked };
    await world.given("AzVolumeAttachment", { ...object, spec, status });
    const attachment = async (): Promise<AzVolumeAttachment> => {
      const read = await world.store.get("AzVolumeAttachment", object.metadata.name, never);
      assert.ok(read.ok);
      return read.value;
    };
    const freezing: Freezing = {
      world,
      snapshots,
      setRecord,
      attachment,
      node: { first: { state: "Frozen" }, last: { state: "Held" } },
      create: async ({ dies, name = "snapshot-1", ...changes } = {}) => {
        let taken = 0;
        const run = async <T>(_: StepName, step: () => Promise<T>): Promise<T> => {
          taken++;
          if (taken === dies?.at && dies.when === "before") throw new Crash();
          const answer = await step();
          if (taken === dies?.at) throw new Crash();
          return answer;
        };
        const getDisk: ControllerContext["cloud"]["getDisk"] = async ({ diskUri }) => ok(aDisk({ diskUri }));
        const context = { ...world.context, snapshots, cloud: { getDisk }, steps: { run }, ...changes };
        const parameters = { fileSystemFreezeSeconds: "10" };
        const request = { sourceVolumeId: aDiskUri(), name, secrets: {}, parameters };
        const call = createSnapshot(context, { ...request, accessibilityRequirements: undefined }, aCall());
        const created = await world.answerOf(call);
        if (!created.ok) return created;
        assert.ok(created.value.snapshot !== undefined);
        return ok(created.value.snapshot);
      },
    };
    const answers: Promise<unknown>[] = [];
    world.context.cache.onChange(({ kind, current }) => {
      if (kind !== "AzVolumeAttachment" || current?.status === undefined) return;
      const { request, answer } = { request: current.spec.freeze, answer: current.status.freeze };
      const isNew = request !== undefined && request.id !== answer?.id;
      const isCancelled = request === undefined || request.isCancelled === true;
      const isOver = answer?.state === "Frozen" && (isCancelled || request.isTaken === true);
      const { first, last } = freezing.node;
      const cancelled = isCancelled ? ({ state: "Lost" } as const) : last;
      const freeze = isNew
        ? { id: request.id, ...first }
        : isOver
          ? { id: answer.id, ...cancelled }
          : undefined;
      if (freeze === undefined) return;
      const next = { ...current, status: { ...current.status, freeze } };
      // As long as a freeze takes: the call waits by then.
      const frozen = world.clock.sleep(FREEZING_MS, never);
      answers.push(frozen.then(() => world.store.updateStatus("AzVolumeAttachment", next, never)));
    });
    await act(freezing);
    await world.answerOf(Promise.all(answers));
  });
}

describe("takeFrozenSnapshot", () => {
  it("takes a snapshot while the node keeps the file system frozen, then has it thawed", () =>
    withVolume(async ({ create, snapshots, attachment }) => {
      let isFrozenThen: unknown;
      const createFrozen: FakeSnapshots["createSnapshot"] = async (request, signal) => {
        isFrozenThen = (await attachment()).status?.freeze?.state;
        return snapshots.createSnapshot(request, signal);
      };
      const created = await create({ snapshots: { ...snapshots, createSnapshot: createFrozen } });
      assert.equal(created.ok && created.value.readyToUse, true);
      assert.equal(isFrozenThen, "Frozen");
      const { spec, status } = await attachment();
      assert.deepEqual([spec.freeze?.isTaken, status?.freeze?.state], [true, "Held"]);
      assert.equal(snapshots.present.get(TARGET)?.tags[FROZEN_AT], "2026-01-01T00:00:00.000Z");
      assert.deepEqual(await create(), created);
      assert.equal(snapshots.created.length, 1);
    }));

  it("reports a snapshot that has failed since it was confirmed", () =>
    withVolume(async ({ create, snapshots }) => {
      assert.equal(kindOf(await create()), "ok");
      const present = snapshots.present.get(TARGET);
      assert.ok(present !== undefined);
      snapshots.present.set(TARGET, { ...present, state: "Failed", isRestorable: false });
      const failure: Failure = { kind: "CloudRejected", code: "x", message: "failed", requestId: "" };
      const createSnapshot: FakeSnapshots["createSnapshot"] = async () => fail(failure);
      assert.deepEqual(await create({ snapshots: { ...snapshots, createSnapshot } }), fail(failure));
    }));

  it("keeps no snapshot whose freeze was lost, and takes another one when called again", () =>
    withVolume(async (freezing) => {
      freezing.node.last = { state: "Lost" };
      assert.equal(kindOf(await freezing.create()), "SnapshotNotFrozen");
      assert.deepEqual([...freezing.snapshots.present], []);
      freezing.node.last = { state: "Held" };
      assert.equal(kindOf(await freezing.create()), "ok");
      assert.equal(freezing.snapshots.present.size, 1);
    }));

  it("takes none where the node refuses, and asks it again when called again", () =>
    withVolume(async (freezing) => {
      freezing.node.first = { state: "Refused", detail: "it is busy" };
      const askedAtMs = freezing.world.clock.elapsedMs();
      const refused = await freezing.create();
      assert.ok(freezing.world.clock.elapsedMs() - askedAtMs < ANSWER_MAX_MS);
      assert.ok(!refused.ok && refused.failure.kind === "SnapshotNotFrozen");
      assert.equal(refused.failure.detail, "it is busy");
      assert.deepEqual(freezing.snapshots.created, []);
      freezing.node.first = { state: "Frozen" };
      assert.equal(kindOf(await freezing.create()), "ok");
    }));

  it("asks again at once where a plug-in that was restarted lost the freeze", () =>
    withVolume(async (freezing) => {
      const { world, create } = freezing;
      freezing.node.first = { state: "Lost" };
      world.context.cache.onChange(({ kind, current }) => {
        if (kind === "AzVolumeAttachment" && current?.status?.freeze?.state === "Lost")
          freezing.node.first = { state: "Frozen" };
      });
      const askedAtMs = world.clock.elapsedMs();
      assert.equal(kindOf(await create()), "ok");
      assert.ok(world.clock.elapsedMs() - askedAtMs < ANSWER_MAX_MS);
    }));

  describe("of a disk whose snapshots Azure copies", () => {
    const given = async ({ setStatus, answerOf }: ControllerWorld): Promise<void> => {
      const detail = aDetail({ skuName: "PremiumV2_LRS" });
      const isCopied = setStatus("pvc-1", ({ status }) => ({
        ...(status ?? assert.fail("no status")),
        detail,
      }));
      await answerOf(isCopied);
    };
    const askForGrowth = async ({ context, store }: ControllerWorld): Promise<void> => {
      const volume = context.cache.get("AzVolume", "pvc-1") ?? assert.fail("no volume");
      const spec = { ...volume.spec, disk: { ...volume.spec.disk, sizeGiB: 20 } };
      assert.ok((await store.update("AzVolume", { ...volume, spec }, never)).ok);
    };

    it("takes none where its growth is asked for while the node freezes it", () =>
      withVolume(async ({ create, snapshots, attachment, world }) => {
        await given(world);
        const asked: Promise<void>[] = [];
        world.context.cache.onChange(({ kind, current }) => {
          const isFreezing = kind === "AzVolumeAttachment" && current?.spec.freeze !== undefined;
          if (isFreezing && asked.length === 0) asked.push(askForGrowth(world));
        });
        const refused = await create();
        await Promise.all(asked);
        assert.ok(!refused.ok && refused.failure.kind === "StillWaiting");
        assert.match(refused.failure.what, /^its disk to grow to 20 GiB/u);
        assert.deepEqual(snapshots.created, []);
        assert.equal((await attachment()).spec.freeze?.isCancelled, true, "its node thaws at once");
      }));

    it("waits for one that Azure makes already: the growth waits for that", () =>
      withVolume(async ({ create, snapshots, world }) => {
        await given(world);
        await assert.rejects(create({ dies: { at: 2, when: "after" } }), Crash);
        snapshots.change(TARGET, { isTaken: false, isRestorable: false, state: "Creating" });
        await world.answerOf(askForGrowth(world));
        assert.equal(kindOf(await create()), "ok");
        assert.equal(snapshots.created.length, 2);
      }));
  });

  it("does not believe a freeze whose snapshot may come later than its answer", () =>
    withVolume(async ({ create, snapshots, attachment, world }) => {
      const lost: Failure = { kind: "CloudUnavailable", code: "x", message: "no answer", requestId: "" };
      let late = async (): Promise<unknown> => undefined;
      const createLate: FakeSnapshots["createSnapshot"] = async (request, signal) => {
        late = () => snapshots.createSnapshot(request, signal);
        return fail(lost);
      };
      const failed = await create({ snapshots: { ...snapshots, createSnapshot: createLate } });
      assert.deepEqual(failed, fail(lost));
      await world.answerOf(world.clock.sleep(1_000, never));
      assert.equal((await attachment()).status?.freeze?.state, "Lost");
      await late();
      assert.equal(kindOf(await create()), "SnapshotNotFrozen");
      assert.deepEqual([...snapshots.present], []);
    }));

  it("keeps no snapshot whose request a person or a restored backup removed too early", () =>
    withVolume(async ({ create, snapshots, attachment, world }) => {
      const createThen: FakeSnapshots["createSnapshot"] = async (request, signal) => {
        const { spec, ...present } = await attachment();
        const { freeze: _, ...left } = spec;
        assert.ok((await world.store.update("AzVolumeAttachment", { ...present, spec: left }, never)).ok);
        return snapshots.createSnapshot(request, signal);
      };
      const platform = { ...snapshots, createSnapshot: createThen };
      assert.equal(kindOf(await create({ snapshots: platform })), "SnapshotNotFrozen");
      assert.deepEqual([...snapshots.present], []);
      assert.equal(kindOf(await create()), "ok");
    }));

  it("takes a second snapshot where the request of the first one is left", () =>
    withVolume(async ({ create, snapshots, attachment }) => {
      assert.equal(kindOf(await create()), "ok");
      const first = (await attachment()).spec.freeze;
      snapshots.present.clear();
      assert.equal(kindOf(await create()), "ok");
      assert.notEqual((await attachment()).spec.freeze?.id, first?.id);
    }));

  for (const when of ["before", "after"] as const)
    it(`keeps a snapshot whose freeze held when the next is taken, ${when} its confirmation`, () =>
      withVolume(async ({ create, snapshots }) => {
        await assert.rejects(create({ dies: { at: 4, when } }), Crash);
        assert.equal(kindOf(await create({ name: "snapshot-2" })), "ok");
        assert.equal(snapshots.present.get(TARGET)?.tags[FROZEN_AT], "2026-01-01T00:00:00.000Z");
        assert.equal(kindOf(await create()), "ok");
        assert.equal(snapshots.created.length, 2);
      }));

  it("waits to replace a freeze that held until it knows of its snapshot", () =>
    withVolume(async ({ create, snapshots, attachment }) => {
      await assert.rejects(create({ dies: { at: 4, when: "before" } }), Crash);
      const { freeze } = (await attachment()).spec;
      const outage = { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" } as const;
      const getSnapshot: FakeSnapshots["getSnapshot"] = async ({ snapshotUri }, signal) =>
        snapshotUri.toLowerCase() === TARGET ? fail(outage) : snapshots.getSnapshot({ snapshotUri }, signal);
      const broken = { ...snapshots, getSnapshot };
      assert.equal(kindOf(await create({ name: "snapshot-2", snapshots: broken })), "CloudUnavailable");
      assert.deepEqual((await attachment()).spec.freeze, freeze);
    }));

  for (const { call, failure } of [
    {
      call: "getSnapshot",
      failure: { kind: "CloudUnauthorized", code: "AuthorizationFailed", message: "", requestId: "" },
    },
    {
      call: "tagSnapshot",
      failure: { kind: "InvalidArgument", field: "tags", value: "51", problem: "Azure allows 50 tags" },
    },
  ] as const)
    it(`takes snapshots though ${call} of an earlier one is refused for good`, () =>
      withVolume(async ({ create, snapshots, attachment, world }) => {
        await assert.rejects(create({ dies: { at: 4, when: "before" } }), Crash);
        const { freeze } = (await attachment()).spec;
        const refuse = async (snapshotUri: string): Promise<Result<never> | undefined> =>
          snapshotUri.toLowerCase() === TARGET ? fail(failure) : undefined;
        const platform: FakeSnapshots = {
          ...snapshots,
          [call]: async (
            request: Parameters<FakeSnapshots["tagSnapshot"]>[0],
            signal: AbortSignal,
          ): ReturnType<FakeSnapshots["tagSnapshot"]> =>
            (await refuse(request.snapshotUri)) ?? snapshots[call](request, signal),
        };
        const logger = {
          ...world.context.logger,
          warn: (message: string, fields: object = {}): number => warned.push({ message, ...fields }),
        };
        const warned: object[] = [];
        const taken = await create({ name: "snapshot-2", snapshots: platform, logger });
        assert.equal(kindOf(taken), "ok");
        assert.deepEqual(warned, [
          {
            message: "an earlier snapshot stays unconfirmed: it is not known as frozen",
            snapshotUri: freeze?.snapshotUri,
            failure,
          },
        ]);
        assert.equal(kindOf(await create({ name: "snapshot-3", snapshots: platform })), "ok");
        assert.equal(snapshots.created.length, 3);
        assert.equal(snapshots.present.get(TARGET)?.tags[FROZEN_AT], undefined);
      }));

  it("waits where the earlier snapshot is being confirmed by another controller", () =>
    withVolume(async ({ create, snapshots, attachment }) => {
      await assert.rejects(create({ dies: { at: 4, when: "before" } }), Crash);
      const { freeze } = (await attachment()).spec;
      const busy = { kind: "OperationInProgress", volumeId: TARGET, operation: "CreateSnapshot" } as const;
      const tagSnapshot: FakeSnapshots["tagSnapshot"] = async () => fail(busy);
      const answer = await create({ name: "snapshot-2", snapshots: { ...snapshots, tagSnapshot } });
      assert.equal(kindOf(answer), "OperationInProgress");
      assert.deepEqual((await attachment()).spec.freeze, freeze);
    }));

  it("asks no node for a freeze while it is to release the volume", () =>
    withVolume(
      async ({ create, attachment }) => {
        assert.equal(kindOf(await create()), "StillWaiting");
        assert.equal((await attachment()).spec.freeze, undefined);
      },
      { asked: { recall: { id: "r", since: "2026-01-01T00:00:00.000Z" } } },
    ));

  it("asks no node where the volume is mounted nowhere", () =>
    withVolume(
      async ({ create, snapshots, attachment }) => {
        assert.equal(kindOf(await create()), "ok");
        assert.equal((await attachment()).spec.freeze, undefined);
        assert.ok(snapshots.present.get(TARGET)?.tags[FROZEN_AT] !== undefined);
      },
      { record: { epoch: 3 } },
    ));

  it("believes no record of a restored backup that the volume is mounted nowhere", () =>
    withVolume(
      async ({ create, snapshots }) => {
        const detail = "whether it did is unknown until every node has reported";
        const rolledBack = {
          trustedIncarnation: async () => fail({ kind: "StoreRolledBack", detail } as const),
        };
        assert.equal(kindOf(await create({ gracePeriod: rolledBack })), "StoreRolledBack");
        const rebuilt = { trustedIncarnation: async () => ok(1) };
        assert.equal(kindOf(await create({ gracePeriod: rebuilt })), "StillWaiting");
        assert.deepEqual([...snapshots.present], []);
      },
      { record: { epoch: 3 } },
    ));

  it("freezes a volume that a node has acquired before the record could be trusted", () =>
    withVolume(
      async ({ create, snapshots, setRecord, attachment }) => {
        const trustedIncarnation = async (): Promise<Result<number, never>> => {
          await setRecord({ writer: aWriter("node-a", { epoch: 4 }), epoch: 4 });
          return ok(0);
        };
        assert.equal(kindOf(await create({ gracePeriod: { trustedIncarnation } })), "ok");
        assert.equal((await attachment()).spec.freeze?.isTaken, true);
        assert.ok(snapshots.present.get(TARGET)?.tags[FROZEN_AT] !== undefined);
      },
      { record: { epoch: 3 } },
    ));

  it("keeps no snapshot of a volume that a node has mounted since", () =>
    withVolume(
      async ({ create, snapshots, setRecord }) => {
        const createThen: FakeSnapshots["createSnapshot"] = async (request, signal) => {
          const made = await snapshots.createSnapshot(request, signal);
          await setRecord({ writer: aWriter("node-a", { epoch: 4 }), epoch: 4 });
          return made;
        };
        const platform = { ...snapshots, createSnapshot: createThen };
        assert.equal(kindOf(await create({ snapshots: platform })), "SnapshotNotFrozen");
        assert.deepEqual([...snapshots.present], []);
      },
      { record: { epoch: 3 } },
    ));

  it("refuses a raw block volume", () =>
    withVolume(async ({ create }) => assert.equal(kindOf(await create()), "InvalidArgument"), {
      accessType: "block",
    }));

  for (const when of ["before", "after"] as const)
    for (const at of [1, 2, 3, 4])
      it(`ends with one frozen snapshot when it dies ${when} step ${at}`, () =>
        withVolume(async ({ create, snapshots, attachment, world }) => {
          await assert.rejects(create({ dies: { at, when } }), Crash);
          const shown = await world.answerOf(
            listSnapshots(
              { snapshots, cache: world.context.cache },
              { maxEntries: 0, startingToken: "", sourceVolumeId: aDiskUri(), snapshotId: "", secrets: {} },
              aCall(),
            ),
          );
          const isConfirmed = snapshots.present.get(TARGET)?.tags[FROZEN_AT] !== undefined;
          assert.equal(shown.ok && shown.value.entries.length, isConfirmed ? 1 : 0);
          assert.equal(kindOf(await create()), "ok");
          assert.equal(snapshots.present.size, 1);
          assert.equal(snapshots.created.length, 1);
          assert.equal((await attachment()).status?.freeze?.state, "Held");
        }));
});
