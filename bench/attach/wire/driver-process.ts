import { readFile } from "node:fs/promises";
import { Registry } from "prom-client";
import { createSdkArmApi } from "../../../src/adapters/azure-sdk/sdk-arm-api.ts";
import { createClusterNodeVolumeUsers } from "../../../src/adapters/embedded/cluster-node-volume-users.ts";
import { openEmbeddedStore } from "../../../src/adapters/embedded/embedded-store.ts";
import { noClusterVolumes } from "../../../src/adapters/embedded/no-cluster-volumes.ts";
import { createCountedSteps } from "../../../src/adapters/observe/counted-steps.ts";
import { createLogEvents } from "../../../src/adapters/observe/log-events.ts";
import { createLoopMetrics } from "../../../src/adapters/observe/metrics.ts";
import { createPinoLogger } from "../../../src/adapters/observe/pino-logger.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { readCommandLine } from "../../../src/cli/read-command-line.ts";
import { CONTROLLER_KINDS } from "../../../src/compose/assemble-controller.ts";
import { createCsiServer, listen } from "../../../src/compose/connect/grpc.ts";
import {
  addControllerService,
  controllerServiceOptions,
} from "../../../src/compose/roles/controller-service.ts";
import type { ProcessPorts } from "../../../src/compose/roles/run-role.ts";
import { volumeOptions } from "../../../src/compose/settings/volume-options.ts";
import { recoverVolumes } from "../../../src/controller/adoption/recover-volumes.ts";
import {
  type ControllerParts,
  createControllerPorts,
} from "../../../src/controller/create-controller-ports.ts";
import { defaultDriverName } from "../../../src/core/api/driver-name.ts";
import type { BucketLimit } from "../../../src/core/azure/pace/token-bucket.ts";
import { followStore } from "../../../src/objects/cache/follow-store.ts";
import type { CallGroup, GroupLimits } from "../../../src/provisioner/arm/throttle-budget.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../../src/provisioner/azure-cloud-provisioner.ts";
import { LeaseHighWaterMark } from "../../../src/runtime/election/lease-high-water-mark.ts";
import { residentMiB } from "../../resident-memory.ts";
import { place, SUBSCRIPTION_ID } from "../place.ts";

/** The settings of the driver process. */
export interface DriverTask {
  readonly kind: "serve" | "recover";
  readonly azureEndpoint: string;
  readonly azureCaFile: string;
  readonly storeFile: string;
  /** The CSI socket, with `serve`. */
  readonly socketPath: string;
}

/** What `recover` prints on its standard output. */
export interface Recovered {
  readonly volumes: number;
  readonly seconds: number;
  readonly listSeconds: number;
  /** The duration of a second run, with nothing to rebuild. */
  readonly againSeconds: number;
  readonly mib: number;
}

const MS_PER_SECOND = 1000;

/**
 * More calls than one machine can make: the benchmark measures the driver, not the waits for Azure's
 * limits.
 */
const plenty: BucketLimit = { burst: 1_000_000, perMinute: 60_000_000 };

async function main(task: DriverTask): Promise<void> {
  const ending = new AbortController();
  process.once("SIGTERM", () => ending.abort(new Error("SIGTERM")));
  const registry = new Registry();
  const logger = createPinoLogger({ level: "error", fields: { role: "bench" } });
  const steps = createCountedSteps({ registry, clock: systemClock });
  const ports: ProcessPorts = {
    clock: systemClock,
    random: systemRandom,
    logger,
    steps,
    loops: createLoopMetrics(registry),
    registry,
    lifetime: ending.signal,
  };
  const cloud = await connect(task, ports);
  const embedded = openEmbeddedStore({ file: task.storeFile, clock: systemClock, random: systemRandom });
  const { cache, store } = followStore({
    store: embedded,
    clock: systemClock,
    random: systemRandom,
    logger,
    kinds: [...CONTROLLER_KINDS, "ClusterNode"],
  });
  const values = defaults();
  const parts = {
    store,
    cache,
    cloud,
    leaseHighWaterMark: new LeaseHighWaterMark(),
    users: createClusterNodeVolumeUsers({ store, cache }),
    clusterVolumes: noClusterVolumes,
    marks: undefined,
    events: createLogEvents(logger),
    settings: values,
    clusterId: "bench",
    trustsUnnamedVms: true,
  };
  const following = cache.run(ending.signal).catch(() => undefined);
  await cache.untilSynced(ending.signal);
  if (task.kind === "serve") {
    const server = createCsiServer({ driverName: defaultDriverName, cache }, ports);
    const reconcile = addControllerService(
      server,
      {
        ...parts,
        driverName: defaultDriverName,
        snapshots: parts.cloud,
        leaseStore: embedded,
        isAlone: true,
      },
      values,
      ports,
    );
    const reconciling = reconcile(ending.signal).catch(() => undefined);
    await listen(server, `unix://${task.socketPath}`);
    process.stdout.write("ready\n");
    await reconciling;
    await server.stop(AbortSignal.abort());
  } else {
    process.stdout.write(`${JSON.stringify(await recover({ ...ports, ...parts, attach: values.attach }))}\n`);
    ending.abort(new Error("done"));
  }
  await following;
  embedded.close();
}

async function recover(parts: ControllerParts): Promise<Recovered> {
  let listingMs = 0;
  const cloud: ControllerParts["cloud"] = {
    ...parts.cloud,
    listDisks: async (request, signal) => {
      const startedMs = systemClock.elapsedMs();
      const listed = await parts.cloud.listDisks(request, signal);
      listingMs += systemClock.elapsedMs() - startedMs;
      return listed;
    },
  };
  const ports = createControllerPorts({ ...parts, cloud });
  const once = async (): Promise<{
    readonly volumes: number;
    readonly seconds: number;
    readonly listSeconds: number;
  }> => {
    const startedMs = systemClock.elapsedMs();
    listingMs = 0;
    const recovered = await recoverVolumes(ports, new AbortController().signal);
    if (!recovered.ok) throw new Error(JSON.stringify(recovered.failure));
    return {
      volumes: recovered.value,
      seconds: (systemClock.elapsedMs() - startedMs) / MS_PER_SECOND,
      listSeconds: listingMs / MS_PER_SECOND,
    };
  };
  const first = await once();
  const mib = await residentMiB(process.pid);
  const again = await once();
  if (again.volumes !== 0) throw new Error(`the second run rebuilt ${again.volumes} volumes`);
  return { ...first, againSeconds: again.seconds, mib };
}

async function connect(task: DriverTask, ports: ProcessPorts): Promise<AzureCloudProvisioner> {
  const arm = createSdkArmApi({
    credential: {
      getToken: () => Promise.resolve({ token: "bench", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
    },
    subscriptionId: SUBSCRIPTION_ID,
    endpoint: task.azureEndpoint,
    caPem: await readFile(task.azureCaFile, "utf8"),
    clock: ports.clock,
  });
  const group: GroupLimits = { perSubscription: plenty };
  const limits: Readonly<Record<CallGroup, GroupLimits>> = {
    vmWrite: group,
    vmRead: group,
    instanceWrite: group,
    instanceRead: group,
    vmList: group,
    vmOperationRead: group,
    diskWrite: group,
    diskDelete: group,
    diskRead: group,
    diskList: group,
    diskOperationRead: group,
  };
  const settings = { limits, gatewayLimits: { reads: plenty, writes: plenty, deletes: plenty } };
  return createAzureCloudProvisioner({
    arm,
    place,
    clock: ports.clock,
    random: ports.random,
    lifetime: ports.lifetime,
    settings,
  });
}

function defaults() {
  const options = { ...controllerServiceOptions, ...volumeOptions };
  const command = readCommandLine({ name: "defaults", usage: "", options }, []);
  if (command.kind !== "Run") throw new Error("the driver's own defaults are refused");
  return command.values;
}

await main(JSON.parse(process.argv[2] ?? "") as DriverTask);
