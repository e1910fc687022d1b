import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aRecord, aReplica, aVolume, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ClusterVolume } from "../../ports/cluster/cluster-volumes.ts";
import { driverTags } from "../disk/disk-tags.ts";
import { aCluster, aClusterVolume } from "../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { forgetVolumes, type UnnamedVolumes } from "./prune-volumes.ts";

const never = new AbortController().signal;

/** On a platform that lists the disks that there are. */
function forget(
  world: ReconcileWorld,
  ports: Partial<ReconcileWorld["ports"]> = {},
): ReturnType<typeof forgetVolumes> {
  const listDisks = async () => ok([...world.disks].map((uri) => aDisk({ diskUri: uri })));
  return world.answerOf(
    forgetVolumes({ ...world.ports, cloud: { ...world.ports.cloud, listDisks }, ...ports }, never),
  );
}

const found = (differing: Partial<UnnamedVolumes> = {}): ReturnType<typeof ok<UnnamedVolumes>> =>
  ok({ forgotten: 0, unclaimed: 0, ...differing });

/**
 * On a cluster that has no PersistentVolume, whose Azure lists these disks; answers what was found and what
 * people were told.
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
  return [answer, world.told.map(({ about, reason }) => `${about.name} ${reason}`), lists];
}

const isLeaving = (world: ReconcileWorld): boolean =>
  world.volume()?.metadata.deletionTimestamp !== undefined;

describe("forgetVolumes", () => {
  it("deletes the object of a disk that was kept and is gone by now: nobody would ever ask for that", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await forget(world), found({ forgotten: 1 }));
      assert.equal(isLeaving(world), true);
    }));

  it("keeps the object while the disk is there", () =>
    withControllerPorts(async (world) => {
      world.disks.add(diskUri);
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await forget(world), found());
      assert.equal(isLeaving(world), false);
    }));

  it("keeps it while a volume of the cluster's names the disk: its user is to be told that it is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      assert.deepEqual(await forget(world, { clusterVolumes: aCluster([aClusterVolume()]) }), found());
      assert.equal(isLeaving(world), false);
    }));

  it("keeps it while an attachment is about it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.given("AzVolumeAttachment", aReplica("node-a"));
      assert.deepEqual(await forget(world), found());
    }));

  const records: readonly {
    readonly because: string;
    readonly record: NonNullable<AzVolume["status"]>["record"];
  }[] = [
    { because: "a node writes it", record: aRecord({ writer: aWriter("node-a") }) },
    { because: "a node is being cut off", record: aRecord({ fencing: identity("node-a") }) },
    {
      because: "a node may have a dead mount, and nothing is to be attached to it",
      record: aRecord({ quarantine: [identity("node-a")] }),
    },
    { because: "a node is not proven to be off it", record: aRecord({ unverified: [identity("node-a")] }) },
  ];
  for (const { because, record } of records) {
    it(`keeps what its record says: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume({ status: { record } }));
        assert.deepEqual(await forget(world), found());
      }));
  }

  it("keeps it where the disk is not listed but found, or can't be asked for", () =>
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

  it("comes again where Azure can't list just now, and asks for each disk of a group that is gone", () =>
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
        await forget(world, { cloud: { ...world.ports.cloud, listDisks: async () => fail(gone) } }),
        found({ forgotten: 1 }),
      );
    }));

  const own = aDisk({ diskUri, tags: driverTags(aVolume(), "cluster-1") });

  it("reports a disk of this cluster that no PersistentVolume names, with the list that it makes anyway, and deletes nothing", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.clock.advance(3_600_000);
      assert.deepEqual(await findUnclaimed(world, [own]), [
        found({ unclaimed: 1 }),
        ["pvc-1 UnclaimedDisk"],
        1,
      ]);
      assert.match(
        world.told[0]?.message ?? "",
        /^no PersistentVolume names disk .*pvc-1 \(10 GiB, Premium_LRS\)$/u,
      );
      assert.equal(isLeaving(world), false);
      assert.deepEqual(await findUnclaimed(world, [own], [aClusterVolume()]), [
        found(),
        ["pvc-1 UnclaimedDisk"],
        0,
      ]);
    }));

  const others: readonly { readonly because: string; readonly disk: DiskFacts; readonly ageMs: number }[] = [
    {
      because: "another cluster made it",
      disk: aDisk({ diskUri, tags: driverTags(aVolume(), "cluster-2") }),
      ageMs: 3_600_000,
    },
    { because: "no cluster says that it made it", disk: aDisk({ diskUri }), ageMs: 3_600_000 },
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

  it("reports none where no orchestrator says which volumes there are", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.clock.advance(3_600_000);
      const cloud = { ...world.ports.cloud, listDisks: async () => ok([own]) };
      assert.deepEqual([await forget(world, { cloud }), world.told], [found(), []]);
    }));
});
