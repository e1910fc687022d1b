import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import { recordedCalls } from "../../../controller/testing/recorded-calls.ts";
import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../../core/api/az-volume.ts";
import type { NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { ATTACHMENTS_UNMARKED } from "../../../core/rollback/attachments-unmarked.ts";
import { aDiskSpec, identity } from "../../../core/testing/objects.ts";
import { must } from "../../../core/testing/value-of.ts";
import { release } from "../../../core/writer/record/writer-steps.ts";
import { asStaged, takeBackStaged } from "../../../objects/staged-mark.ts";
import { requestWriter, withdrawRequest } from "../../../objects/writer-request.ts";
import type { NodePresence } from "../../../ports/cluster/cluster-volumes.ts";
import { aCall } from "../../testing/a-call.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import { aDiskUri, anAttachmentObject, aRecord, aVolumeObject } from "../../testing/objects.ts";
import { aMountCapability } from "../../testing/requests.ts";
import type { ControllerContext } from "../controller-context.ts";
import { controllerPublishVolume } from "./controller-publish-volume.ts";
import { controllerUnpublishVolume } from "./controller-unpublish-volume.ts";

const never = new AbortController().signal;
const volumeId = aDiskUri();
const nodeA = identity("node-a");
const holder = { ...nodeA, epoch: 1, held: true, requested: true };
const writerRequest = { since: "2026-01-01T00:00:00.000Z" };
const DETACH = "its detach from node-a";
const UNSTAGE = "node-a to unstage it; if that node is dead, mark it out of service";
const withReplicas = { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 };

function unpublish(
  world: ControllerWorld,
  overrides: Partial<ControllerContext> = {},
  deadlineMs = Number.POSITIVE_INFINITY,
): ReturnType<typeof controllerUnpublishVolume> {
  const users = { ...world.context.users, isOutOfService: async () => false };
  return controllerUnpublishVolume(
    { ...world.context, users, ...overrides },
    { volumeId, nodeId: "node-a", secrets: {} },
    aCall({ deadlineMs }),
  );
}

async function givenPublished(
  world: ControllerWorld,
  record: WriterRecord,
  spec: Partial<AzVolume["spec"]> = {},
): Promise<void> {
  const volume = aVolumeObject({ spec });
  assert.ok(volume.status !== undefined);
  await world.given("AzVolume", { ...volume, status: { ...volume.status, record } });
  await world.given(
    "AzVolumeAttachment",
    anAttachmentObject({ nodeName: "node-a", writerRequest, published: true }),
  );
}

/** Runs `act` in a world of its own and returns its result. */
async function answerIn<T>(act: (world: ControllerWorld) => Promise<T>): Promise<T | undefined> {
  let answer: T | undefined;
  await withController(async (world) => {
    answer = await act(world);
  });
  return answer;
}

const readAttachment = (world: ControllerWorld): Promise<Result<AzVolumeAttachment>> =>
  world.store.get("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-a" }).metadata.name, never);

async function attachmentOf(world: ControllerWorld): Promise<readonly unknown[] | undefined> {
  const read = await readAttachment(world);
  if (!read.ok) return undefined;
  const { metadata, spec } = read.value;
  return [spec.role, spec.writerRequest !== undefined, metadata.deletionTimestamp !== undefined];
}

async function isPublished(world: ControllerWorld): Promise<boolean> {
  const read = await readAttachment(world);
  return read.ok && read.value.spec.published === true;
}

describe("controllerUnpublishVolume", () => {
  it("does not answer while the record names the node, whatever the cache shows", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord(), withReplicas);
      const { steps } = world.context;
      world.store.holdWatches(true);
      const grantedConcurrently: ControllerContext["steps"] = {
        run: async (step, act) => {
          if (step === "withdraw" && world.volume("pvc-1")?.status?.record?.writer === undefined)
            await world.setStatus("pvc-1", ({ status }) => ({
              ...status,
              state: "Created",
              observedGeneration: 1,
              conditions: [],
              record: aRecord({ epoch: 1, writer: { ...holder, held: false } }),
            }));
          return steps.run(step, act);
        },
      };
      const answer = await world.answerOf(
        unpublish(world, { steps: grantedConcurrently }, world.clock.elapsedMs() + 5_000),
      );
      assert.equal(world.volume("pvc-1")?.status?.record?.writer?.requested, false);
      assert.equal(!answer.ok && answer.failure.kind, "StillWaiting");
    }));

  it("withdraws a request that nothing holds by two writes after one read", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: { ...holder, held: false }, epoch: 1 }));
      const calls: string[] = [];
      const users: ControllerContext["users"] = {
        ...world.context.users,
        isOutOfService: () => assert.fail("the cache shows the node in service"),
      };
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      await world.answerOf(unpublish(world, { store: recordedCalls(world.store, calls), users }, deadlineMs));
      assert.equal(world.volume("pvc-1")?.status?.record?.writer?.requested, false);
      assert.deepEqual(calls, ["get AzVolume", "update AzVolumeAttachment", "updateStatus AzVolume"]);
    }));

  it("asks for users of a node that acquires the volume while its request is withdrawn", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: { ...holder, held: false }, epoch: 1 }));
      world.use = { kind: "used", users: ["pod default/data-0"] };
      const acquires: ControllerContext["steps"] = {
        run: async (step, act) => {
          if (step === "withdraw" && (await attachmentOf(world))?.[0] === "Replica")
            await world.setStatus("pvc-1", ({ status }) => ({
              ...(status ?? assert.fail()),
              record: aRecord({ writer: holder, epoch: 1 }),
            }));
          return act();
        },
      };
      const answer = await world.answerOf(unpublish(world, { steps: acquires }));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeInUse");
      assert.deepEqual(world.volume("pvc-1")?.status?.record?.writer, holder);
    }));

  it("believes no mark in the cache of a node that is back in service", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
      world.node = { ...world.node, isOutOfService: true };
      world.use = { kind: "used", users: ["pod default/data-0"] };
      const answer = await world.answerOf(unpublish(world));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeInUse");
    }));

  it("withdraws the requests of all nodes without a node id, even those not yet cached", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord(), withReplicas);
      world.store.holdWatches(true);
      const volume = aVolumeObject({ spec: withReplicas });
      const stated = await world.answerOf(
        requestWriter(world.context, { volume, nodeName: "node-b", volumeContext: {} }, never),
      );
      assert.ok(stated.ok);
      assert.equal(world.context.cache.list("AzVolumeAttachment").length, 1);
      const users = { ...world.context.users, isOutOfService: async () => false };
      const answer = await world.answerOf(
        controllerUnpublishVolume(
          { ...world.context, users },
          { volumeId, nodeId: "", secrets: {} },
          aCall(),
        ),
      );
      assert.deepEqual(answer, { ok: true, value: {} });
      const attachments = await world.answerOf(world.store.list("AzVolumeAttachment", {}, never));
      assert.deepEqual(
        attachments.ok && attachments.value.items.flatMap(({ spec }) => spec.writerRequest ?? []),
        [],
      );
    }));

  // Without a record, nothing else shows that the node can't write it any more.
  describe("of a volume that several nodes write", () => {
    const given = async (
      world: ControllerWorld,
      spec: Partial<AzVolumeAttachment["spec"]>,
    ): Promise<void> => {
      const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
      await world.given("AzVolume", aVolumeObject({ spec: { ...withReplicas, capabilities } }));
      const attachment = anAttachmentObject({ nodeName: "node-a", ...spec });
      await world.given("AzVolumeAttachment", { ...attachment, status: { state: "Attached", lun: 0 } });
    };

    it("keeps a replica on a node that has begun to unstage it, also when it is repeated", () =>
      withController(async (world) => {
        await given(world, { published: true });
        for (const call of ["first", "repeated"]) {
          assert.deepEqual(await world.answerOf(unpublish(world)), { ok: true, value: {} }, call);
          assert.deepEqual(await attachmentOf(world), ["Replica", false, false], call);
        }
      }));

    it("keeps it published to a node in service where a pod of it has started", () =>
      withController(async (world) => {
        await given(world, { published: true, writerRequest });
        const users = ["pod default/data-0"];
        world.use = { kind: "used", users };
        const inUse = { kind: "VolumeInUse", volumeId, nodeName: "node-a", users } as const;
        assert.deepEqual(await world.answerOf(unpublish(world)), fail(inUse));
        assert.deepEqual(await attachmentOf(world), ["Primary", true, false]);
        world.use = { kind: "used", users, areWaiting: true };
        const waits = await world.answerOf(unpublish(world));
        assert.equal(!waits.ok && waits.failure.kind === "StillWaiting" && waits.failure.what, UNSTAGE);
      }));

    it("waits for the node where it is unknown whether a pod of it has started", () =>
      withController(async (world) => {
        await given(world, { published: true, writerRequest });
        world.use = { kind: "unknown", because: "the API server does not answer" };
        const waits = await world.answerOf(unpublish(world));
        assert.equal(!waits.ok && waits.failure.kind === "StillWaiting" && waits.failure.what, UNSTAGE);
      }));

    // A restored backup of etcd may say that it has started, and the kubelet wait for this call.
    it("unpublishes it where its node has unstaged it, whatever its pod says", () =>
      withController(async (world) => {
        await given(world, { published: true });
        world.use = { kind: "used", users: ["pod default/data-0"] };
        assert.deepEqual(await world.answerOf(unpublish(world)), ok({}));
        assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
        const settings = { ...world.context.settings, unpublish: "detach" } as const;
        const answer = unpublish(world, { settings }, world.clock.elapsedMs() + 60_000);
        await world.clock.advance(1_000);
        assert.deepEqual(await attachmentOf(world), ["Replica", false, true]);
        const { name } = anAttachmentObject({ nodeName: "node-a" }).metadata;
        const terminating = await must(world.store.get("AzVolumeAttachment", name, never));
        const metadata = { ...terminating.metadata, finalizers: [] };
        await must(world.store.update("AzVolumeAttachment", { ...terminating, metadata }, never));
        assert.deepEqual(await world.answerOf(answer), ok({}));
      }));

    it("renews the request that an earlier call has withdrawn, where a pod has started", () =>
      withController(async (world) => {
        await given(world, { published: true, role: "Replica", staged: true });
        world.use = { kind: "used", users: ["pod default/data-0 (being deleted)"] };
        const answer = await world.answerOf(unpublish(world));
        assert.equal(!answer.ok && answer.failure.kind, "VolumeInUse");
        assert.deepEqual(await attachmentOf(world), ["Primary", true, false]);
      }));

    it("keeps no replica while a rebuild can't mark an attachment of it", () =>
      withController(async (world) => {
        await given(world, { published: true });
        await world.setStatus("pvc-1", ({ status }) => ({
          ...(status ?? assert.fail("no status")),
          conditions: [
            {
              type: ATTACHMENTS_UNMARKED,
              status: "True",
              reason: "Refused",
              message: "",
              lastTransitionTime: "2026-01-01T00:00:00.000Z",
            },
          ],
        }));
        const waits = await world.answerOf(unpublish(world));
        const what = `${DETACH}: nothing shows that it has been unstaged there`;
        assert.equal(!waits.ok && waits.failure.kind === "StillWaiting" && waits.failure.what, what);
      }));

    it("keeps no replica that a rebuild has marked during the call", () =>
      withController(async (world) => {
        await given(world, { published: true });
        const { name } = anAttachmentObject({ nodeName: "node-a" }).metadata;
        const gracePeriod: ControllerContext["gracePeriod"] = {
          trustedIncarnation: async () => {
            const present = await must(world.store.get("AzVolumeAttachment", name, never));
            const marked = asStaged(present);
            if (marked !== undefined) await must(world.store.update("AzVolumeAttachment", marked, never));
            return ok(1);
          },
        };
        const waits = await world.answerOf(unpublish(world, { gracePeriod }));
        const what = `${DETACH}: nothing shows that it has been unstaged there`;
        assert.equal(!waits.ok && waits.failure.kind === "StillWaiting" && waits.failure.what, what);
        const again = await world.answerOf(unpublish(world));
        assert.equal(!again.ok && again.failure.kind === "StillWaiting" && again.failure.what, UNSTAGE);
      }));

    it("waits until its node has unstaged it, after a rebuild", () =>
      withController(async (world) => {
        // By the backup it was never there; the rebuild has marked it.
        await given(world, { published: true, role: "Replica", staged: true });
        const gracePeriod: ControllerContext["gracePeriod"] = { trustedIncarnation: async () => ok(1) };
        const waitsFor = async (): Promise<string> => {
          const answer = await world.answerOf(unpublish(world, { gracePeriod }));
          return !answer.ok && answer.failure.kind === "StillWaiting" ? answer.failure.what : "nothing";
        };
        assert.equal(await waitsFor(), UNSTAGE);
        assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
        await must(takeBackStaged(world.context, { volumeId, node: identity("node-a") }, never));
        assert.equal(await waitsFor(), "nothing");
        assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
      }));

    it("waits for the disk of a node whose attachment was erased, as Azure shows it", () =>
      withController(async (world) => {
        await given(world, { published: true, writerRequest });
        const { name } = anAttachmentObject({ nodeName: "node-a" }).metadata;
        await world.store.delete("AzVolumeAttachment", name, {}, never);
        const terminating = await must(world.store.get("AzVolumeAttachment", name, never));
        const metadata = { ...terminating.metadata, finalizers: [] };
        await must(world.store.update("AzVolumeAttachment", { ...terminating, metadata }, never));
        await world.givenNode("node-a");
        const unpublishWhere = (nodeName: string): Promise<unknown> => {
          const disk = aDisk({ attachedTo: [identity(nodeName).instanceUri.toUpperCase()] });
          return world.answerOf(unpublish(world, { cloud: { getDisk: async () => ok(disk) } }));
        };
        const what = `${DETACH}: Azure shows it there, and no object does`;
        assert.deepEqual(await unpublishWhere("node-a"), fail({ kind: "StillWaiting", volumeId, what }));
        assert.deepEqual(await unpublishWhere("node-b"), ok({}));
        const listDisks = async () => ok([aDisk({ diskUri: volumeId })]);
        assert.partialDeepStrictEqual(await world.answerOf(unpublish(world, { listDisks })), {
          failure: { kind: "CloudUnavailable", code: "DiskNotShown" },
        });
        assert.deepEqual(await world.answerOf(unpublish(world)), ok({}), "the disk is gone");
      }));

    it("waits for a node that has not unstaged it, also when it is repeated", () =>
      withController(async (world) => {
        await given(world, { published: true, writerRequest });
        world.use = { kind: "unused" };
        for (const call of ["first", "repeated"]) {
          const waits = await world.answerOf(unpublish(world, {}, world.clock.elapsedMs() + 5_000));
          assert.equal(
            !waits.ok && waits.failure.kind === "StillWaiting" && waits.failure.what,
            UNSTAGE,
            call,
          );
          assert.deepEqual(await attachmentOf(world), ["Replica", false, false], call);
        }
        const answer = unpublish(world, {}, world.clock.elapsedMs() + 60_000);
        await world.clock.advance(1_000);
        await must(takeBackStaged(world.context, { volumeId, node: identity("node-a") }, never));
        assert.deepEqual(await world.answerOf(answer), ok({}));
        assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
      }));

    it("waits for such a node also where it is repeated without a node id", () =>
      withController(async (world) => {
        await given(world, { published: true, writerRequest });
        world.use = { kind: "unused" };
        const users = { ...world.context.users, isOutOfService: async () => false };
        for (const call of ["first", "repeated"]) {
          const answer = await world.answerOf(
            controllerUnpublishVolume(
              { ...world.context, users },
              { volumeId, nodeId: "", secrets: {} },
              aCall({ deadlineMs: world.clock.elapsedMs() + 5_000 }),
            ),
          );
          assert.equal(
            !answer.ok && answer.failure.kind === "StillWaiting" && answer.failure.what,
            UNSTAGE,
            call,
          );
        }
      }));

    it("waits for no node to which the disk was never attached", () =>
      withController(async (world) => {
        const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
        await world.given("AzVolume", aVolumeObject({ spec: { ...withReplicas, capabilities } }));
        const attachment = anAttachmentObject({ nodeName: "node-a", published: true, writerRequest });
        await world.given("AzVolumeAttachment", attachment);
        world.use = { kind: "unused" };
        assert.deepEqual(await world.answerOf(unpublish(world)), ok({}));
      }));

    // Made again for a VolumeAttachment, and unpublished before its attach has found the disk.
    it("waits for the disk of a node whose attachment was made again, as Azure shows it", () =>
      withController(async (world) => {
        const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
        await world.given("AzVolume", aVolumeObject({ spec: { ...withReplicas, capabilities } }));
        const attachment = anAttachmentObject({ nodeName: "node-a", published: true, writerRequest });
        await world.given("AzVolumeAttachment", attachment);
        await world.givenNode("node-a");
        world.use = { kind: "unused" };
        const disk = aDisk({ attachedTo: [identity("node-a").instanceUri] });
        const what = `${DETACH}: Azure shows it there, and no object does`;
        for (const state of ["Pending", "Attaching"] as const) {
          const waits = await world.answerOf(unpublish(world, { cloud: { getDisk: async () => ok(disk) } }));
          assert.deepEqual(waits, fail({ kind: "StillWaiting", volumeId, what }), state);
          const { name } = attachment.metadata;
          const present = await must(world.store.get("AzVolumeAttachment", name, never));
          const status = { state: "Attaching" } as const;
          await must(world.store.updateStatus("AzVolumeAttachment", { ...present, status }, never));
        }
        assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
      }));

    it("detaches it from a node that is gone, and may have staged it", () =>
      withController(async (world) => {
        await given(world, { published: true, writerRequest, staged: true });
        world.node = { ...world.node, isGone: true };
        const clusterVolumes = {
          ...world.context.clusterVolumes,
          nodePresence: async (): Promise<NodePresence> => "gone",
        };
        const waits = await world.answerOf(unpublish(world, { clusterVolumes }));
        assert.equal(!waits.ok && waits.failure.kind === "StillWaiting" && waits.failure.what, DETACH);
        assert.deepEqual(await attachmentOf(world), ["Replica", false, true]);
      }));
  });

  it("answers within the caller's deadline, with the reason the node still has it", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
      world.use = { kind: "unused" };
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      const answer = await world.answerOf(unpublish(world, {}, deadlineMs));
      const what = "node-a to unmount and release it; if that node is dead, mark it out of service";
      assert.deepEqual(answer, { ok: false, failure: { kind: "StillWaiting", volumeId, what } });
      assert.ok(world.clock.elapsedMs() < deadlineMs);
    }));

  it("asks for no mark of a node that is gone", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
      world.use = { kind: "unused" };
      world.node = { ...world.node, isGone: true };
      const clusterVolumes = { ...world.context.clusterVolumes, nodePresence: async () => "gone" as const };
      const answer = await world.answerOf(
        unpublish(world, { clusterVolumes }, world.clock.elapsedMs() + 5_000),
      );
      const what =
        "node-a to unmount and release it; its Node is gone: if its VM is dead, " +
        "switch it off or delete it in Azure";
      assert.deepEqual(answer, { ok: false, failure: { kind: "StillWaiting", volumeId, what } });
    }));

  it("does not answer on a rebuilt record in which the writer is not known yet", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
      world.use = { kind: "unused" };
      const answer = unpublish(world, {}, world.clock.elapsedMs() + 5_000);
      await world.clock.advance(1_000);
      await world.setStatus("pvc-1", ({ status }) => ({
        ...status,
        state: "Created",
        observedGeneration: 1,
        conditions: [],
        record: aRecord({ epoch: 1, defaultAccess: "quarantined", unverified: [nodeA] }),
      }));
      assert.deepEqual(await world.answerOf(answer), {
        ok: false,
        failure: { kind: "WriterRecordUnverified", volumeId, nodes: ["node-a"] },
      });
    }));

  it("does not answer if the node was granted the volume again during its detach", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord());
      const answer = unpublish(world, {}, world.clock.elapsedMs() + 60_000);
      await world.clock.advance(1_000);
      assert.deepEqual(await attachmentOf(world), ["Replica", false, true]);
      await world.setStatus("pvc-1", ({ status }) => ({
        ...status,
        state: "Created",
        observedGeneration: 1,
        conditions: [],
        record: aRecord({ epoch: 1, writer: holder }),
      }));
      const attachment = await world.store.get(
        "AzVolumeAttachment",
        anAttachmentObject({ nodeName: "node-a" }).metadata.name,
        never,
      );
      assert.ok(attachment.ok);
      assert.ok(
        (
          await world.store.update(
            "AzVolumeAttachment",
            { ...attachment.value, metadata: { ...attachment.value.metadata, finalizers: [] } },
            never,
          )
        ).ok,
      );
      const answered = await world.answerOf(answer);
      assert.equal(!answered.ok && answered.failure.kind, "StillWaiting");
    }));

  const detach = fail({ kind: "StillWaiting", volumeId, what: DETACH });
  for (const [which, fencing, expected] of [
    ["that is being fenced", nodeA, detach],
    ["whose writes the disk refuses", { ...nodeA, preempted: 1 }, ok({})],
    ["while the disk refuses another's writes", { ...identity("node-b"), preempted: 1 }, detach],
  ] as const)
    it(`answers of a node ${which}: ${expected.ok ? "at once" : "after its detach"}`, () =>
      withController(async (world) => {
        await givenPublished(
          world,
          { ...aRecord({ quarantined: [identity(fencing.nodeName)] }), fencing },
          withReplicas,
        );
        world.node = { ...world.node, isOutOfService: true };
        const users = { ...world.context.users, isOutOfService: async () => true };
        const answered = unpublish(world, { users }, world.clock.elapsedMs() + 5_000);
        assert.deepEqual(await world.answerOf(answered), expected);
        assert.deepEqual(await attachmentOf(world), ["Replica", false, true]);
      }));

  it("does not take a volume for gone whose object was erased while its disk remains", async () => {
    const erasedConcurrently = (
      disk: Pick<ControllerContext["cloud"], "getDisk"> | undefined,
      changes: Partial<Pick<ControllerContext, "listDisks">> = {},
    ): Promise<unknown> =>
      answerIn(async (world) => {
        await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
        world.use = { kind: "unused" };
        const answer = unpublish(world, disk === undefined ? changes : { cloud: disk });
        await world.clock.advance(1_000);
        assert.ok((await world.store.delete("AzVolume", "pvc-1", {}, never)).ok);
        await world.removeFinalizers("pvc-1");
        const attachment = await world.store.get(
          "AzVolumeAttachment",
          anAttachmentObject({ nodeName: "node-a" }).metadata.name,
          never,
        );
        assert.ok(attachment.ok);
        const { metadata } = attachment.value;
        assert.ok(
          (
            await world.store.update(
              "AzVolumeAttachment",
              { ...attachment.value, metadata: { ...metadata, finalizers: [] } },
              never,
            )
          ).ok,
        );
        await world.store.delete("AzVolumeAttachment", metadata.name, {}, never);
        return world.answerOf(answer);
      });
    const what = "its disk to be looked at: its AzVolume is gone, and the disk is not";
    const stays = await erasedConcurrently({
      getDisk: async () => ok(aDisk({ attachedTo: ["/vms/node-a"] })),
    });
    assert.deepEqual(stays, { ok: false, failure: { kind: "StillWaiting", volumeId, what } });
    assert.deepEqual(await erasedConcurrently(undefined), ok({}));
    const listDisks = async () => ok([aDisk({ diskUri: volumeId })]);
    const missed = { ok: false, failure: { kind: "CloudUnavailable", code: "DiskNotShown" } };
    assert.partialDeepStrictEqual(await erasedConcurrently(undefined, { listDisks }), missed);
  });

  it("does not take a volume without an AzVolume for gone that Azure lists", () =>
    withController(async (world) => {
      assert.deepEqual(await world.answerOf(unpublish(world)), ok({}));
      const listDisks = async () => ok([aDisk({ diskUri: volumeId })]);
      const failure = { kind: "CloudUnavailable", code: "DiskNotShown" };
      assert.partialDeepStrictEqual(await world.answerOf(unpublish(world, { listDisks })), {
        ok: false,
        failure,
      });
    }));

  it("does not take a volume for released that is recreated as soon as it is gone", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }), withReplicas);
      world.use = { kind: "unused" };
      const answer = unpublish(world, {}, world.clock.elapsedMs() + 60_000);
      await world.clock.advance(1_000);
      world.store.holdWatches(true);
      assert.ok((await world.store.delete("AzVolume", "pvc-1", {}, never)).ok);
      await world.removeFinalizers("pvc-1");
      const { metadata, spec } = aVolumeObject({ spec: { ...withReplicas, diskUri: volumeId } });
      const recreated = await world.store.create(
        "AzVolume",
        { metadata: { name: metadata.name }, spec },
        never,
      );
      assert.ok(recreated.ok, JSON.stringify(recreated));
      world.store.holdWatches(false);
      const what = "its disk to be looked at";
      assert.deepEqual(await world.answerOf(answer), fail({ kind: "StillWaiting", volumeId, what }));
    }));

  it("withdraws nothing on a recreated volume before its disk has been checked", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject({ detail: undefined, spec: { diskUri: volumeId } }));
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-a", writerRequest }));
      const diskNotRead = {
        ok: false,
        failure: { kind: "StillWaiting", volumeId, what: "its disk to be looked at" },
      };
      assert.deepEqual(await world.answerOf(unpublish(world)), diskNotRead);
      assert.deepEqual(await attachmentOf(world), ["Primary", true, false]);
      world.node = { ...world.node, isOutOfService: true };
      const users = { ...world.context.users, isOutOfService: async () => true };
      assert.deepEqual(
        await world.answerOf(unpublish(world, { users }, world.clock.elapsedMs() + 5_000)),
        diskNotRead,
      );
    }));

  it("renews the request that an earlier call withdrew, if it finds a user since then", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }), withReplicas);
      const inUse = {
        ok: false,
        failure: { kind: "VolumeInUse", volumeId, nodeName: "node-a", users: ["pod default/data-0"] },
      };
      world.use = { kind: "unused" };
      const store: ControllerContext["store"] = {
        ...world.store,
        update: async (kind, object, signal) => {
          const updated = await world.store.update(kind, object, signal);
          return updated.ok ? fail({ kind: "StoreUnavailable", detail: "the answer was lost" }) : updated;
        },
      };
      const lost = await world.answerOf(unpublish(world, { store }));
      assert.equal(!lost.ok && lost.failure.kind, "StoreUnavailable");
      assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
      world.use = { kind: "used", users: ["pod default/data-0"] };
      assert.deepEqual(await world.answerOf(unpublish(world)), inUse);
      assert.deepEqual(await attachmentOf(world), ["Primary", true, false]);
      assert.equal(await isPublished(world), true);
    }));

  it("keeps the volume published if the release check finds a late user", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }), withReplicas);
      world.use = { kind: "unused" };
      const { steps } = world.context;
      const startsConcurrently: ControllerContext["steps"] = {
        run: async (step, act) => {
          const done = await steps.run(step, act);
          if (step === "withdraw") world.use = { kind: "used", users: ["pod default/data-0"] };
          return done;
        },
      };
      const answer = await world.answerOf(unpublish(world, { steps: startsConcurrently }));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeInUse");
      assert.deepEqual(
        [await attachmentOf(world), await isPublished(world)],
        [["Primary", true, false], true],
      );
    }));

  it("frees no grant of an earlier VM of the name, which another VM's token releases", () =>
    withController(async (world) => {
      const earlier = { ...holder, vmId: "an-earlier-vm", instanceUri: `${nodeA.instanceUri}-earlier` };
      await givenPublished(world, aRecord({ writer: earlier, epoch: 1 }));
      await world.givenNode("node-a");
      world.use = { kind: "unused" };
      let reads = 0;
      const users: ControllerContext["users"] = {
        ...world.context.users,
        isOutOfService: async () => false,
        on: async (where, signal) => {
          reads += 1;
          // The release check's first question: the record that it reads next shows the release.
          if (reads === 2)
            await world.setStatus("pvc-1", ({ status }) => {
              const released = release(status?.record ?? assert.fail(), earlier, 1);
              return { ...(status ?? assert.fail()), record: released.ok ? released.value : assert.fail() };
            });
          return world.context.users.on(where, signal);
        },
      };
      const deadlineMs = world.clock.elapsedMs() + 5_000;
      const answer = await world.answerOf(unpublish(world, { users }, deadlineMs));
      assert.equal(!answer.ok && answer.failure.kind, "StillWaiting");
      const { writer } = world.volume("pvc-1")?.status?.record ?? {};
      assert.deepEqual(writer, { ...earlier, held: false, requested: false });
    }));

  it("renews no request of a node that is being released already", () =>
    withController(async (world) => {
      await givenPublished(
        world,
        aRecord({ writer: { ...holder, requested: false }, epoch: 1 }),
        withReplicas,
      );
      assert.ok(
        (
          await withdrawRequest(
            world.context,
            { volumeId, nodeName: "node-a", keepsPrimary: false, isShared: false },
            never,
          )
        ).ok,
      );
      world.use = { kind: "used", users: ["pod default/data-0"] };
      const answer = await world.answerOf(unpublish(world));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeInUse");
      assert.deepEqual(await attachmentOf(world), ["Replica", false, false]);
    }));

  it("does not hold up another node's request", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
      await world.givenNode("node-b");
      world.use = { kind: "unused" };
      const releasing = unpublish(world, {}, world.clock.elapsedMs() + 60_000);
      const published = await world.answerOf(
        controllerPublishVolume(
          world.context,
          {
            volumeId,
            nodeId: "node-b",
            volumeCapability: aMountCapability(),
            readonly: false,
            secrets: {},
            volumeContext: {},
          },
          aCall(),
        ),
      );
      assert.equal(!published.ok && published.failure.kind, "OtherWriter");
      const waiting = await world.store.get(
        "AzVolumeAttachment",
        anAttachmentObject({ nodeName: "node-b" }).metadata.name,
        never,
      );
      assert.notEqual(waiting.ok && waiting.value.spec.writerRequest, undefined);
      await world.answerOf(releasing);
    }));

  it("changes nothing about an unverified node", () =>
    withController(async (world) => {
      await givenPublished(
        world,
        aRecord({ defaultAccess: "quarantined", unverified: [nodeA] }),
        withReplicas,
      );
      assert.deepEqual(await world.answerOf(unpublish(world)), {
        ok: false,
        failure: { kind: "WriterRecordUnverified", volumeId, nodes: ["node-a"] },
      });
      assert.deepEqual(await attachmentOf(world), ["Primary", true, false]);
    }));

  describe("while an unverified VM may be the node's", () => {
    const { instanceUri } = nodeA;
    const known = { ...nodeA, nodeName: instanceUri };
    const stranger = identity("stranger");
    const outside = { ...stranger, nodeName: stranger.instanceUri };
    const answerBeside = (
      unverified: readonly NodeIdentity[],
      change: (world: ControllerWorld) => Partial<ControllerContext> = () => ({}),
    ): Promise<unknown> =>
      answerIn(async (world) => {
        await givenPublished(world, aRecord({ defaultAccess: "quarantined", unverified }), withReplicas);
        return world.answerOf(unpublish(world, change(world), world.clock.elapsedMs() + 5_000));
      });
    const waitsFor = ({ nodeName }: NodeIdentity): unknown => ({
      ok: false,
      failure: { kind: "WriterRecordUnverified", volumeId, nodes: [nodeName] },
    });
    const named = (world: ControllerWorld): Partial<ControllerContext> => {
      world.node = { ...world.node, instanceUri: instanceUri.toUpperCase() };
      return {};
    };
    const gone =
      (presence: NodePresence) =>
      (world: ControllerWorld): Partial<ControllerContext> => {
        world.node = { ...world.node, isGone: true };
        const clusterVolumes = { ...world.context.clusterVolumes, nodePresence: async () => presence };
        return { clusterVolumes };
      };

    it("waits for the VM that its Node names, under any name in the record", async () => {
      assert.deepEqual(await answerBeside([known], named), waitsFor(known));
      const renamed = { ...nodeA, nodeName: "its-first-name" };
      assert.deepEqual(await answerBeside([renamed], named), waitsFor(renamed));
      assert.deepEqual(await answerBeside([outside, identity("node-b")], named), ok({}));
    });

    it("waits for each VM outside the cluster where its Node names no VM", async () => {
      assert.deepEqual(await answerBeside([identity("node-b"), outside]), waitsFor(outside));
      assert.deepEqual(await answerBeside([identity("node-b")]), ok({}));
    });

    it("waits for no VM outside where its Node is gone, also uncached", async () => {
      assert.deepEqual(await answerBeside([outside], gone("gone")), ok({}));
      assert.deepEqual(await answerBeside([outside], gone("present")), waitsFor(outside));
      assert.deepEqual(await answerBeside([outside], gone("unknown")), waitsFor(outside));
      assert.deepEqual(await answerBeside([nodeA], gone("gone")), waitsFor(nodeA));
    });

    it("waits for no VM outside where its node is out of service", async () => {
      const outOfService = (world: ControllerWorld): Partial<ControllerContext> => {
        world.node = { ...world.node, isOutOfService: true };
        return { users: { ...world.context.users, isOutOfService: async () => true } };
      };
      assert.deepEqual(await answerBeside([outside], outOfService), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId, what: "its detach from node-a" },
      });
      assert.deepEqual(await answerBeside([nodeA], outOfService), waitsFor(nodeA));
      const namedToo = (world: ControllerWorld): Partial<ControllerContext> => ({
        ...named(world),
        ...outOfService(world),
      });
      assert.deepEqual(await answerBeside([known], namedToo), waitsFor(known));
    });

    it("waits where the record gets such an entry during the call", () =>
      withController(async (world) => {
        await givenPublished(world, aRecord({ writer: holder, epoch: 1 }));
        world.use = { kind: "unused" };
        const answer = unpublish(world, {}, world.clock.elapsedMs() + 5_000);
        await world.clock.advance(1_000);
        await world.setStatus("pvc-1", ({ status }) => ({
          ...status,
          state: "Created",
          observedGeneration: 1,
          conditions: [],
          record: aRecord({ epoch: 1, defaultAccess: "quarantined", unverified: [known] }),
        }));
        assert.deepEqual(await world.answerOf(answer), waitsFor(known));
      }));
  });

  it("keeps an attachment that was published again during the call", () =>
    withController(async (world) => {
      await givenPublished(world, aRecord());
      const store: ControllerContext["store"] = {
        ...world.store,
        delete: async (kind, name, preconditions, signal) => {
          const volume = world.volume("pvc-1");
          assert.ok(volume !== undefined);
          await requestWriter(
            world.context,
            { volume, nodeName: "node-a", readOnly: false, volumeContext: {} },
            never,
          );
          return world.store.delete(kind, name, preconditions, signal);
        },
      };
      const answer = await world.answerOf(unpublish(world, { store }));
      assert.equal(!answer.ok && answer.failure.kind, "ObjectConflict");
      assert.deepEqual(await attachmentOf(world), ["Primary", true, false]);
    }));

  it("succeeds for a volume that does not exist, after a check for its disk", async () => {
    await withController(async (world) => assert.deepEqual(await world.answerOf(unpublish(world)), ok({})));
    await withController(async (world) => {
      const answer = await world.answerOf(
        unpublish(world, { cloud: { getDisk: async () => ok(aDisk({ attachedTo: ["/vms/node-a"] })) } }),
      );
      assert.deepEqual(answer, {
        ok: false,
        failure: { kind: "StillWaiting", volumeId, what: "its disk to be looked at" },
      });
    });
  });
});
