import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import {
  agoMs,
  anAttachment,
  aRecord,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { changedRecord, type RecordChanges } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { aCluster, aClusterAttachment, aClusterVolume, type ModelCluster } from "../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { syncVolumeAttachments } from "./sync-volume-attachments.ts";

const never = new AbortController().signal;
const unused: VolumeUse = { kind: "unused" };
const otherDisk = diskUri.replace("pvc-1", "pvc-2");

/** `pvc-1`, adopted while in use on node-a, which the cluster has attached, too. */
async function withFound(
  act: (world: ReconcileWorld, cluster: ModelCluster) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given(
      "AzVolume",
      aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [identity("node-a")] }),
    );
    await world.given("AzVolumeAttachment", aReplica("node-a", { status: { lun: 0 } }));
    await act(world, aCluster([aClusterVolume({ readOnly: true })], [aClusterAttachment("node-a")]));
  });
}

function restore(
  world: ReconcileWorld,
  clusterVolumes: ModelCluster,
  attach: ControllerPorts["attach"] = "kubernetes",
): ReturnType<typeof syncVolumeAttachments> {
  return world.answerOf(syncVolumeAttachments({ ...world.ports, clusterVolumes, attach }, never));
}

function roleOn(world: ReconcileWorld, nodeName: string): readonly [string | undefined, boolean] {
  const spec = world.attachment(nodeName)?.spec;
  return [spec?.role, spec?.writerRequest !== undefined];
}

describe("syncVolumeAttachments with attach: kubernetes", () => {
  it("requests the volume for a node with a VolumeAttachment, as published, once", () =>
    withFound(async (world, cluster) => {
      assert.deepEqual(await restore(world, cluster), ok({ waiting: 0 }));
      assert.deepEqual(
        [...roleOn(world, "node-a"), world.attachment("node-a")?.spec.readOnly],
        ["Primary", true, true],
      );
      await world.clock.advance(1_000);
      const commits = world.commits.length;
      assert.deepEqual(await restore(world, cluster), ok({ waiting: 0 }));
      assert.equal(world.commits.length, commits);
    }));

  it("creates the attachment of a node whose object was lost", () =>
    withFound(async (world, cluster) => {
      cluster.attached.set("csi-node-b", aClusterAttachment("node-b"));
      await restore(world, cluster);
      assert.deepEqual(roleOn(world, "node-b"), ["Primary", true]);
    }));

  it("requests the others where the disk of one can't be read, and retries that one", () =>
    withFound(async (world, cluster) => {
      const { detail } = world.volume()?.status ?? assert.fail("no volume");
      if (detail === undefined) assert.fail("no disk");
      await world.given(
        "AzVolume",
        aVolume({
          metadata: { name: "pvc-2" },
          status: { record: aRecord(), detail: { ...detail, diskUri: otherDisk } },
        }),
      );
      const sick = Array.from({ length: 70 }, (_, index) =>
        aClusterAttachment(`node-${index}`, { volumeId: otherDisk }),
      );
      cluster.stale = [...sick, ...cluster.attached.values()];
      for (const attachment of sick) cluster.attached.set(attachment.name, attachment);
      const broken = {
        kind: "CloudUnavailable",
        code: "InternalServerError",
        message: "",
        requestId: "r",
      } as const;
      const getDisk: CloudProvisioner["getDisk"] = async (asked, signal) =>
        asked.diskUri === otherDisk ? fail(broken) : world.ports.cloud.getDisk(asked, signal);
      const ports = { ...world.ports, cloud: { ...world.ports.cloud, getDisk }, clusterVolumes: cluster };
      assert.deepEqual(
        await world.answerOf(syncVolumeAttachments({ ...ports, attach: "kubernetes" }, never)),
        fail(broken),
      );
      assert.deepEqual(roleOn(world, "node-a"), ["Primary", true]);
    }));

  it("requests nothing where the node itself has withdrawn its request", () =>
    withFound(async (world, cluster) => {
      cluster.attached.set("csi-node-b", aClusterAttachment("node-b"));
      await world.given("AzVolumeAttachment", withoutRequest("node-b"));
      await restore(world, cluster);
      assert.deepEqual(roleOn(world, "node-b"), ["Primary", false]);
    }));

  const notStanding: readonly {
    readonly because: string;
    readonly change: (world: ReconcileWorld, cluster: ModelCluster) => void;
  }[] = [
    {
      because: "was not published there yet",
      change: (_, cluster) =>
        cluster.attached.set("csi-node-a", aClusterAttachment("node-a", { isAttached: false })),
    },
    {
      because: "is being unpublished",
      change: (_, cluster) =>
        cluster.attached.set("csi-node-a", aClusterAttachment("node-a", { isTerminating: true })),
    },
    {
      because: "was unpublished, which the cache does not show yet",
      change: (_, cluster) => {
        cluster.stale = [aClusterAttachment("node-a")];
        cluster.attached.clear();
      },
    },
    { because: "is on a node that is out of service", change: (world) => world.outOfService.add("node-a") },
    {
      because: "is on a node that is gone, with its mark",
      change: (world) => world.gone.add("node-a"),
    },
  ];
  for (const { because, change } of notStanding) {
    it(`requests nothing where the volume ${because}`, () =>
      withFound(async (world, cluster) => {
        change(world, cluster);
        assert.deepEqual(await restore(world, cluster), ok({ waiting: 0 }));
        assert.deepEqual(roleOn(world, "node-a"), ["Replica", false]);
      }));
  }

  it("withdraws a request that a concurrent unpublish would leave behind", () =>
    withFound(async (world, cluster) => {
      cluster.during = () => cluster.attached.clear();
      await restore(world, cluster);
      assert.deepEqual(roleOn(world, "node-a"), ["Replica", false]);
    }));

  const forgotten: readonly {
    readonly because: string;
    readonly attached?: boolean;
    readonly use?: VolumeUse;
    readonly afterMs?: number;
    readonly isEnded: boolean;
  }[] = [
    { because: "it has no VolumeAttachment and no user", isEnded: true },
    {
      because: "a VolumeAttachment exists, whose unpublish is still to come",
      attached: true,
      isEnded: false,
    },
    { because: "it may have a user", use: { kind: "unknown" }, isEnded: false },
    { because: "that has only just begun", afterMs: 1_000, isEnded: false },
  ];
  for (const { because, attached = false, use = unused, afterMs = 61_000, isEnded } of forgotten) {
    it(`${isEnded ? "ends" : "keeps"} a primary that its node no longer requests where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", withoutRequest("node-a"));
        await world.clock.advance(afterMs);
        world.use = use;
        const cluster = aCluster(
          [aClusterVolume()],
          attached ? [aClusterAttachment("node-a", { isTerminating: true })] : [],
        );
        assert.deepEqual(await restore(world, cluster), ok({ waiting: 0 }));
        assert.deepEqual(roleOn(world, "node-a"), [isEnded ? "Replica" : "Primary", false]);
      }));
  }

  it("withdraws a request without a VolumeAttachment and without a user", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await world.clock.advance(61_000);
      assert.deepEqual(await restore(world, aCluster([aClusterVolume()])), ok({ waiting: 0 }));
      assert.deepEqual(roleOn(world, "node-a"), ["Replica", false]);
    }));

  it("demotes an unrequested primary also while its attach is retried", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", withoutRequest("node-a"));
      for (let retries = 1; retries <= 3; retries++) {
        await world.clock.advance(25_000);
        const present = world.attachment("node-a") ?? assert.fail("it is gone");
        const error = { kind: "CloudUnavailable", message: "", failure: "", retries, time: agoMs(0) };
        await must(
          world.other.updateStatus(
            "AzVolumeAttachment",
            { ...present, status: { ...present.status, state: "AttachmentFailed", error } },
            never,
          ),
        );
      }
      await world.clock.advance(1_000);
      assert.deepEqual(await restore(world, aCluster([aClusterVolume()])), ok({ waiting: 0 }));
      assert.deepEqual(roleOn(world, "node-a"), ["Replica", false]);
    }));

  it("withdraws nothing where the orchestrator has no attachments", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", withoutRequest("node-a"));
      await world.clock.advance(61_000);
      assert.deepEqual(await world.answerOf(syncVolumeAttachments(world.ports, never)), ok({ waiting: 0 }));
      assert.deepEqual(roleOn(world, "node-a"), ["Primary", false]);
    }));

  it("waits for a volume that has not been read yet", () =>
    withControllerPorts(async (world) => {
      const cluster = aCluster([aClusterVolume()], [aClusterAttachment("node-a")]);
      assert.deepEqual(await restore(world, cluster), ok({ waiting: 1 }));
      await world.given("AzVolume", {
        ...aVolume(),
        status: { state: "Pending", observedGeneration: 0, conditions: [] },
      });
      assert.deepEqual(await restore(world, cluster), ok({ waiting: 1 }));
      assert.equal(world.attachment("node-a"), undefined);
    }));
});

describe("syncVolumeAttachments after another driver has published the volume", () => {
  const [a, b] = [identity("node-a"), identity("node-b")];

  /** `pvc-1` as this driver left it; now the cluster has it attached to node-b. */
  async function afterV1(
    record: RecordChanges,
    act: (world: ReconcileWorld, ports: ControllerPorts) => Promise<void>,
  ): Promise<void> {
    await withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ epoch: 4, ...record }));
      world.instances.set(instanceUriOf("node-b"), b.vmId);
      const cloud: ControllerPorts["cloud"] = {
        ...world.ports.cloud,
        getDisk: async () => ok(aDisk({ attachedTo: [instanceUriOf("node-b")] })),
      };
      await act(world, {
        ...world.ports,
        cloud,
        clusterVolumes: aCluster([aClusterVolume()], [aClusterAttachment("node-b")]),
      });
    });
  }

  it("distrusts the former holder and the node with the VolumeAttachment", () =>
    afterV1({ writer: aWriter("node-a", { epoch: 4 }) }, async (world, ports) => {
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      assert.deepEqual(await world.answerOf(syncVolumeAttachments(ports, never)), ok({ waiting: 0 }));
      assert.deepEqual(
        world.record(),
        aRecord({ defaultAccess: "quarantined", unverified: [identity("node-b"), a], epoch: 4 }),
      );
      assert.deepEqual(
        [roleOn(world, "node-b"), roleOn(world, "node-a")],
        [
          ["Primary", true],
          ["Replica", false],
        ],
      );
      const commits = world.commits.length;
      await world.clock.advance(1_000);
      assert.deepEqual(await world.answerOf(syncVolumeAttachments(ports, never)), ok({ waiting: 0 }));
      assert.equal(world.commits.length, commits);
    }));

  it("keeps an earlier request that a workload may rely on", () =>
    afterV1({ writer: aWriter("node-a", { epoch: 4 }) }, async (world, ports) => {
      world.use = { kind: "unknown" };
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await world.answerOf(syncVolumeAttachments(ports, never));
      assert.deepEqual(roleOn(world, "node-a"), ["Primary", true]);
    }));

  it("distrusts the node also where the record names no writer", () =>
    afterV1({}, async (world, ports) => {
      await world.answerOf(syncVolumeAttachments(ports, never));
      assert.deepEqual(
        world.record(),
        aRecord({ defaultAccess: "quarantined", unverified: [identity("node-b")], epoch: 4 }),
      );
    }));

  it("keeps a record whose node is unpublished once its VolumeAttachment was read", () =>
    afterV1({}, async (world, ports) => {
      const clusterVolumes = aCluster([aClusterVolume()], [aClusterAttachment("node-b")]);
      clusterVolumes.during = () => clusterVolumes.attached.clear();
      await world.answerOf(syncVolumeAttachments({ ...ports, clusterVolumes }, never));
      assert.deepEqual(world.record(), aRecord({ epoch: 4 }));
      assert.deepEqual(roleOn(world, "node-b"), ["Replica", false]);
    }));

  it("keeps what was granted while Azure was read for the outdated record", () =>
    afterV1({}, async (world, ports) => {
      const { inspectInstance } = ports.cloud;
      const writer = aWriter("node-a", { epoch: 5 });
      ports.cloud.inspectInstance = async (request, signal) => {
        await world.setRecord((record) => changedRecord(record, { writer, epoch: 5 }));
        return inspectInstance(request, signal);
      };
      await world.answerOf(syncVolumeAttachments(ports, never));
      assert.deepEqual(world.record(), aRecord({ writer, epoch: 5 }));
    }));

  it("distrusts once while the attachment is being deleted, not at each pass", () =>
    afterV1({}, async (world, ports) => {
      const replica = aReplica("node-b");
      const metadata = { ...replica.metadata, deletionTimestamp: "2026-01-01T00:00:00.000Z" };
      await world.given("AzVolumeAttachment", { ...replica, metadata });
      assert.deepEqual(await world.answerOf(syncVolumeAttachments(ports, never)), ok({ waiting: 1 }));
      const unverified = [identity("node-b")];
      assert.deepEqual(world.record(), aRecord({ defaultAccess: "quarantined", unverified, epoch: 4 }));
      const clean = { defaultAccess: "quarantined", clean: unverified } as const;
      await world.setRecord((record) => changedRecord(record, { ...clean, unverified: [] }));
      await world.clock.advance(1_000);
      const before = world.record();
      assert.deepEqual(await world.answerOf(syncVolumeAttachments(ports, never)), ok({ waiting: 1 }));
      assert.deepEqual(world.record(), before);
    }));

  it("requires a write barrier only where the record was rebuilt before", () =>
    afterV1(
      { defaultAccess: "quarantined", writer: aWriter("node-a", { epoch: 4 }) },
      async (world, ports) => {
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        await world.answerOf(syncVolumeAttachments(ports, never));
        assert.deepEqual(
          world.record(),
          aRecord({ defaultAccess: "quarantined", unverified: [b, a], barrierPending: [b], epoch: 4 }),
        );
      },
    ));

  const known: readonly {
    readonly because: string;
    readonly record: RecordChanges;
    readonly attachment?: AzVolumeAttachment;
  }[] = [
    { because: "calls the node the writer", record: { writer: aWriter("node-b", { epoch: 4 }) } },
    { because: "waits for the node's proof", record: { defaultAccess: "quarantined", unverified: [b] } },
    { because: "has the node in quarantine", record: { quarantined: [b] } },
    {
      because: "has a node being fenced",
      record: { writer: aWriter("node-a", { epoch: 4, requested: false }), fencing: a },
    },
    {
      because: "is of a volume that this driver has published there itself",
      record: {},
      attachment: anAttachment("node-b"),
    },
    {
      because: "is of a volume that the node has just unstaged",
      record: {},
      attachment: withoutRequest("node-b"),
    },
  ];
  for (const { because, record, attachment } of known) {
    it(`keeps a record that ${because}`, () =>
      afterV1(record, async (world, ports) => {
        if (attachment !== undefined) await world.given("AzVolumeAttachment", attachment);
        await world.answerOf(syncVolumeAttachments(ports, never));
        assert.deepEqual(world.record(), aRecord({ epoch: 4, ...record }));
      }));
  }
});

describe("syncVolumeAttachments with attach: driver", () => {
  const uses: readonly { readonly use: VolumeUse; readonly role: readonly [string, boolean] }[] = [
    { use: { kind: "used", users: ["default/pod"] }, role: ["Primary", true] },
    { use: { kind: "unknown" }, role: ["Primary", true] },
    { use: { kind: "unused" }, role: ["Replica", false] },
  ];
  for (const { use, role } of uses) {
    it(`leaves ${role[1] ? "a" : "no"} request without VolumeAttachment where use is ${use.kind}`, () =>
      withFound(async (world, cluster) => {
        world.use = use;
        assert.deepEqual(await restore(world, cluster, "driver"), ok({ waiting: 0 }));
        assert.deepEqual([roleOn(world, "node-a"), cluster.released], [role, ["csi-node-a"]]);
        assert.deepEqual(await restore(world, cluster, "driver"), ok({ waiting: 0 }));
      }));
  }

  it("withdraws what an unpublish that never comes would have withdrawn", () =>
    withFound(async (world, cluster) => {
      cluster.attached.set("csi-node-b", aClusterAttachment("node-b", { isTerminating: true }));
      await world.given("AzVolumeAttachment", withoutRequest("node-b"));
      await restore(world, cluster, "driver");
      assert.deepEqual(roleOn(world, "node-b"), ["Replica", false]);
      assert.deepEqual(cluster.released, ["csi-node-a", "csi-node-b"]);
    }));

  const waiting: readonly {
    readonly because: string;
    readonly isEnded: boolean;
    readonly use?: VolumeUse;
    readonly writer?: string;
    readonly afterMs?: number;
  }[] = [
    {
      because: "its node no longer uses, and would keep a share for ever",
      isEnded: true,
    },
    { because: "a pod waits for", use: { kind: "used", users: ["pod db-0"] }, isEnded: false },
    { because: "may have a waiting pod", use: { kind: "unknown" }, isEnded: false },
    { because: "has only just been stated", afterMs: 1_000, isEnded: false },
    {
      because: "is the writer's, where the volume has no user: it would block DeleteVolume",
      writer: "node-a",
      isEnded: true,
    },
  ];
  for (const { because, isEnded, use = unused, writer = "node-b", afterMs = 61_000 } of waiting) {
    it(`${isEnded ? "ends" : "keeps"} a request that ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ epoch: 1, writer: aWriter(writer) }));
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        await world.clock.advance(afterMs);
        world.use = use;
        assert.deepEqual(await restore(world, aCluster([aClusterVolume()]), "driver"), ok({ waiting: 0 }));
        // The release check ends the role of the writer.
        assert.deepEqual(roleOn(world, "node-a"), [
          isEnded && writer !== "node-a" ? "Replica" : "Primary",
          !isEnded,
        ]);
      }));
  }

  // A pod that is deleted by force may write for as long as its grace period, and no record shows that.
  it("marks a volume of several writers as staged where its leaked request ends", () =>
    withControllerPorts(async (world) => {
      const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
      const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
      await world.given("AzVolume", { ...aVolume({ spec: { capabilities } }), status });
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      world.use = unused;
      await world.clock.advance(61_000);
      await restore(world, aCluster([aClusterVolume()]), "driver");
      assert.deepEqual(roleOn(world, "node-a"), ["Replica", false]);
      assert.equal(world.attachment("node-a")?.spec.staged, true);
    }));

  for (const attach of ["kubernetes", "driver"] as const)
    it(`marks it also where its VolumeAttachment is gone, with attach: ${attach}`, () =>
      withControllerPorts(async (world) => {
        const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
        const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
        await world.given("AzVolume", { ...aVolume({ spec: { capabilities } }), status });
        await world.given("AzVolumeAttachment", anAttachment("node-a", { spec: { published: true } }));
        world.use = unused;
        await world.clock.advance(61_000);
        await restore(world, aCluster([aClusterVolume()]), attach);
        assert.equal(world.attachment("node-a")?.spec.staged, true);
      }));

  it("releases the VolumeAttachment where no external-attacher does", () =>
    withFound(async (world, cluster) => {
      await restore(world, cluster, "driver");
      assert.equal(cluster.timesVolumesReleased, 1);
      await restore(world, cluster, "kubernetes");
      assert.equal(cluster.timesVolumesReleased, 1);
    }));

  it("keeps the attachment until its volume is known: nothing else shows the request", () =>
    withControllerPorts(async (world) => {
      const cluster = aCluster([aClusterVolume()], [aClusterAttachment("node-a")]);
      assert.deepEqual(await restore(world, cluster, "driver"), ok({ waiting: 1 }));
      assert.deepEqual(cluster.released, []);
    }));
});

/** A primary whose request NodeUnstageVolume has withdrawn. */
function withoutRequest(nodeName: string): ReturnType<typeof anAttachment> {
  const attachment = anAttachment(nodeName);
  const { writerRequest: _, ...spec } = attachment.spec;
  return { ...attachment, spec };
}
