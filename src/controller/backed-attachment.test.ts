import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PLACED_BY_LABEL } from "../core/api/attachment-labels.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { attachmentObjectName } from "../core/api/object-names.ts";
import { formatDiskUri } from "../core/azure/ids/disk-uri.ts";
import { fail } from "../core/failure/result.ts";
import type { VolumeUse } from "../core/schedule/volume-use.ts";
import {
  aDetail,
  aDiskSpec,
  anAttachment,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
} from "../core/testing/objects.ts";
import { type RecordChanges } from "../core/testing/record-lists.ts";
import { newRecord } from "../core/writer/record/writer-steps.ts";
import { attachmentReconciler } from "./attachment/attachment-reconciler.ts";
import { backedPart } from "./backed-attachment.ts";
import { aCluster } from "./testing/a-cluster.ts";
import { asksNothing, withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";
import { volumeReconciler } from "./writer/volume-reconciler.ts";

const never = new AbortController().signal;
const unattached = { status: undefined } as const;
const placed = { [PLACED_BY_LABEL]: "controller" };

describe("an attachment that a node has created", () => {
  const rows: readonly {
    readonly because: string;
    readonly attachment: AzVolumeAttachment;
    readonly labels?: Readonly<Record<string, string>>;
    readonly use?: VolumeUse;
    readonly record?: RecordChanges;
    readonly attach?: "kubernetes" | "driver";
    readonly isAttached: boolean;
  }[] = [
    { because: "no pod is seen there", attachment: anAttachment("node-a", unattached), isAttached: false },
    {
      because: "pods are not known yet",
      attachment: anAttachment("node-a", unattached),
      use: { kind: "unknown" },
      isAttached: false,
    },
    {
      because: "a pod is bound there",
      attachment: anAttachment("node-a", unattached),
      use: { kind: "used", users: ["a"] },
      isAttached: true,
    },
    {
      because: "the record names the node",
      attachment: anAttachment("node-a", unattached),
      record: { writer: aWriter("node-a") },
      isAttached: true,
    },
    {
      because: "VolumeAttachments make the requests",
      attachment: anAttachment("node-a", unattached),
      attach: "kubernetes",
      isAttached: true,
    },
    {
      because: "a controller placed it",
      attachment: aReplica("node-a", unattached),
      labels: placed,
      isAttached: true,
    },
    {
      because: "an attach was begun for it",
      attachment: anAttachment("node-a", { status: { state: "AttachmentFailed" } }),
      isAttached: true,
    },
  ];
  for (const {
    because,
    attachment,
    labels,
    use = { kind: "unused" } as const,
    record = {},
    attach = "driver",
    isAttached,
  } of rows)
    it(`${isAttached ? "gets its disk" : "gets no disk"} where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(record));
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolumeAttachment", attachment);
        if (labels !== undefined) {
          const present = await world.answerOf(
            world.other.get("AzVolumeAttachment", attachment.metadata.name, never),
          );
          assert.ok(present.ok);
          await world.answerOf(
            world.other.update(
              "AzVolumeAttachment",
              { ...present.value, metadata: { ...present.value.metadata, labels } },
              never,
            ),
          );
          await world.clock.advance(1_000);
        }
        const ports = {
          ...world.ports,
          attach,
          clusterVolumes: aCluster([]),
          users: { ...world.ports.users, cachedOn: () => use },
        };
        await world.answerOf(attachmentReconciler(ports).reconcile(attachment.metadata.name, never));
        assert.deepEqual([...world.attachedTo], isAttached ? ["node-a"] : []);
      }));

  for (const { because, published, role } of [
    {
      because: "no VolumeAttachment is seen, and no CSI client has published it",
      published: undefined,
      role: "Replica",
    },
    { because: "a CSI client has published it", published: true, role: "Primary" },
  ] as const)
    it(`counts as a ${role} where ${because}`, () =>
      withControllerPorts(async (world) => {
        const volume = aVolumeWithRecord({ writer: aWriter("node-b") });
        const own = anAttachment("node-a", published === undefined ? {} : { spec: { published } });
        const ports = { ...world.ports, attach: "kubernetes" as const, clusterVolumes: aCluster([]) };
        const backed = backedPart(ports, volume, own);
        assert.deepEqual(
          [backed?.spec.role, backed?.spec.writerRequest !== undefined],
          [role, role === "Primary"],
        );
      }));

  describe("of a volume that several nodes write, without a pod", () => {
    const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    const several = { ...aVolume({ spec: { capabilities } }), status };
    const { writerRequest: _request, ...unrequested } = anAttachment("node-a").spec;
    const rows: readonly {
      readonly because: string;
      readonly own?: AzVolumeAttachment;
      readonly role: "Replica" | "staged Replica" | undefined;
    }[] = [
      { because: "its node has not unstaged it", role: "staged Replica" },
      {
        because: "its request was withdrawn as a leaked one",
        own: { ...anAttachment("node-a"), spec: unrequested },
        role: "staged Replica",
      },
      {
        because: "a detach from its node is taken back",
        own: anAttachment("node-a", { status: { state: "Detaching" } }),
        role: "staged Replica",
      },
      { because: "its node has unstaged it", own: aReplica("node-a"), role: "Replica" },
      { because: "nothing was begun for it", own: anAttachment("node-a", unattached), role: undefined },
      {
        because: "its first attach has not ended",
        own: { ...anAttachment("node-a"), status: { state: "Attaching" } },
        role: "Replica",
      },
      {
        because: "its disk, which it has had, is looked up in Azure",
        own: anAttachment("node-a", { status: { state: "Attaching", deviceMissing: true } }),
        role: "staged Replica",
      },
      {
        because: "its disk was looked up in vain",
        own: anAttachment("node-a", { status: { state: "AttachmentFailed", deviceMissing: true } }),
        role: "staged Replica",
      },
    ];
    for (const { because, own = anAttachment("node-a"), role } of rows)
      it(`counts as ${role === undefined ? "nothing" : `a ${role}`} where ${because}`, () =>
        withControllerPorts(async (world) => {
          const users = { ...world.ports.users, cachedOn: (): VolumeUse => ({ kind: "unused" }) };
          const ports = { ...world.ports, attach: "driver" as const, clusterVolumes: aCluster([]), users };
          const spec = backedPart(ports, several, own)?.spec;
          assert.equal(spec?.staged === true ? `staged ${spec.role}` : spec?.role, role);
          assert.equal(spec?.writerRequest, undefined);
        }));

    // A pod that is deleted by force may run, and flush, for as long as its grace period.
    it("keeps its disk until its node unstages it, also where no replica is asked for", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", { ...several, spec: { ...several.spec, maxMountReplicaCount: 0 } });
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        world.attachedTo.add("node-a");
        world.use = { kind: "unused" };
        const users = { ...world.ports.users, cachedOn: (): VolumeUse => ({ kind: "unused" }) };
        const ports = { ...world.ports, attach: "driver" as const, clusterVolumes: aCluster([]), users };
        const { name } = anAttachment("node-a").metadata;
        for (let pass = 0; pass < 3; pass++) {
          await world.answerOf(volumeReconciler(ports, asksNothing).reconcile("pvc-1", never));
          await world.answerOf(attachmentReconciler(ports).reconcile(name, never));
          await world.clock.advance(1_000);
        }
        assert.deepEqual([...world.attachedTo], ["node-a"]);
        assert.equal(world.attachment("node-a")?.metadata.deletionTimestamp, undefined);
      }));
  });

  it("evicts no other volume's replica, where its node made a Primary of a replica", () =>
    withControllerPorts(async (world) => {
      const diskUri = formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-2" });
      const otherName = attachmentObjectName({ diskUri, nodeName: "node-a" });
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-b") }));
      await world.given(
        "AzVolume",
        aVolume({
          metadata: { name: "pvc-2" },
          spec: { volumeName: "pvc-2" },
          status: { record: newRecord(0), detail: aDetail({ diskUri }) },
        }),
      );
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given(
        "AzVolumeAttachment",
        aReplica("node-a", {
          metadata: { name: otherName },
          spec: { volumeName: "pvc-2", volumeId: diskUri },
        }),
      );
      const own = anAttachment("node-a", { status: { state: "AttachmentFailed" } });
      await world.given("AzVolumeAttachment", own);
      let attaches = 0;
      const ports = {
        ...world.ports,
        attach: "driver" as const,
        clusterVolumes: aCluster([]),
        cloud: {
          ...world.ports.cloud,
          attachDisk: async () => {
            attaches += 1;
            return fail({ kind: "NoFreeLun", nodeName: "node-a", lunsMax: 8 } as const);
          },
        },
      };
      await world.answerOf(attachmentReconciler(ports).reconcile(own.metadata.name, never));
      const other = await world.answerOf(world.other.get("AzVolumeAttachment", otherName, never));
      assert.deepEqual(
        [attaches, other.ok, other.ok && other.value.metadata.deletionTimestamp],
        [1, true, undefined],
      );
    }));

  it("evicts no replica while no pod is seen there, and is deleted once unrequested", () =>
    withControllerPorts(async (world) => {
      await world.given(
        "AzVolume",
        aVolumeWithRecord(
          { writer: aWriter("node-b") },
          { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 },
        ),
      );
      for (const nodeName of ["node-a", "node-b", "node-c"])
        await world.given("AzDriverNode", aDriverNode(nodeName));
      await world.given("AzVolumeAttachment", anAttachment("node-b"));
      await world.given("AzVolumeAttachment", aReplica("node-c"));
      await world.given("AzVolumeAttachment", anAttachment("node-a", unattached));
      const ports = { ...world.ports, attach: "driver" as const, clusterVolumes: aCluster([]) };
      await world.answerOf(volumeReconciler(ports, asksNothing).reconcile("pvc-1", never));
      assert.equal(world.attachment("node-c")?.metadata.deletionTimestamp, undefined);
      const own = world.attachment("node-a");
      assert.ok(own !== undefined);
      const { writerRequest: _, ...spec } = own.spec;
      await world.answerOf(
        world.other.update("AzVolumeAttachment", { ...own, spec: { ...spec, role: "Replica" } }, never),
      );
      await world.clock.advance(1_000);
      await world.answerOf(attachmentReconciler(ports).reconcile(own.metadata.name, never));
      assert.notEqual(world.attachment("node-a")?.metadata.deletionTimestamp, undefined);
    }));
});
