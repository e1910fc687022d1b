import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { restoreLostRegistration } from "./lost-registration.ts";

const NAME = "disk.csi.azure.com";

interface World {
  /** What the CSINode names; undefined: the API server does not answer. */
  drivers: readonly string[] | undefined;
  hasNode: boolean;
  whyNotRegistered: string | undefined;
  /** How often the plug-in was registered once more. */
  repeated: number;
  reads: number;
}

/** Runs `act` beside the loop; `pass` lets virtual time pass. */
async function whileWatched(
  given: Partial<World>,
  act: (world: World, pass: (ms: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const world: World = {
    drivers: ["file.csi.azure.com", NAME],
    hasNode: true,
    whyNotRegistered: undefined,
    repeated: 0,
    reads: 0,
    ...given,
  };
  const ownNode: OwnNode = {
    read: async () =>
      ok(world.hasNode ? { labels: {}, taints: [], isShuttingDown: false, volumeIds: [] } : undefined),
    replaceTaints: async () => ok(undefined),
    drivers: async () => {
      world.reads += 1;
      return world.drivers === undefined
        ? fail({ kind: "StoreUnavailable", detail: "no answer" })
        : ok(world.drivers.map((name) => ({ name, nodeId: "node-a", volumesMax: 4 })));
    },
  };
  const registration = {
    whyNotRegistered: () => world.whyNotRegistered,
    registerAgain: () => void world.repeated++,
  };
  const clock = createVirtualClock();
  const life = new AbortController();
  const running = restoreLostRegistration(
    {
      ownNode,
      registration,
      nodeName: "node-a",
      driverName: NAME,
      clock,
      random: createSeededRandom(1),
      logger: silentLogger,
    },
    life.signal,
  );
  try {
    await act(world, (ms) => clock.advance(ms));
  } finally {
    life.abort();
    await running;
  }
}

describe("restoreLostRegistration", () => {
  it("reads the CSINode every five minutes, and does nothing while it names the driver", () =>
    whileWatched({}, async (world, pass) => {
      await pass(900_000);
      assert.equal(world.repeated, 0);
      assert.ok(world.reads >= 3 && world.reads <= 4, String(world.reads));
    }));

  it("registers again where two looks miss the driver, or the whole CSINode", async () => {
    for (const drivers of [["file.csi.azure.com"], []])
      await whileWatched({}, async (world, pass) => {
        await pass(1_000);
        world.drivers = drivers;
        await pass(320_000);
        assert.equal(world.repeated, 1);
        world.drivers = [NAME];
        await pass(900_000);
        assert.equal(world.repeated, 1);
      });
  });

  it("does so every five minutes at most", () =>
    whileWatched({ drivers: [] }, async (world, pass) => {
      await pass(900_000);
      assert.ok(world.repeated >= 2 && world.repeated <= 3, String(world.repeated));
    }));

  it("does nothing where the kubelet is just registering the driver", () =>
    whileWatched({ drivers: [] }, async (world, pass) => {
      await pass(1_000);
      world.drivers = [NAME];
      await pass(900_000);
      assert.equal(world.repeated, 0);
    }));

  it("does nothing while the plug-in is not registered, or there is no Node", async () => {
    for (const given of [{ whyNotRegistered: "refused" }, { hasNode: false }])
      await whileWatched({ drivers: [], ...given }, async (world, pass) => {
        await pass(900_000);
        assert.equal(world.repeated, 0);
      });
  });

  it("does nothing while the API server does not answer, and looks again soon", () =>
    whileWatched({ drivers: undefined }, async (world, pass) => {
      await pass(60_000);
      assert.equal(world.repeated, 0);
      world.drivers = [];
      await pass(320_000);
      assert.equal(world.repeated, 1);
    }));
});
