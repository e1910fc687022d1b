import { join } from "node:path";
import { Registry } from "prom-client";
import type { Lab } from "../../demo/lab/lab.ts";
import { createClusterNodeVolumeUsers } from "../../src/adapters/embedded/cluster-node-volume-users.ts";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { createLogEvents } from "../../src/adapters/observe/log-events.ts";
import { createLoopMetrics } from "../../src/adapters/observe/metrics.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { readCommandLine } from "../../src/cli/read-command-line.ts";
import { CONTROLLER_KINDS } from "../../src/compose/assemble-controller.ts";
import { connectCloud } from "../../src/compose/connect/connect-cloud.ts";
import { createCsiServer, listen } from "../../src/compose/connect/grpc.ts";
import {
  addControllerService,
  controllerServiceOptions,
} from "../../src/compose/roles/controller-service.ts";
import type { ProcessPorts } from "../../src/compose/roles/run-role.ts";
import { detachOptions } from "../../src/compose/settings/detach-options.ts";
import { azureOptions } from "../../src/compose/settings/process-options.ts";
import { volumeOptions } from "../../src/compose/settings/volume-options.ts";
import { untilEnded } from "../../src/compose/until-aborted.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import { noSteps } from "../../src/csi/testing/no-steps.ts";
import { followStore } from "../../src/objects/cache/follow-store.ts";
import type { CloudProvisioner } from "../../src/ports/cloud/cloud-provisioner.ts";
import type { ClusterVolumes } from "../../src/ports/cluster/cluster-volumes.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { LeaseHighWaterMark } from "../../src/runtime/election/lease-high-water-mark.ts";

const options = { ...azureOptions, ...detachOptions, ...controllerServiceOptions, ...volumeOptions } as const;

/** The lab's Azure through an earlier driver's client: for a test's manual changes. */
export interface AzureByHand extends CloudProvisioner {
  close(): Promise<void>;
}

/** The lab's Azure. */
export async function azureOf(lab: Lab): Promise<AzureByHand> {
  const ending = new AbortController();
  const cloud = await connectCloud(valuesOf(lab, []), portsOf(ending.signal));
  return {
    ...cloud,
    close: async () => {
      ending.abort();
      await cloud.drained();
    },
  };
}

/**
 * Runs the lab's controller within this process, instead of the lab's own, so that the test can supply the
 * cluster's knowledge. Returns a function that stops it.
 */
export async function startControllerHere(
  lab: Lab,
  clusterVolumes: ClusterVolumes,
  flags: readonly string[] = [],
): Promise<() => Promise<void>> {
  const values = valuesOf(lab, ["--leader-election=none", ...flags]);
  const ending = new AbortController();
  const ports = portsOf(ending.signal);
  const leaseHighWaterMark = new LeaseHighWaterMark();
  const cloud = await connectCloud(values, ports, leaseHighWaterMark);
  const embedded = connectEmbeddedStore({
    socketPath: join(lab.directory, "store.sock"),
    clock: systemClock,
    random: systemRandom,
  });
  const { cache, store } = followStore({
    store: embedded,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    kinds: [...CONTROLLER_KINDS, "ClusterNode"],
  });
  const server = createCsiServer({ driverName: defaultDriverName, cache }, ports);
  const parts = {
    store,
    leaseStore: embedded,
    cache,
    cloud,
    snapshots: cloud,
    driverName: defaultDriverName,
    leaseHighWaterMark,
    users: createClusterNodeVolumeUsers({ store, cache }),
    clusterVolumes,
    marks: undefined,
    events: createLogEvents(silentLogger),
    settings: values,
    clusterId: "lab",
    trustsUnnamedVms: true,
    isAlone: false,
  };
  const reconcile = addControllerService(server, parts, values, ports);
  const work = untilEnded(ending.signal, (signal) => cache.run(signal), reconcile);
  await cache.untilSynced(ending.signal);
  await listen(server, lab.endpoints["controller"] ?? "");
  return async () => {
    ending.abort(new Error("the test is over"));
    await server.stop(AbortSignal.abort());
    await work;
    await cloud.drained();
    embedded.close();
  };
}

function portsOf(lifetime: AbortSignal): ProcessPorts {
  const registry = new Registry();
  return {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    steps: noSteps,
    loops: createLoopMetrics(registry),
    registry,
    lifetime,
  };
}

function valuesOf(lab: Lab, flags: readonly string[]) {
  const own = [
    `--cloud-config=${join(lab.directory, "azure.json")}`,
    `--azure-ca-file=${join(lab.directory, "ca.pem")}`,
    `--azure-time-scale=${lab.timeScale}`,
    "--recall-answer-ms=500",
  ];
  const command = readCommandLine({ name: "controller", usage: "", options }, [...own, ...flags]);
  if (command.kind !== "Run") throw new Error(command.text);
  return command.values;
}
