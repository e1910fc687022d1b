import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Registry } from "prom-client";
import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import { createLoopMetrics } from "../../adapters/observe/loop-metrics.ts";
import { readCommandLine } from "../../cli/read-command-line.ts";
import { withControllerPorts } from "../../controller/testing/a-controller.ts";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import { defaultDriverName } from "../../core/api/driver-name.ts";
import { createFakeSnapshots } from "../../csi/testing/fake-snapshots.ts";
import type { Logger } from "../../ports/logger.ts";
import { addControllerService, controllerServiceOptions } from "./controller-service.ts";

describe("--trust-nodes-without-provider-id", () => {
  const flag = "--trust-nodes-without-provider-id";
  for (const { because, flags, trustsUnnamedVms, warned } of [
    { because: "on Kubernetes", flags: [flag], trustsUnnamedVms: false, warned: [flag] },
    { because: "where it is not set", flags: [], trustsUnnamedVms: false, warned: [] },
    { because: "where no node has a token", flags: [flag], trustsUnnamedVms: true, warned: [] },
  ])
    it(`is warned of ${warned.length} times ${because}`, () =>
      withControllerPorts(async ({ ports }) => {
        const settings: unknown[] = [];
        const logger: Logger = {
          ...silentLogger,
          warn: (_message, fields) => settings.push(fields?.["setting"]),
        };
        const server = { add: () => server as never };
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
        addControllerService(server, parts, command.values, {
          ...ports,
          loops: createLoopMetrics(registry),
          logger,
          registry,
          lifetime,
        });
        assert.deepEqual(settings, warned);
      }));
});
