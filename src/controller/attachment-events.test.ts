import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTACHMENT_FINALIZER } from "../core/api/finalizers.ts";
import { fail, ok } from "../core/failure/result.ts";
import {
  aDetail,
  anAttachment,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
} from "../core/testing/objects.ts";
import { changedRecord } from "../core/testing/record-lists.ts";
import { newRecord } from "../core/writer/record/writer-steps.ts";
import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import type { DriverEvent } from "../ports/cluster/events.ts";
import { attachmentReconciler } from "./attachment/attachment-reconciler.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const pending = { status: undefined };
const rejected = (requestId: string): ReturnType<typeof fail> =>
  fail({ kind: "CloudRejected", code: "DiskBusy", message: "in use", requestId });

function reconcile(world: ReconcileWorld, cloud: Partial<CloudProvisioner> = {}): Promise<unknown> {
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, ...cloud } };
  return world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-a"), never));
}

/** An event of the attachment to node-a. */
function emitted(reason: DriverEvent["reason"], message: string, localKey?: string): DriverEvent {
  const event = {
    about: { kind: "AzVolume", name: "pvc-1" },
    nodeName: "node-a",
    reason,
    message,
    waitingOn: ["node-a"],
  } as const;
  return localKey === undefined ? event : { ...event, localKey };
}

describe("the events of an attachment", () => {
  it("say where the disk was attached, on the pods that wait there for a primary", async () => {
    for (const { own, reason } of [
      { own: anAttachment("node-a", pending), reason: "Attached" },
      { own: aReplica("node-a", pending), reason: "ReplicaAttached" },
    ] as const) {
      await withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", own);
        await reconcile(world);
        assert.deepEqual(world.emitted, [emitted(reason, "attached to node-a as LUN 0")]);
      });
    }
  });

  it("say why an attach or a detach failed, and ignore a new request id of Azure", async () => {
    for (const { own, reason } of [
      { own: anAttachment("node-a", pending), reason: "AttachRefused" },
      { own: aReplica("node-a", pending), reason: "ReplicaAttachFailed" },
    ] as const) {
      await withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", own);
        await reconcile(world, { attachDisk: async () => rejected("r-1") as never });
        const message = "attach to node-a failed: Azure refused: DiskBusy: in use (request r-1)";
        assert.deepEqual(world.emitted, [emitted(reason, message, "node-a CloudRejected DiskBusy")]);
      });
    }
    await withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", pending));
      await reconcile(world, {
        attachDisk: async () => fail({ kind: "NoFreeLun", nodeName: "node-a", lunsMax: 8 }),
      });
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["AttachFailed"],
      );
    });
    await withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
      await world.given(
        "AzVolumeAttachment",
        leaving(aReplica("node-a", { metadata: { finalizers: [ATTACHMENT_FINALIZER] } })),
      );
      await reconcile(world, {
        detachDisk: async ({ precondition }, signal) => {
          assert.ok(await precondition(signal));
          return rejected("r-2") as never;
        },
      });
      const message = "detach from node-a failed: Azure refused: DiskBusy: in use (request r-2)";
      assert.deepEqual(world.emitted, [emitted("DetachFailed", message, "node-a CloudRejected DiskBusy")]);
    });
  });

  it("say what an attach waits for before Azure is called", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", pending));
      await reconcile(world);
      assert.deepEqual(world.emitted, [
        emitted(
          "WaitingForNodePlugin",
          "no node plug-in has registered as node-a: there is no such AzDriverNode",
        ),
      ]);
    }));

  for (const { because, record, message } of [
    {
      because: "it was fenced from that one",
      record: changedRecord(newRecord(0), { quarantined: [a] }),
      message: "node-a is being fenced from pvc-2, or was and is not clean yet, so nothing is attached to it",
    },
    {
      because: "it was fenced from that one under an earlier name",
      record: changedRecord(newRecord(0), { quarantined: [{ ...a, nodeName: "node-z" }] }),
      message: "node-a is being fenced from pvc-2, or was and is not clean yet, so nothing is attached to it",
    },
    {
      because: "it may use that one, at an unknown place",
      record: changedRecord(newRecord(0), { unverified: [a] }),
      message:
        "node-a may have used pvc-2 before the record was made again, and Azure has not shown yet at which " +
        "LUN, or that the disk is off, so nothing is attached to it",
    },
  ])
    it(`say which other volume keeps a node from any attach: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({}));
        const detail = aDetail({ diskUri: `${diskUri}-2` });
        await world.given("AzVolume", aVolume({ metadata: { name: "pvc-2" }, status: { record, detail } }));
        await world.given("AzVolumeAttachment", anAttachment("node-a", pending));
        await reconcile(world);
        assert.deepEqual(world.emitted, [emitted("WaitingForQuarantine", message)]);
      }));

  it("say that a device is missing before it is used, and then where it is", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { status: { lun: 3, deviceMissing: true } }),
      );
      await reconcile(world);
      assert.deepEqual(world.emitted, [
        emitted("DeviceMissing", "node-a does not find the disk at LUN 3"),
        emitted("Attached", "attached to node-a as LUN 0"),
      ]);
    }));

  for (const [isThere, lun, missing] of [
    ["at the LUN", 3, []],
    ["at another LUN", 0, [emitted("DeviceMissing", "node-a does not find the disk at LUN 3")]],
  ] as const)
    it(`say what a node misses of a shared raw disk, which Azure lists ${isThere}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        const capabilities = [{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }] as const;
        await world.given("AzVolume", aVolume({ spec: { capabilities }, status: { detail: aDetail({}) } }));
        await world.given(
          "AzVolumeAttachment",
          anAttachment("node-a", { status: { lun: 3, deviceMissing: true } }),
        );
        await reconcile(world, { attachDisk: async () => ok({ lun }) });
        assert.deepEqual(world.emitted, [
          ...missing,
          emitted("Attached", `attached to node-a as LUN ${lun}`),
        ]);
      }));

  it("say that a writer has lost its disk, and then where it is again", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { status: { lun: 3, deviceMissing: true } }),
      );
      await reconcile(world);
      const message = "node-a writes the volume, and its disk is no longer there";
      const lost = {
        about: { kind: "AzVolume", name: "pvc-1" },
        nodeName: "node-a",
        reason: "DiskLost",
        message,
        localKey: "node-a",
      };
      assert.deepEqual(world.emitted, [lost, emitted("Attached", "attached to node-a as LUN 0")]);
    }));

  it("say that a replica was promoted", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { role: "Replica" } }));
      await reconcile(world);
      assert.deepEqual(world.emitted, [
        emitted("ReplicaPromoted", "the replica on node-a is the primary now: nothing had to be attached"),
      ]);
    }));

  it("say every half minute that an attach is still under way", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a", pending));
      const slowly: CloudProvisioner["attachDisk"] = async (_request, signal) => {
        await world.clock.sleep(70_000, signal);
        return ok({ lun: 5 });
      };
      await reconcile(world, { attachDisk: slowly });
      await world.clock.advance(300_000);
      assert.deepEqual(world.emitted, [
        emitted("WaitingForAzure", "the attach to node-a has taken 30 s so far", "node-a"),
        emitted("WaitingForAzure", "the attach to node-a has taken 60 s so far", "node-a"),
        emitted("Attached", "attached to node-a as LUN 5"),
      ]);
    }));
});
