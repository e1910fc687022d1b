import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aDetail, agoMs, aRecord, aVolume, diskUri, identity } from "../../core/testing/objects.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { recoverVolumes } from "../adoption/recover-volumes.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { driverTags } from "./disk-tags.ts";

type Tags = Readonly<Record<string, string>>;

const never = new AbortController().signal;
const UID = "disk.csi.azure.com-uid";
const CLUSTER_ID = "disk.csi.azure.com-cluster-id";
const VOLUME_NAME = "disk.csi.azure.com-volume-name";
const QUARANTINED = "disk.csi.azure.com-quarantined-0";
const formatted = { fsType: "ext4", nodeName: "node-b", time: agoMs(60_000) };
const detail = aDetail({ isMadeForObject: true });
const made = aVolume({ status: { detail, record: aRecord() } });
const quarantined = aVolume({
  status: {
    detail: { ...detail, formatted },
    record: aRecord({ quarantined: [identity("node-b")], epoch: 3 }),
  },
});
const noRoom: Failure = { kind: "InvalidArgument", field: "tags", value: "51", problem: "Azure allows 50" };

/** Recovers with a disk that is listed with `tags` and has `now` since then; returns its last tags. */
async function tagsAfter(
  world: ReconcileWorld,
  given: {
    readonly volume?: AzVolume;
    readonly tags: Tags;
    readonly now?: Tags;
    readonly failure?: Failure;
  },
): Promise<{ readonly tags: Tags; readonly writes: number }> {
  if (given.volume !== undefined) await world.given("AzVolume", given.volume);
  const listed = aDisk({ tags: given.tags });
  let tags: Tags = given.now ?? given.tags;
  let writes = 0;
  const cloud: CloudProvisioner = {
    ...world.ports.cloud,
    listDisks: async ({ resourceGroup }) => ok(resourceGroup === undefined ? [listed] : []),
    tagDisk: async ({ tags: changes, isToBeTagged = () => true, precondition }, signal) => {
      if (!isToBeTagged(tags) || !(await precondition(signal))) return fail({ kind: "Refused", diskUri });
      if (given.failure !== undefined) return fail(given.failure);
      writes += 1;
      tags = { ...tags, ...(changes as Tags) };
      return ok(undefined);
    },
  };
  assert.deepEqual(await world.answerOf(recoverVolumes({ ...world.ports, cloud }, never)), ok(0));
  return { tags, writes };
}

/** The tags from the creation of the disk; the store has given the object another uid. */
const ownOf = (world: ReconcileWorld): Tags =>
  driverTags(world.volume() ?? assert.fail("no volume"), "cluster-1");

describe("the tags by which a disk is known as its volume's", () => {
  it("are written again where another tool has replaced all tags", () =>
    withControllerPorts(async (world) => {
      const { tags } = await tagsAfter(world, { volume: made, tags: { owner: "terraform" } });
      assert.deepEqual(tags, { owner: "terraform", ...ownOf(world) });
    }));

  for (const [what, before, rebuilt] of [
    ["replaced tags", { owner: "terraform" }, 0],
    ["tags written again", undefined, 1],
  ] as const)
    it(`rebuild ${rebuilt} volumes after a loss of all objects: ${what}`, () =>
      withControllerPorts(async (world) => {
        const volume = { ...made, metadata: { ...made.metadata, finalizers: [] } };
        const { tags } = await tagsAfter(world, { volume, tags: { owner: "terraform" } });
        assert.ok((await world.other.delete("AzVolume", "pvc-1", {}, never)).ok);
        await world.answerOf(world.clock.sleep(1_000, never));
        const disk = aDisk({ tags: before ?? tags });
        const cloud = {
          ...world.ports.cloud,
          listDisks: async () => ok([disk]),
          getDisk: async () => ok(disk),
        };
        const recovered = await world.answerOf(recoverVolumes({ ...world.ports, cloud }, never));
        assert.deepEqual(recovered, ok(rebuilt));
      }));

  it("are written with the state, without which the disk would pass for a new one", () =>
    withControllerPorts(async (world) => {
      const { tags, writes } = await tagsAfter(world, { volume: quarantined, tags: {} });
      assert.equal(writes, 1);
      assert.equal(tags[UID], ownOf(world)[UID]);
      assert.match(tags[QUARANTINED] ?? "", /node-b/u);
      assert.match(tags["disk.csi.azure.com-formatted"] ?? "", /ext4/u);
    }));

  it("cost no request while they are there, whatever the other tags", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", made);
      const tags = { ...ownOf(world), owner: "terraform", "disk.csi.azure.com-replicas": "7" };
      assert.deepEqual(await tagsAfter(world, { tags }), { tags, writes: 0 });
      assert.deepEqual(world.emitted, []);
    }));

  for (const [tag, value] of [
    [CLUSTER_ID, "cluster-2"],
    [UID, "another"],
    [VOLUME_NAME, "pvc-2"],
    ["k8s-azure-created-by", "someone"],
  ] as const) {
    it(`stay as they are, with an event, where ${tag} is another owner's`, () =>
      withControllerPorts(async (world) => {
        const tags = { [tag]: value };
        assert.deepEqual(await tagsAfter(world, { volume: made, tags }), { tags, writes: 0 });
        assert.deepEqual(
          world.emitted.map(({ about, reason }) => [about.name, reason]),
          [["pvc-1", "DiskTagsDiffer"]],
        );
        assert.match(world.emitted[0]?.message ?? "", new RegExp(`${tag} .* is "${value}"`, "u"));
      }));
  }

  it("stay as they are where they became another cluster's after the list", () =>
    withControllerPorts(async (world) => {
      const now = { [CLUSTER_ID]: "cluster-2" };
      assert.deepEqual(await tagsAfter(world, { volume: made, tags: {}, now }), { tags: now, writes: 0 });
    }));

  it("are not written on a disk that was not made for the object", () =>
    withControllerPorts(async (world) => {
      const volume = aVolume({
        status: { detail: aDetail(), record: aRecord({ defaultAccess: "quarantined" }) },
      });
      assert.deepEqual(await tagsAfter(world, { volume, tags: {} }), { tags: {}, writes: 0 });
    }));

  it("are not written on the disk of a volume that is being deleted", () =>
    withControllerPorts(async (world) => {
      const spec = { ...made.spec, deleteRequested: true };
      assert.equal((await tagsAfter(world, { volume: { ...made, spec }, tags: {} })).writes, 0);
    }));

  it("are reported where Azure refuses them, without delay for other work", () =>
    withControllerPorts(async (world) => {
      await tagsAfter(world, { volume: made, tags: {}, failure: noRoom });
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["StateNotKept"],
      );
    }));
});
