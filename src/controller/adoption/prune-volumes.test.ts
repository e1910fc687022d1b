import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeStatus } from "../../core/api/az-volume.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  aDetail,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ClusterVolume } from "../../ports/cluster/cluster-volumes.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { driverTags } from "../disk/disk-tags.ts";
import { aCluster, aClusterVolume } from "../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { pruneVolumes, type UnnamedVolumes } from "./prune-volumes.ts";

const never = new AbortController().signal;

/** Prunes on an Azure that lists these disks. */
function forget(
  world: ReconcileWorld,
  ports: Partial<ReconcileWorld["ports"]> = {},
): ReturnType<typeof pruneVolumes> {
  const listDisks = async () => ok([...world.disks].map((uri) => aDisk({ diskUri: uri })));
  return world.answerOf(
    pruneVolumes({ ...world.ports, cloud: { ...world.ports.cloud, listDisks }, ...ports }, never),
  );
}

const found = (differing: Partial<UnnamedVolumes> = {}): ReturnType<typeof ok<UnnamedVolumes>> =>
  ok({ pruned: 0, unclaimed: 0, ...differing });

/**
 * Prunes in a cluster without PersistentVolumes, where Azure lists these disks. Returns the result and
 * the events.
 */
async function findUnclaimed(
  world: ReconcileWorld,
  disks: readonly DiskFacts[],
  known: readonly ClusterVolume[] = [],
): Promise<readonly unknown[]> {
  let lists = 0;
  const listDisks = async () => {
    lists += 1;
    return ok(disks);
  };
  const answer = await forget(world, {
    cloud: { ...world.ports.cloud, listDisks },
    clusterVolumes: aCluster(known),
  });
  return [answer, world.emitted.map(({ about, reason }) => `${about.name} ${reason}`), lists];
}

const isTerminating = (world: ReconcileWorld): boolean =>
  world.volume()?.metadata.deletionTimestamp !== undefined;

describe("pruneVolumes", () => {
  it("reads a disk that recovery's list lacks, instead of listing again", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      world.disks.add(diskUri);
      const listDisks: typeof world.ports.cloud.listDisks = () => assert.fail("the disks were listed");
      const getDisk: typeof world.ports.cloud.getDisk = async (asked) =>
        world.disks.has(asked.diskUri)
          ? ok(aDisk(asked))
          : fail({ kind: "DiskNotFound", diskUri: asked.diskUri });
      const cloud = { ...world.ports.cloud, listDisks, getDisk };
      const ports = { ...world.ports, cloud, lists: new Map([["rg-1", []]]) };
      assert.deepEqual(await world.answerOf(pruneVolumes(ports, never)), found());
      world.disks.delete(diskUri);
      assert.deepEqual(await world.answerOf(pruneVolumes(ports, never)), found({ pruned: 1 }));
    }));

  it("deletes the object of a retained disk that no longer exists", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await forget(world), found({ pruned: 1 }));
      assert.equal(isTerminating(world), true);
    }));

  it("deletes it though the API server refuses that of another", () =>
    withControllerPorts(async (world) => {
      const detail = aDetail({ diskUri: diskUri.replace("pvc-1", "pvc-2") });
      await world.given("AzVolume", aVolume());
      await world.given(
        "AzVolume",
        aVolume({ metadata: { name: "pvc-2", uid: "uid-pvc-2" }, status: { detail } }),
      );
      const failure = { kind: "ObjectInvalid", objectKind: "AzVolume", name: "pvc-1", problem: "" } as const;
      const store: ObjectStore = {
        ...world.ports.store,
        delete: (kind, name, premise, signal) =>
          name === "pvc-1"
            ? Promise.resolve(fail(failure))
            : world.ports.store.delete(kind, name, premise, signal),
      };
      assert.deepEqual(await forget(world, { store }), fail(failure));
      const deleted = world.ports.cache.get("AzVolume", "pvc-2");
      assert.ok(deleted === undefined || deleted.metadata.deletionTimestamp !== undefined);
    }));

  it("keeps the object while the disk exists", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await forget(world), found());
      assert.equal(isTerminating(world), false);
    }));

  it("keeps it while a volume of the cluster names the disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await forget(world, { clusterVolumes: aCluster([aClusterVolume()]) }), found());
      assert.equal(isTerminating(world), false);
    }));

  it("keeps it while an attachment refers to it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      assert.deepEqual(await forget(world), found());
    }));

  const records: readonly {
    readonly because: string;
    readonly record: VolumeStatus["record"];
  }[] = [
    { because: "a node writes it", record: aRecord({ writer: aWriter("node-a") }) },
    { because: "a node is being fenced", record: aRecord({ fencing: identity("node-a") }) },
    {
      because: "a node is in quarantine, and nothing is to be attached to it",
      record: aRecord({ quarantined: [identity("node-a")] }),
    },
    {
      because: "a node is not proven to be without it",
      record: aRecord({ unverified: [identity("node-a")] }),
    },
  ];
  for (const { because, record } of records) {
    it(`keeps what its record states: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume({ status: { record } }));
        assert.deepEqual(await forget(world), found());
      }));
  }

  it("keeps it where the disk is not listed but found, or can't be read", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const listDisks = async () => ok([]);
      const unauthorized = {
        kind: "CloudUnauthorized",
        code: "AuthorizationFailed",
        message: "",
        requestId: "r",
      } as const;
      for (const getDisk of [async () => ok(aDisk({ diskUri })), async () => fail(unauthorized)]) {
        assert.deepEqual(
          await forget(world, { cloud: { ...world.ports.cloud, listDisks, getDisk } }),
          found(),
        );
      }
    }));

  it("keeps it where a read does not find the disk, and its group may not be listed", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const denied = { kind: "CloudUnauthorized", code: "", message: "", requestId: "r" } as const;
      const listDisks = async () => fail(denied);
      const getDisk = async () => fail({ kind: "DiskNotFound", diskUri } as const);
      assert.deepEqual(await forget(world, { cloud: { ...world.ports.cloud, listDisks, getDisk } }), found());
      assert.notEqual(world.volume(), undefined);
    }));

  it("requeues where Azure can't list, and reads each disk of a group that is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const throttled = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" } as const;
      assert.deepEqual(
        await forget(world, { cloud: { ...world.ports.cloud, listDisks: async () => fail(throttled) } }),
        fail(throttled),
      );
      const gone = {
        kind: "CloudRejected",
        code: "ResourceGroupNotFound",
        message: "",
        requestId: "r",
      } as const;
      assert.deepEqual(
        await forget(world, {
          cloud: { ...world.ports.cloud, listDisks: async () => fail(gone), getDisk: async () => fail(gone) },
        }),
        found({ pruned: 1 }),
      );
    }));

  const own = aDisk({ diskUri, tags: driverTags(aVolume(), "cluster-1") });

  it("reports a disk of this cluster without PersistentVolume, and deletes nothing", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.clock.advance(3_600_000);
      assert.deepEqual(await findUnclaimed(world, [own]), [
        found({ unclaimed: 1 }),
        ["pvc-1 UnclaimedDisk"],
        1,
      ]);
      assert.match(
        world.emitted[0]?.message ?? "",
        /^no PersistentVolume names disk .*pvc-1 \(10 GiB, Premium_LRS\)$/u,
      );
      assert.equal(isTerminating(world), false);
      assert.deepEqual(await findUnclaimed(world, [own], [aClusterVolume()]), [
        found(),
        ["pvc-1 UnclaimedDisk"],
        0,
      ]);
    }));

  it("reports one that a clock has made in the future that was set back a day later", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const clock = world.ports.clock;
      const setBack: typeof clock = {
        nowMs: () => clock.nowMs() - 24 * 3_600_000,
        elapsedMs: () => clock.elapsedMs(),
        sleep: (ms, signal) => clock.sleep(ms, signal),
      };
      const cloud = { ...world.ports.cloud, listDisks: async () => ok([own]) };
      const answer = await forget(world, { cloud, clock: setBack, clusterVolumes: aCluster([]) });
      assert.deepEqual(answer, found({ unclaimed: 1 }));
    }));

  const others: readonly { readonly because: string; readonly disk: DiskFacts; readonly ageMs: number }[] = [
    {
      because: "another cluster made it",
      disk: aDisk({ diskUri, tags: driverTags(aVolume(), "cluster-2") }),
      ageMs: 3_600_000,
    },
    { because: "no tag names the cluster that made it", disk: aDisk({ diskUri }), ageMs: 3_600_000 },
    { because: "CreateVolume may still run", disk: own, ageMs: 3_500_000 },
  ];
  for (const { because, disk, ageMs } of others) {
    it(`does not report a disk: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume());
        await world.clock.advance(ageMs);
        assert.deepEqual(await findUnclaimed(world, [disk]), [found(), [], 1]);
      }));
  }

  it("reports none where the orchestrator does not list volumes", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.clock.advance(3_600_000);
      const cloud = { ...world.ports.cloud, listDisks: async () => ok([own]) };
      assert.deepEqual([await forget(world, { cloud }), world.emitted], [found(), []]);
    }));
});
