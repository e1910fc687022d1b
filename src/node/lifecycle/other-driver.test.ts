import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { NodeDriver } from "../../core/writer/judge-other-drivers.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import { type OtherDriverWatch, watchOtherDrivers } from "./other-driver.ts";

const NAME = "disk.csi.azure.com";

interface World {
  /** The CSINode's drivers; undefined: the API server does not answer. */
  drivers: readonly NodeDriver[] | undefined;
  reads: number;
  readonly emitted: string[];
}

const named = (nodeId: string): NodeDriver => ({ name: NAME, nodeId, volumesMax: 4 });

/** Runs `act` beside the watch; `pass` lets virtual time pass. */
async function whileWatched(
  act: (world: World, watch: OtherDriverWatch, pass: (ms: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const world: World = { drivers: [named("node-a")], reads: 0, emitted: [] };
  const ownNode: OwnNode = {
    read: async () => ok(undefined),
    replaceTaints: async () => ok(undefined),
    drivers: async () => {
      world.reads += 1;
      return world.drivers === undefined
        ? fail({ kind: "StoreUnavailable", detail: "no answer" })
        : ok(world.drivers);
    },
  };
  const events = {
    emit: (event: { readonly about: { readonly name: string }; readonly message: string }): void =>
      void world.emitted.push(event.message),
  };
  const watch = watchOtherDrivers({
    ownNode,
    nodeName: "node-a",
    driverName: NAME,
    events,
    logger: silentLogger,
  });
  const clock = createVirtualClock();
  const loop = new ControlLoop(watch.reconciler ?? assert.fail("there is a CSINode to read"), {
    clock,
    random: createSeededRandom(1),
    logger: silentLogger,
  });
  const life = new AbortController();
  const running = loop.run(life.signal);
  loop.queue.add("node");
  try {
    await act(world, watch, (ms) => clock.advance(ms));
  } finally {
    life.abort();
    await running;
  }
}

describe("watchOtherDrivers", () => {
  it("reads the CSINode once in five minutes where there is no other driver", () =>
    whileWatched(async (world, watch, pass) => {
      await pass(900_000);
      assert.deepEqual({ why: watch.why(), emitted: world.emitted }, { why: undefined, emitted: [] });
      assert.ok(world.reads >= 3 && world.reads <= 4, String(world.reads));
    }));

  it("reports that another driver has the node, and within ten seconds that it is gone", () =>
    whileWatched(async (world, watch, pass) => {
      world.drivers = [named("vm-1")];
      await pass(300_000);
      assert.match(watch.why() ?? "", /node id "vm-1" for disk\.csi\.azure\.com/u);
      assert.match(
        world.emitted[0] ?? "",
        /^no volume is staged on node-a: CSINode node-a has node id "vm-1"/u,
      );
      world.drivers = [named("node-a")];
      await pass(11_000);
      assert.equal(watch.why(), undefined);
    }));

  it("keeps the last state while the API server does not respond", () =>
    whileWatched(async (world, watch, pass) => {
      world.drivers = [named("vm-1")];
      await pass(300_000);
      world.drivers = undefined;
      await pass(60_000);
      assert.notEqual(watch.why(), undefined);
    }));

  it("checks the registration socket as well, since V1 has the same node id in CSINode", () =>
    whileWatched(async (world, watch, pass) => {
      await pass(1_000);
      watch.onSocketTaken("another process serves /reg.sock");
      assert.equal(watch.why(), "another process serves /reg.sock");
      assert.deepEqual(world.emitted, ["no volume is staged on node-a: another process serves /reg.sock"]);
      watch.onSocketTaken(undefined);
      assert.equal(watch.why(), undefined);
    }));

  it("has no CSINode to read where there is no Kubernetes", () => {
    const events = { emit: () => undefined };
    assert.equal(
      watchOtherDrivers({
        ownNode: undefined,
        nodeName: "node-a",
        driverName: NAME,
        events,
        logger: silentLogger,
      }).reconciler,
      undefined,
    );
  });
});
