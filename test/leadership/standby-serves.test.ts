import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultElectionSettings } from "../../src/core/election/plan-candidacy.ts";
import { aCall } from "../../src/csi/testing/a-call.ts";
import { aCreateVolumeRequest, aMountCapability } from "../../src/csi/testing/requests.ts";
import { type ControllerProcess, type ControllersWorld, withControllers } from "./controllers-world.ts";

const GIB = 1024n ** 3n;

/** The leader, and the standby. */
async function twoControllers(
  world: ControllersWorld,
): Promise<{ readonly leader: ControllerProcess; readonly standby: ControllerProcess }> {
  const leader = world.start("controller-1");
  await world.until("a leader", () => leader.isLeading());
  const standby = world.start("controller-2");
  for (const nodeName of ["node-a", "node-b"]) await world.addNode(nodeName);
  await world.clock.advance(5_000);
  assert.deepEqual([leader.isLeading(), standby.isLeading()], [true, false]);
  return { leader, standby };
}

async function created(
  world: ControllersWorld,
  { csi }: ControllerProcess,
  name: string,
  maxShares: number,
): Promise<string> {
  const topology = [{ segments: { "topology.disk.csi.azure.com/zone": "eastus-1" } }];
  const request = aCreateVolumeRequest({
    name,
    parameters: { skuName: "Premium_LRS", maxShares: String(maxShares) },
    accessibilityRequirements: { requisite: topology, preferred: topology },
  });
  const { volume } = await world.served(() => csi.createVolume(request, aCall()));
  return volume?.volumeId ?? assert.fail("no volume");
}

function publish(
  world: ControllersWorld,
  { csi }: ControllerProcess,
  volumeId: string,
  nodeId: string,
): Promise<{ readonly publishContext: object }> {
  const request = {
    volumeId,
    nodeId,
    volumeCapability: aMountCapability(),
    readonly: false,
    secrets: {},
    volumeContext: {},
  };
  return world.served(() => csi.controllerPublishVolume(request, aCall()));
}

function unpublish(
  world: ControllersWorld,
  { csi }: ControllerProcess,
  volumeId: string,
  nodeId: string,
): Promise<object> {
  return world.served(() => csi.controllerUnpublishVolume({ volumeId, nodeId, secrets: {} }, aCall()));
}

/** A volume's whole lifecycle, with each call to the process that `serves` it. */
async function live(
  world: ControllersWorld,
  name: string,
  maxShares: number,
  serves: () => ControllerProcess,
): Promise<void> {
  const volumeId = await created(world, serves(), name, maxShares);
  assert.deepEqual(await publish(world, serves(), volumeId, "node-a"), { publishContext: { epoch: "1" } });
  await world.until("the attach", () => world.disksOn("node-a").includes(name));
  await unpublish(world, serves(), volumeId, "node-a");
  assert.deepEqual(await publish(world, serves(), volumeId, "node-b"), { publishContext: { epoch: "2" } });
  await world.until("the attach", () => world.disksOn("node-b").includes(name));
  const { entries } = await world.served(() =>
    serves().csi.listVolumes({ maxEntries: 0, startingToken: "" }, aCall()),
  );
  assert.deepEqual(
    entries.map(({ volume, status }) => [volume?.volumeId, status?.publishedNodeIds]),
    [[volumeId, ["node-b"]]],
  );
  await unpublish(world, serves(), volumeId, "node-b");
  const size = { requiredBytes: 20n * GIB, limitBytes: 0n };
  const { capacityBytes } = await world.served(() =>
    serves().csi.controllerExpandVolume(
      { volumeId, capacityRange: size, secrets: {}, volumeCapability: aMountCapability() },
      aCall(),
    ),
  );
  assert.equal(capacityBytes, 20n * GIB);
  await world.served(() => serves().csi.deleteVolume({ volumeId, secrets: {} }, aCall()));
  assert.deepEqual([world.disksOn("node-a"), world.disksOn("node-b")], [[], []]);
  assert.deepEqual(
    [world.simulated.objects("AzVolume"), world.simulated.objects("AzVolumeAttachment")],
    [[], []],
  );
}

describe("two controllers on one store", () => {
  for (const maxShares of [1, 3]) {
    it(`a volume of ${maxShares} shares lives its whole life by calls to the standby`, () =>
      withControllers(async (world) => {
        const { leader, standby } = await twoControllers(world);
        await live(world, "pvc-1", maxShares, () => standby);
        assert.ok(leader.isLeading());
        // The standby's service only wrote requests: the leader moved every disk and granted every volume.
        const moves = world.commits.filter(
          ({ by, kind, verb }) =>
            by === standby.name && kind === "AzVolumeAttachment" && verb === "updateStatus",
        );
        assert.deepEqual(moves, []);
      }));

    it(`a volume of ${maxShares} shares lives its whole life by calls to both in turn`, () =>
      withControllers(async (world) => {
        const { leader, standby } = await twoControllers(world);
        let calls = 0;
        await live(world, "pvc-1", maxShares, () => {
          calls += 1;
          return calls % 2 === 0 ? leader : standby;
        });
      }));
  }

  it("a call that waits on the standby is served by the next leader", () =>
    withControllers(async (world) => {
      const { leader, standby } = await twoControllers(world);
      const volumeId = await created(world, standby, "pvc-1", 1);
      leader.pause();
      const publishing = publish(world, standby, volumeId, "node-a");
      assert.deepEqual(await publishing, { publishContext: { epoch: "1" } });
      assert.ok(standby.isLeading());
      leader.resume();
      await world.until("the attach", () => world.disksOn("node-a").includes("pvc-1"));
      await world.clock.advance(defaultElectionSettings.leaseDurationMs * 2);
      assert.deepEqual([leader.isLeading(), standby.isLeading()], [false, true]);
      await unpublish(world, leader, volumeId, "node-a");
      await world.served(() => leader.csi.deleteVolume({ volumeId, secrets: {} }, aCall()));
    }));

  it("the successor of a leader that loses its Lease finishes the attach in progress", () =>
    withControllers(async (world) => {
      const { leader, standby } = await twoControllers(world);
      const { settings } = world.model.world;
      world.model.world.settings = {
        ...settings,
        latencies: { ...settings.latencies, attach: { medianMs: 60_000, p99Ms: 60_000 } },
      };
      const volumeId = await created(world, standby, "pvc-1", 1);
      await publish(world, standby, volumeId, "node-a");
      await world.until(
        "the attach to begin",
        () => world.simulated.objects("AzVolumeAttachment")[0]?.status?.state === "Attaching",
      );
      await world.clock.advance(1_000);
      leader.pause();
      await world.until("the successor", () => standby.isLeading());
      leader.resume();
      await world.until(
        "the attach",
        () => world.simulated.objects("AzVolumeAttachment")[0]?.status?.state === "Attached",
      );
      const by = world.commits
        .filter(({ kind, verb }) => kind === "AzVolumeAttachment" && verb === "updateStatus")
        .map((commit) => commit.by);
      assert.equal(by.at(-1), standby.name);
      assert.deepEqual(world.disksOn("node-a"), ["pvc-1"]);
      await unpublish(world, standby, volumeId, "node-a");
      await world.served(() => standby.csi.deleteVolume({ volumeId, secrets: {} }, aCall()));
    }));
});
