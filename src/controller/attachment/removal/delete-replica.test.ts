import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import type { ReplicaAction } from "../../../core/attachment/replicas/replica-action.ts";
import { ok } from "../../../core/failure/result.ts";
import type { VolumeUse } from "../../../core/schedule/volume-use.ts";
import { aLease } from "../../../core/testing/a-lease.ts";
import {
  anAttachment,
  anObservedVolume,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
} from "../../../core/testing/objects.ts";
import { LeaseHighWaterMark } from "../../../runtime/election/lease-high-water-mark.ts";
import { withControllerPorts } from "../../testing/a-controller.ts";
import { deleteReplica } from "./delete-replica.ts";

const used: VolumeUse = { kind: "used", users: ["pod default/db-0"] };
const never = new AbortController().signal;

describe("deleteReplica", () => {
  for (const isUnschedulable of [true, false])
    it(`${isUnschedulable ? "deletes" : "keeps"} a replica whose node is ${isUnschedulable ? "still" : "no longer"} unschedulable past the cache`, () =>
      withControllerPorts(async (world) => {
        const volume = aVolumeWithRecord({ writer: aWriter("node-a"), epoch: 1 });
        await world.given("AzVolume", volume);
        await world.given("AzVolumeAttachment", anAttachment("node-b", { spec: { role: "Replica" } }));
        const attachment = world.attachment("node-b");
        assert.ok(attachment !== undefined);
        if (isUnschedulable) world.unschedulable.add("node-b");
        const action: Extract<ReplicaAction, { kind: "DeleteAttachment" }> = {
          kind: "DeleteAttachment",
          attachmentName: attachment.metadata.name,
          because: "its node has been unschedulable for a while",
          onlyWhile: { kind: "Unschedulable", nodeName: "node-b" },
        };
        const observed = anObservedVolume({ volume, attachments: [attachment] });
        const answer = await world.answerOf(deleteReplica(world.ports, observed, action, never));
        assert.deepEqual(answer, ok(isUnschedulable ? {} : { requeueAfterMs: 1_000 }));
        const left = await world.other.get("AzVolumeAttachment", attachment.metadata.name, never);
        const isKept = left.ok && left.value.metadata.deletionTimestamp === undefined;
        assert.equal(isKept, !isUnschedulable);
      }));

  for (const isOut of [true, false])
    it(`${isOut ? "deletes" : "keeps"} a replica whose node is ${isOut ? "still" : "no longer"} out of service past the cache`, () =>
      withControllerPorts(async (world) => {
        const volume = aVolumeWithRecord({ writer: aWriter("node-a"), epoch: 1 });
        await world.given("AzVolume", volume);
        await world.given("AzVolumeAttachment", anAttachment("node-b", { spec: { role: "Replica" } }));
        const attachment = world.attachment("node-b") ?? assert.fail("no attachment");
        const users = { ...world.ports.users, isOutOfService: async () => isOut };
        const action = {
          kind: "DeleteAttachment",
          attachmentName: attachment.metadata.name,
          because: "its node is out of service",
          onlyWhile: { kind: "OutOfService", nodeName: "node-b" },
        } as const;
        const observed = anObservedVolume({ volume, attachments: [attachment] });
        await world.answerOf(deleteReplica({ ...world.ports, users }, observed, action, never));
        const left = await world.other.get("AzVolumeAttachment", attachment.metadata.name, never);
        assert.equal(left.ok && left.value.metadata.deletionTimestamp === undefined, !isOut);
      }));

  const grant = { nodeName: "node-a", epoch: 4 };
  for (const { because, record, isKept } of [
    { because: "stands", record: { writer: aWriter("node-a", { epoch: 4 }) }, isKept: false },
    {
      because: "was withdrawn",
      record: { writer: aWriter("node-a", { epoch: 4, requested: false }) },
      isKept: true,
    },
    { because: "was released", record: {}, isKept: true },
    { because: "was replaced", record: { writer: aWriter("node-a", { epoch: 5 }) }, isKept: true },
    { because: "went to another node", record: { writer: aWriter("node-c", { epoch: 4 }) }, isKept: true },
    {
      because: "is ended by a fence",
      record: { writer: aWriter("node-a", { epoch: 4 }), fencing: identity("node-a") },
      isKept: true,
    },
  ])
    it(`${isKept ? "keeps" : "deletes"} a surplus replica where the grant ${because} past the cache`, () =>
      withControllerPorts(async (world) => {
        const granted = aVolumeWithRecord({ writer: aWriter("node-a", { epoch: 4 }), epoch: 4 });
        await world.given("AzVolume", aVolumeWithRecord({ epoch: 5, ...record }));
        await world.given("AzVolumeAttachment", anAttachment("node-b", { spec: { role: "Replica" } }));
        const attachment = world.attachment("node-b") ?? assert.fail();
        const action: Extract<ReplicaAction, { kind: "DeleteAttachment" }> = {
          kind: "DeleteAttachment",
          attachmentName: attachment.metadata.name,
          because: "it is more than requested, or a primary needs its share",
          onlyWhile: { kind: "OthersStay", nonReplicaNames: [], replicaNames: [], grant },
        };
        const observed = anObservedVolume({ volume: granted, attachments: [attachment] });
        const answer = await world.answerOf(deleteReplica(world.ports, observed, action, never));
        assert.deepEqual(answer, ok(isKept ? { requeueAfterMs: 1_000 } : {}));
        assert.equal(world.attachment("node-b")?.metadata.deletionTimestamp === undefined, isKept);
      }));

  it("makes no call for a replica that is being deleted already, by the cache", () =>
    withControllerPorts(async (world) => {
      const volume = aVolumeWithRecord({ epoch: 1 });
      await world.given("AzVolume", volume);
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-b", { metadata: { finalizers: [ATTACHMENT_FINALIZER] } }),
      );
      const attachment = world.attachment("node-b") ?? assert.fail();
      await world.markDeleted("AzVolumeAttachment", attachment.metadata.name);
      const action: Extract<ReplicaAction, { kind: "DeleteAttachment" }> = {
        kind: "DeleteAttachment",
        attachmentName: attachment.metadata.name,
        because: "no node requests it",
      };
      const store: typeof world.ports.store = {
        ...world.ports.store,
        get: () => assert.fail("a read"),
        delete: () => assert.fail("a second deletion"),
      };
      const observed = anObservedVolume({ volume, attachments: [attachment] });
      const answer = await world.answerOf(deleteReplica({ ...world.ports, store }, observed, action, never));
      assert.deepEqual(answer, ok({}));
    }));

  describe("of a node that stated a request for a volume of several writers", () => {
    const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
    const several = {
      ...aVolume({
        spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
      }),
      status,
    };
    const rows: readonly {
      readonly because: string;
      readonly use: VolumeUse;
      readonly isOut?: boolean;
      readonly isKept: boolean;
    }[] = [
      { because: "a pod that the cache does not show yet uses it", use: used, isKept: true },
      { because: "the orchestrator does not answer", use: { kind: "unknown" }, isKept: true },
      { because: "its pod has gone", use: { kind: "unused" }, isKept: false },
      { because: "it is out of service with its pods", use: used, isOut: true, isKept: false },
    ];
    it("keeps a replica while the store is rolled back: no rebuild has marked it yet", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", several);
        await world.given("AzVolumeAttachment", aReplica("node-b"));
        const attachment = world.attachment("node-b") ?? assert.fail("no attachment");
        const action = {
          kind: "DeleteAttachment",
          attachmentName: attachment.metadata.name,
          because: "no replicas are asked for",
        } as const;
        const observed = anObservedVolume({ volume: several, attachments: [attachment] });
        const later = new LeaseHighWaterMark();
        later.saw(aLease({ counter: 5, incarnation: 1 }));
        const ports = { ...world.ports, leaseHighWaterMark: later };
        assert.deepEqual(
          await world.answerOf(deleteReplica(ports, observed, action, never)),
          ok({ requeueAfterMs: 1_000 }),
        );
        assert.equal(world.attachment("node-b")?.metadata.deletionTimestamp, undefined);
        await world.answerOf(deleteReplica(world.ports, observed, action, never));
        assert.notEqual(world.attachment("node-b")?.metadata.deletionTimestamp, undefined);
      }));

    for (const { because, use, isOut = false, isKept } of rows)
      it(`${isKept ? "keeps" : "deletes"} its attachment: ${because}`, () =>
        withControllerPorts(async (world) => {
          await world.given("AzVolume", several);
          await world.given("AzVolumeAttachment", anAttachment("node-b"));
          const attachment = world.attachment("node-b") ?? assert.fail("no attachment");
          const users = { ...world.ports.users, on: async () => use, isOutOfService: async () => isOut };
          const action = {
            kind: "DeleteAttachment",
            attachmentName: attachment.metadata.name,
            because: "no replicas are asked for",
          } as const;
          // As a stale cache of pods shows it.
          const { writerRequest: _writerRequest, ...spec } = attachment.spec;
          const shown = { ...attachment, spec: { ...spec, role: "Replica" as const } };
          const observed = anObservedVolume({ volume: several, attachments: [shown] });
          const answer = await world.answerOf(
            deleteReplica({ ...world.ports, users }, observed, action, never),
          );
          assert.deepEqual(answer, ok(isKept ? { requeueAfterMs: 1_000 } : {}));
          assert.equal(world.attachment("node-b")?.metadata.deletionTimestamp === undefined, isKept);
        }));
  });
});
