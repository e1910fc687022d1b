import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Registry } from "prom-client";
import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import { createLoopMetrics } from "../../adapters/observe/metrics.ts";
import { readCommandLine } from "../../cli/read-command-line.ts";
import { type ReconcileWorld, withControllerPorts } from "../../controller/testing/a-controller.ts";
import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import { defaultDriverName } from "../../core/api/driver-name.ts";
import { aVolume } from "../../core/testing/objects.ts";
import { createFakeSnapshots } from "../../csi/testing/fake-snapshots.ts";
import type { Logger } from "../../ports/logger.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { addControllerService, controllerServiceOptions } from "./controller-service.ts";

/** A controller service on the world's ports, as a role adds it: its registry, and its run. */
function serviceOn(
  { ports }: ReconcileWorld,
  {
    flags = [],
    trustsUnnamedVms = true,
    logger = silentLogger,
  }: { readonly flags?: readonly string[]; readonly trustsUnnamedVms?: boolean; readonly logger?: Logger },
) {
  const parts = {
    ...ports,
    snapshots: createFakeSnapshots(),
    driverName: defaultDriverName,
    leaseStore: ports.store,
    clusterVolumes: noClusterVolumes,
    volumes: ports.settings,
    trustsUnnamedVms,
    isAlone: true,
  };
  const command = readCommandLine(
    { name: "controller", usage: "", options: controllerServiceOptions },
    flags,
  );
  assert.ok(command.kind === "Run");
  const lifetime = new AbortController().signal;
  const registry = new Registry();
  const run = addControllerService({ add: () => ({}) as never }, parts, command.values, {
    ...ports,
    loops: createLoopMetrics(registry),
    logger,
    registry,
    lifetime,
  });
  return { registry, run };
}

describe("--trust-nodes-without-provider-id", () => {
  const flag = "--trust-nodes-without-provider-id";
  for (const { because, flags, trustsUnnamedVms, warned } of [
    { because: "on Kubernetes", flags: [flag], trustsUnnamedVms: false, warned: [flag] },
    { because: "where it is not set", flags: [], trustsUnnamedVms: false, warned: [] },
    { because: "where no node has a token", flags: [flag], trustsUnnamedVms: true, warned: [] },
  ])
    it(`is warned of ${warned.length} times ${because}`, () =>
      withControllerPorts(async (world) => {
        const settings: unknown[] = [];
        const logger: Logger = {
          ...silentLogger,
          warn: (_message, fields) => settings.push(fields?.["setting"]),
        };
        serviceOn(world, { flags, trustsUnnamedVms, logger });
        assert.deepEqual(settings, warned);
      }));
});

describe("gauges of the leader", () => {
  it("have values only while it leads, and show a node that falls silent", () =>
    withControllerPorts(async (world) => {
      const { clock, ports } = world;
      await world.given("AzVolume", aVolume());
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzDriverNode", aDriverNode("node-b"));
      const { registry, run } = serviceOn(world, {});
      const values = async (): Promise<readonly string[]> =>
        (await registry.metrics())
          .split("\n")
          .filter((line) => /^azuredisk_(?:controller_is_leader|volumes|nodes)\b/u.test(line));
      assert.deepEqual(await values(), ["azuredisk_controller_is_leader 0"]);

      const ending = new AbortController();
      const running = run(ending.signal);
      await clock.advance(1_000);
      assert.deepEqual(await values(), [
        "azuredisk_controller_is_leader 1",
        'azuredisk_volumes{state="Created"} 1',
        'azuredisk_nodes{state="ready"} 2',
      ]);
      await clock.advance(ports.settings.heartbeatStaleMs);
      await world.beat("node-b");
      assert.deepEqual((await values()).slice(2), [
        'azuredisk_nodes{state="silent"} 1',
        'azuredisk_nodes{state="ready"} 1',
      ]);

      ending.abort();
      await world.answerOf(running);
      assert.deepEqual(await values(), ["azuredisk_controller_is_leader 0"]);
    }));
});
