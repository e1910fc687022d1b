import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../core/failure/result.ts";
import type { NodePlugin } from "../core/writer/judge-other-drivers.ts";
import type { DriverEvent } from "../ports/cluster/events.ts";
import { silentLogger } from "../ports/testing/silent-logger.ts";
import { type OtherDriverFacts, watchOtherDrivers } from "./watch-other-drivers.ts";

const never = new AbortController().signal;
const LEASE = "kube-system/external-snapshotter-leader-disk-csi-azure-com";
const foreign: NodePlugin = {
  pod: "v1/x",
  nodeName: "node-a",
  daemonSet: "v1/csi-azuredisk-node",
  driverName: "disk.csi.azure.com",
};

interface World {
  plugins: readonly NodePlugin[];
  lease: Awaited<ReturnType<OtherDriverFacts["readLease"]>>;
}

function aWatch(daemonSet: string | undefined) {
  const world: World = { plugins: [], lease: ok(undefined) };
  const emitted: DriverEvent[] = [];
  const clock = createVirtualClock();
  const facts = {
    daemonSets: daemonSet === undefined ? undefined : [daemonSet],
    nodePlugins: () => world.plugins,
    leaseName: LEASE,
    readLease: async () => world.lease,
  };
  const watch = watchOtherDrivers(facts, {
    clock,
    events: { emit: (event) => void emitted.push(event) },
    logger: silentLogger,
  });
  return { world, emitted, clock, why: watch.why, look: () => watch.reconciler.reconcile("cluster", never) };
}

describe("watchOtherDrivers", () => {
  it("reports another driver's pod on the Lease at once, and its end at once", async () => {
    const { world, emitted, why, look } = aWatch("kube-system/csi-azuredisk-node");
    assert.equal(why(), undefined);
    world.plugins = [foreign];
    assert.match(why() ?? "", /^pod v1\/x of DaemonSet v1\/csi-azuredisk-node/u);
    assert.deepEqual(await look(), ok({ requeueAfterMs: 15_000 }));
    assert.deepEqual(
      emitted.map(({ about, reason }) => ({ about, reason })),
      [{ about: { kind: "Lease", name: "disk-csi-azure-com-controller" }, reason: "OtherDriver" }],
    );
    world.plugins = [];
    assert.equal(why(), undefined);
  });

  it("ignores pods where its own DaemonSet is not known", () => {
    const { world, why } = aWatch(undefined);
    world.plugins = [foreign];
    assert.equal(why(), undefined);
  });

  it("detects a controller by its renewed Lease, also while reads of the Lease fail", async () => {
    const { world, clock, why, look } = aWatch("kube-system/csi-azuredisk-node");
    world.lease = ok({ holder: "v1", version: "1" });
    await look();
    assert.equal(why(), undefined, "V1 may have left it behind");
    await clock.advance(15_000);
    world.lease = ok({ holder: "v1", version: "2" });
    await look();
    assert.match(why() ?? "", new RegExp(`^Lease ${LEASE} is renewed by v1`, "u"));
    const unreachable = fail({ kind: "StoreUnavailable", detail: "no answer" } as const);
    world.lease = unreachable;
    await clock.advance(15_000);
    assert.deepEqual(await look(), unreachable);
    assert.notEqual(why(), undefined);
    await clock.advance(45_000);
    assert.equal(why(), undefined);
  });
});
