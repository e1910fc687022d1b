import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aCluster, aClusterAttachment, aClusterVolume } from "../../../controller/testing/a-cluster.ts";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import type { WriterRecord } from "../../../core/api/az-volume.ts";
import { claimLabels } from "../../../core/api/claim-labels.ts";
import { attachmentObjectName } from "../../../core/api/object-names.ts";
import { isRecordMissing } from "../../../core/attachment/observed-volume.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { aDiskSpec, anAttachment, identity } from "../../../core/testing/objects.ts";
import { type RecordChanges } from "../../../core/testing/record-lists.ts";
import { toObjectError } from "../../../objects/object-error.ts";
import { toGrpcStatus } from "../../server/to-grpc-status.ts";
import { aCall } from "../../testing/a-call.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import { defaultControllerServiceLimits } from "../../testing/default-limits.ts";
import { aDetail, aDiskUri, anAttachmentObject, aRecord, aVolumeObject } from "../../testing/objects.ts";
import { aBlockCapability, aMountCapability } from "../../testing/requests.ts";
import type { ControllerContext } from "../controller-context.ts";
import { controllerPublishVolume } from "./controller-publish-volume.ts";

const never = new AbortController().signal;

const volumeId = aDiskUri();
const nodeA = identity("node-a");
const nodeB = identity("node-b");
const request = {
  volumeId,
  nodeId: "node-a",
  volumeCapability: aMountCapability(),
  readonly: false,
  secrets: {},
  volumeContext: {},
};

describe("controllerPublishVolume", () => {
  const rows: readonly {
    readonly because: string;
    readonly record: WriterRecord;
    readonly failure: Failure;
  }[] = [
    {
      because: "another node is the writer",
      record: aRecord({ writer: { ...nodeB, epoch: 1, held: true, requested: true } }),
      failure: { kind: "OtherWriter", volumeId, writer: "node-b", users: [] },
    },
    {
      because: "the writer is not known yet",
      record: aRecord({ defaultAccess: "quarantined", unverified: [nodeB] }),
      failure: { kind: "WriterRecordUnverified", volumeId, nodes: ["node-b"] },
    },
    {
      because: "the node was fenced",
      record: aRecord({ quarantined: [nodeA] }),
      failure: { kind: "InQuarantine", volumeId, nodeName: "node-a" },
    },
    {
      because: "the disk was adopted, and the node has not reported clean",
      record: aRecord({ defaultAccess: "quarantined" }),
      failure: { kind: "InQuarantine", volumeId, nodeName: "node-a" },
    },
    {
      because: "an earlier VM of its name was fenced, and no controller has granted it yet",
      record: aRecord({ quarantined: [{ ...nodeA, vmId: "older" }] }),
      failure: { kind: "StillWaiting", volumeId, what: "the leading controller to grant it" },
    },
  ];
  for (const { because, record, failure } of rows)
    it(`says what blocks the grant: ${because}`, () =>
      withController(async (world) => {
        const volume = aVolumeObject();
        assert.ok(volume.status !== undefined);
        await world.givenNode("node-a");
        await world.given("AzVolume", { ...volume, status: { ...volume.status, record } });
        assert.deepEqual(await world.answerOf(controllerPublishVolume(world.context, request, aCall())), {
          ok: false,
          failure,
        });
      }));

  it("knows no volume by an id with a slash at its end", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      const { metadata, spec, status } = aVolumeObject();
      const writer = { ...nodeA, epoch: 1, held: false, requested: true };
      assert.ok(status !== undefined);
      await world.given("AzVolume", { metadata, spec, status: { ...status, record: aRecord({ writer }) } });
      await world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-a", role: "Replica" }));
      const odd = { ...request, volumeId: `${volumeId}/` };
      const answer = await world.answerOf(controllerPublishVolume(world.context, odd, aCall()));
      assert.deepEqual(answer, fail({ kind: "VolumeNotFound", volumeId: odd.volumeId }));
      const listed = await world.answerOf(world.store.list("AzVolumeAttachment", {}, never));
      assert.equal(listed.ok && listed.value.items.length, 1);
    }));

  describe("a volume whose disk Azure did not have when it was to be adopted", () => {
    const gone: Failure = { kind: "DiskNotFound", diskUri: volumeId };
    const adopting = aVolumeObject({ detail: undefined, spec: { diskUri: volumeId } });
    const status = {
      state: "CreationFailed",
      observedGeneration: 1,
      conditions: [],
      error: toObjectError(gone, { nowMs: 0, retries: 1 }),
    } as const;

    it("is adopted by the next publish where the disk is back", () =>
      withController(async (world) => {
        await world.givenNode("node-a");
        await world.given("AzVolume", { ...adopting, status });
        const cloud: ControllerContext["cloud"] = { getDisk: async () => ok(aDisk({ diskUri: volumeId })) };
        const answer = controllerPublishVolume({ ...world.context, cloud }, request, aCall());
        await world.until(() => world.volume("pvc-1")?.status?.state === "Pending");
        assert.equal(isRecordMissing(world.volume("pvc-1") ?? assert.fail("no volume")), true);
        const writer = { ...nodeA, epoch: 1, held: false, requested: true };
        await world.setStatus("pvc-1", (volume) => ({
          ...(volume.status ?? assert.fail("no status")),
          state: "Created",
          detail: aDetail(),
          record: aRecord({ writer }),
        }));
        assert.deepEqual(await world.answerOf(answer), ok({ publishContext: { epoch: "1" } }));
      }));

    it("is named as the reason where it is still gone", () =>
      withController(async (world) => {
        await world.givenNode("node-a");
        await world.given("AzVolume", { ...adopting, status });
        const answer = await world.answerOf(controllerPublishVolume(world.context, request, aCall()));
        assert.match(answer.ok ? "" : describeFailure(answer.failure), /last try: disk .* does not exist/u);
        assert.equal(world.volume("pvc-1")?.status?.state, "CreationFailed");
      }));
  });

  it("labels a disk that it adopts with the claim of its PersistentVolume", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      const cloud: ControllerContext["cloud"] = {
        getDisk: async () =>
          ok(aDisk({ diskUri: volumeId, tags: { "k8s-azure-created-by": "kubernetes-azure-dd" } })),
      };
      const clusterVolumes = aCluster([aClusterVolume({ volumeId })]);
      const answer = controllerPublishVolume({ ...world.context, cloud, clusterVolumes }, request, aCall());
      await world.until(() => world.volume("pvc-1") !== undefined);
      assert.deepEqual(
        world.volume("pvc-1")?.metadata.labels,
        claimLabels({ namespace: "default", name: "data", volume: "pv-1" }),
      );
      assert.equal((await world.answerOf(answer)).ok, false, "no loop looks at the disk here");
    }));

  it("waits for the adoption that recovery has begun, before it states a request", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      const { metadata, spec } = aVolumeObject({ detail: undefined, spec: { diskUri: volumeId } });
      await world.given("AzVolume", { metadata, spec });
      const answer = controllerPublishVolume(world.context, request, aCall());
      await world.clock.advance(defaultControllerServiceLimits.grantWaitMs / 2);
      assert.deepEqual(world.context.cache.list("AzVolumeAttachment"), []);
      const writer = { ...nodeA, epoch: 1, held: false, requested: true };
      await world.setStatus("pvc-1", () => ({
        state: "Created",
        observedGeneration: 1,
        conditions: [],
        detail: aDetail(),
        record: aRecord({ writer }),
      }));
      assert.deepEqual(await world.answerOf(answer), ok({ publishContext: { epoch: "1" } }));
    }));

  const published: readonly {
    readonly because: string;
    readonly on?: string;
    readonly isTerminating?: boolean;
    readonly record?: RecordChanges | "missing";
    readonly isRequested: boolean;
  }[] = [
    {
      because: "the orchestrator has it published there, and this driver has not done so",
      isRequested: false,
    },
    {
      because: "the orchestrator has it published there, and there is no record yet",
      record: "missing",
      isRequested: false,
    },
    {
      because: "the orchestrator has it published there, and the record says who has it",
      record: { unverified: [nodeA], defaultAccess: "quarantined" },
      isRequested: true,
    },
    {
      because: "the orchestrator is about to end an earlier publish",
      isTerminating: true,
      isRequested: true,
    },
    { because: "the orchestrator has it published to another node", on: "node-b", isRequested: true },
  ];
  for (const { because, on = "node-a", isTerminating = false, record = {}, isRequested } of published)
    it(`${isRequested ? "requests the volume" : "leaves finding the writer to the leader"} where ${because}`, () =>
      withController(async (world) => {
        const volume = aVolumeObject();
        assert.ok(volume.status !== undefined);
        await world.givenNode("node-a");
        const { record: _, ...status } = volume.status;
        const known = record === "missing" ? status : { ...status, record: aRecord(record) };
        await world.given("AzVolume", { ...volume, status: known });
        const clusterVolumes = aCluster([], [aClusterAttachment(on, { volumeId, isTerminating })]);
        const answer = await world.answerOf(
          controllerPublishVolume({ ...world.context, clusterVolumes }, request, aCall()),
        );
        const reason = answer.ok || answer.failure.kind !== "StillWaiting" ? "" : answer.failure.what;
        assert.deepEqual(
          [world.steps.includes("request"), reason.includes("another driver has published it to node-a")],
          [isRequested, !isRequested],
        );
      }));

  it("waits for a grant where the record is missing: the lost one may name a writer", () =>
    withController(async (world) => {
      const volume = aVolumeObject();
      assert.ok(volume.status !== undefined);
      const { record: _, ...status } = volume.status;
      await world.givenNode("node-a");
      await world.given("AzVolume", { ...volume, status });
      assert.deepEqual(await world.answerOf(controllerPublishVolume(world.context, request, aCall())), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId, what: "the leading controller to grant it" },
      });
    }));

  describe("a volume that several nodes write", () => {
    const shared = { volumeCapability: aBlockCapability("MULTI_NODE_MULTI_WRITER") };
    const publishBeside = async (
      world: ControllerWorld,
      others: readonly (readonly [nodeName: string, role: "Primary" | "Replica", vmOf?: string])[],
    ): ReturnType<typeof controllerPublishVolume> => {
      const spec = {
        capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const,
        disk: aDiskSpec({ maxShares: 2 }),
        maxMountReplicaCount: 1,
      };
      await world.givenNode("node-a");
      await world.given("AzVolume", aVolumeObject({ spec, detail: aDetail({ maxShares: 2 }) }));
      for (const [nodeName, role, vmOf = nodeName] of others) {
        const { vmId, instanceUri } = identity(vmOf);
        const status = { state: "Attached", vmId: vmId.toUpperCase(), instanceUri } as const;
        await world.given("AzVolumeAttachment", { ...anAttachmentObject({ nodeName, role }), status });
      }
      return world.answerOf(controllerPublishVolume(world.context, { ...request, ...shared }, aCall()));
    };
    const roleOn = async (world: ControllerWorld, nodeName: string): Promise<unknown> => {
      const { name } = anAttachmentObject({ nodeName }).metadata;
      const read = await world.store.get("AzVolumeAttachment", name, never);
      return read.ok ? read.value.spec.role : read.failure.kind;
    };

    it("is published to one more of them where replicas have the last shares", () =>
      withController(async (world) => {
        const answer = await publishBeside(world, [
          ["node-b", "Primary"],
          ["node-c", "Replica"],
        ]);
        assert.deepEqual([answer, await roleOn(world, "node-a")], [ok({ publishContext: {} }), "Primary"]);
      }));

    it("is published to a node with a replica, which becomes a primary", () =>
      withController(async (world) => {
        const answer = await publishBeside(world, [
          ["node-a", "Replica"],
          ["node-b", "Primary"],
        ]);
        assert.deepEqual([answer, await roleOn(world, "node-a")], [ok({ publishContext: {} }), "Primary"]);
      }));

    it("is not published by the replica of another AzVolume of its disk", () =>
      withController(async (world) => {
        const { metadata, spec } = anAttachmentObject({ nodeName: "node-a", role: "Replica" });
        const { name } = metadata;
        const earlier = { ...spec, volumeName: "pvc-earlier" };
        await world.given("AzVolumeAttachment", { metadata: { name }, spec: earlier });
        const answer = await publishBeside(world, []);
        const failure = answer.ok ? undefined : answer.failure;
        assert.ok(failure?.kind === "StillWaiting", JSON.stringify(answer));
        assert.match(
          failure.what,
          /to delete AzVolumeAttachment .*, which is about another volume or node$/u,
        );
        const kept = await world.store.get("AzVolumeAttachment", name, never);
        assert.deepEqual(kept.ok && kept.value.spec, earlier);
      }));

    // A kubelet that registers under another name leaves its earlier Node behind.
    for (const vmOf of ["node-a", "node-b"])
      it(`counts the primary of an earlier name with the VM of ${vmOf}`, () =>
        withController(async (world) => {
          const answer = await publishBeside(world, [
            ["node-b", "Primary"],
            ["node-z", "Primary", vmOf],
          ]);
          assert.deepEqual([answer, await roleOn(world, "node-a")], [ok({ publishContext: {} }), "Primary"]);
        }));

    it("is refused one more of them where primaries have all shares", () =>
      withController(async (world) => {
        const answer = await publishBeside(world, [
          ["node-b", "Primary"],
          ["node-c", "Primary"],
        ]);
        const refused = { ok: false, failure: { kind: "NoFreeShare", diskUri: volumeId, maxShares: 2 } };
        assert.deepEqual([answer, await roleOn(world, "node-a")], [refused, "ObjectNotFound"]);
      }));
  });

  describe("on a node whose only slot another volume has", () => {
    const writerRequest = { since: "2026-01-01T00:00:00.000Z" };
    const diskUri = aDiskUri("pvc-2");
    const taken = {
      metadata: { name: attachmentObjectName({ diskUri, nodeName: "node-a" }) },
      spec: anAttachmentObject({ volumeName: "pvc-2", volumeId: diskUri, writerRequest }).spec,
    };
    const publishThere = async (
      world: ControllerWorld,
      clusterVolumes = world.context.clusterVolumes,
    ): Promise<unknown> => {
      await world.givenNode("node-a", { maxVolumes: 1 });
      await world.given("AzVolume", aVolumeObject());
      await world.given("AzVolumeAttachment", taken);
      const answer = await world.answerOf(
        controllerPublishVolume({ ...world.context, clusterVolumes }, request, aCall()),
      );
      return answer.ok || answer.failure.kind;
    };

    it("is refused as exhausted, and requests nothing", () =>
      withController(async (world) => {
        assert.deepEqual([await publishThere(world), world.steps], ["NoFreeLun", []]);
        assert.equal(toGrpcStatus({ kind: "NoFreeLun", nodeName: "node-a", lunsMax: 1 }).code, 8);
      }));

    it("is requested where the disk is there as a replica: a failover needs no slot", () =>
      withController(async (world) => {
        const { metadata, spec } = anAttachmentObject({ role: "Replica" });
        const status = anAttachment("node-a", { spec: { role: "Replica" } }).status ?? assert.fail();
        await world.given("AzVolumeAttachment", { metadata, spec, status });
        assert.deepEqual([await publishThere(world), world.steps], ["StillWaiting", ["request"]]);
      }));

    it("is requested where the other volume has left, and the cache shows it still", () =>
      withController(async (world) => {
        await world.givenNode("node-a", { maxVolumes: 1 });
        await world.given("AzVolume", aVolumeObject());
        await world.given("AzVolumeAttachment", taken);
        const present = await world.store.get("AzVolumeAttachment", taken.metadata.name, never);
        assert.ok(present.ok);
        world.store.holdWatches(true);
        const { writerRequest: _, ...spec } = present.value.spec;
        assert.ok((await world.store.update("AzVolumeAttachment", { ...present.value, spec }, never)).ok);
        const answer = await world.answerOf(controllerPublishVolume(world.context, request, aCall()));
        assert.deepEqual([!answer.ok && answer.failure.kind, world.steps], ["StillWaiting", ["request"]]);
      }));

    it("is asked again later where the other volume can't be read", () =>
      withController(async (world) => {
        const unread = { kind: "StoreUnavailable", detail: "connection refused" } as const;
        await world.givenNode("node-a", { maxVolumes: 1 });
        await world.given("AzVolume", aVolumeObject());
        await world.given("AzVolumeAttachment", taken);
        const store: ControllerContext["store"] = {
          ...world.store,
          get: async (kind, ...rest) =>
            kind === "AzVolumeAttachment" ? fail(unread) : world.store.get(kind, ...rest),
        };
        const context = { ...world.context, store };
        const answer = await world.answerOf(controllerPublishVolume(context, request, aCall()));
        assert.deepEqual([answer, world.steps], [fail(unread), []]);
      }));

    it("is requested where V1 has attached the disk there", () =>
      withController(async (world) => {
        const clusterVolumes = aCluster([], [aClusterAttachment("node-a", { volumeId })]);
        assert.equal(await publishThere(world, clusterVolumes), "StillWaiting");
      }));
  });

  it("creates the attachment without a read where the cache shows none", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      await world.given("AzVolume", aVolumeObject());
      const store: ControllerContext["store"] = {
        ...world.store,
        get: (kind, ...rest) =>
          kind === "AzVolumeAttachment" ? assert.fail("a read") : world.store.get(kind, ...rest),
      };
      await world.answerOf(controllerPublishVolume({ ...world.context, store }, request, aCall()));
      const made = await world.store.list("AzVolumeAttachment", {}, never);
      assert.deepEqual(made.ok && made.value.items.map(({ spec }) => [spec.nodeName, spec.published]), [
        ["node-a", true],
      ]);
    }));

  it("compares a publish with an earlier one that the cache does not show yet", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      await world.given("AzVolume", aVolumeObject());
      world.store.holdWatches(true);
      const {
        metadata: { name },
        spec,
      } = anAttachmentObject({ nodeName: "node-a", published: true });
      const created = await world.store.create("AzVolumeAttachment", { metadata: { name }, spec }, never);
      assert.ok(created.ok);
      const readOnly = { ...request, readonly: true };
      const answer = await world.answerOf(controllerPublishVolume(world.context, readOnly, aCall()));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeExistsWithOtherRequest");
      const kept = await world.store.get("AzVolumeAttachment", name, never);
      assert.deepEqual(kept.ok && kept.value, created.value);
    }));

  it("reads a replica that is another by now, before the cache shows that", async () => {
    const {
      metadata: { name },
      spec,
    } = anAttachmentObject({ nodeName: "node-a", published: true });
    const replica = anAttachment("node-a", { spec: { role: "Replica" } }).spec;
    const { writerRequest: _, ...unrequested } = replica;
    const rows: readonly {
      readonly because: string;
      readonly change: (world: ControllerWorld) => Promise<{ readonly ok: boolean }>;
      readonly answer: Failure["kind"];
    }[] = [
      {
        because: "another controller has published it",
        change: async ({ store }) => {
          const read = await store.get("AzVolumeAttachment", name, never);
          return read.ok ? store.update("AzVolumeAttachment", { ...read.value, spec }, never) : read;
        },
        answer: "VolumeExistsWithOtherRequest",
      },
      {
        because: "it is being deleted",
        change: ({ store }) => store.delete("AzVolumeAttachment", name, {}, never),
        answer: "OperationInProgress",
      },
    ];
    for (const { because, change, answer } of rows)
      await withController(async (world) => {
        await world.givenNode("node-a");
        await world.given("AzVolume", aVolumeObject());
        await world.given("AzVolumeAttachment", { metadata: { name }, spec: unrequested });
        world.store.holdWatches(true);
        assert.ok((await change(world)).ok, because);
        const published = await world.answerOf(
          controllerPublishVolume(world.context, { ...request, readonly: true }, aCall()),
        );
        const left = await world.store.get("AzVolumeAttachment", name, never);
        assert.deepEqual(
          [!published.ok && published.failure.kind, left.ok && left.value.spec.readOnly],
          [answer, false],
          because,
        );
      });
  });

  it("refuses a V1 attribute that would be dropped, before it writes anything", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      await world.given("AzVolume", aVolumeObject());
      const answer = await world.answerOf(
        controllerPublishVolume(world.context, { ...request, volumeContext: { partition: "0" } }, aCall()),
      );
      assert.ok(!answer.ok && answer.failure.kind === "InvalidArgument");
      assert.deepEqual(
        [answer.failure.field, answer.failure.value, world.steps],
        ["volume_context.partition", "0", []],
      );
    }));

  for (const { zones, problem } of [
    { zones: ["2"], problem: "in zone 2" },
    { zones: [], problem: "to VMs without a zone" },
  ])
    it(`refuses a node in zone 1 for a disk that attaches ${problem}, before it writes anything`, () =>
      withController(async (world) => {
        await world.givenNode("node-a");
        await world.given("AzVolume", aVolumeObject({ detail: aDetail({ zones }) }));
        const answer = await world.answerOf(controllerPublishVolume(world.context, request, aCall()));
        assert.deepEqual(!answer.ok && answer.failure, {
          kind: "InvalidArgument",
          field: "node_id",
          value: "node-a",
          problem: `its VM is in zone 1, disk ${volumeId} only attaches ${problem}`,
        });
        assert.deepEqual(world.steps, []);
      }));

  for (const failure of [
    { kind: "DiskBeingCopied", diskUri: volumeId, percent: 40 },
    { kind: "DiskCopyFailed", diskUri: volumeId, sourceUri: aDiskUri("source"), state: "Failed" },
  ] as const)
    it(`publishes no disk that is no complete copy: ${failure.kind}`, () =>
      withController(async (world) => {
        const { status: _, ...found } = aVolumeObject({ spec: { diskUri: volumeId } });
        await world.given("AzVolume", found);
        await world.failed("pvc-1", "Pending", failure);
        await world.givenNode("node-a");
        const answer = await world.answerOf(controllerPublishVolume(world.context, request, aCall()));
        assert.deepEqual(answer, { ok: false, failure });
      }));

  it("publishes no copy for the first time that Azure failed to fill", () =>
    withController(async (world) => {
      const sourceUri = aDiskUri("source");
      const volume = aVolumeObject();
      const since = "2026-01-01T00:00:00Z";
      await world.given("AzVolume", {
        ...volume,
        spec: { ...volume.spec, disk: { ...volume.spec.disk, sourceUri } },
        status: {
          ...(volume.status ?? assert.fail("no status")),
          copy: { percent: 40, since, readTime: since, failedState: "Failed" },
        },
      });
      await world.givenNode("node-a");
      const answer = await world.answerOf(controllerPublishVolume(world.context, request, aCall()));
      const failure = { kind: "DiskCopyFailed", diskUri: volumeId, sourceUri, state: "Failed" } as const;
      assert.deepEqual([answer, world.steps], [{ ok: false, failure }, []]);
    }));

  it("waits for a node plug-in that has not reported its VM yet", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const made = await world.answerOf(
        world.context.store.create(
          "AzDriverNode",
          { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } },
          new AbortController().signal,
        ),
      );
      assert.ok(made.ok);
      const what = "the node plug-in on node-a to say which VM it runs on";
      assert.deepEqual(await world.answerOf(controllerPublishVolume(world.context, request, aCall())), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId, what },
      });
    }));
});
