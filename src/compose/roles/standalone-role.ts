import { openEmbeddedStore } from "../../adapters/embedded/embedded-store.ts";
import { createLogEvents } from "../../adapters/observe/log-events.ts";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { discoverInstance } from "../../node/lifecycle/discover-instance.ts";
import { followStore } from "../../objects/cache/follow-store.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";
import { CONTROLLER_KINDS } from "../assemble-controller.ts";
import { clusterIdOf, clusterIdOptions } from "../connect/cluster-id.ts";
import { connectCloud, reachAzure } from "../connect/connect-cloud.ts";
import { createCsiServer, endpointOptions, listen } from "../connect/grpc.ts";
import { embeddedOrchestrator } from "../connect/orchestrator.ts";
import { detachOptions } from "../settings/detach-options.ts";
import { instanceOptions, metadataService } from "../settings/instance-options.ts";
import { electionSettingsOf } from "../settings/leader-election-options.ts";
import { azureOptions, nodeOptions, processOptions } from "../settings/process-options.ts";
import { refusePowerOff, volumeOptions } from "../settings/volume-options.ts";
import { wrongSettings } from "../settings/wrong-setting.ts";
import { untilEnded } from "../until-aborted.ts";
import { addControllerService, controllerServiceOptions } from "./controller-service.ts";
import { addNodeService, openNodeHost, type NodeServiceParts } from "./node-service.ts";
import type { ProcessPorts, Role } from "./run-role.ts";

const options = {
  ...endpointOptions,
  ...grouped("Store", {
    "store-file": {
      kind: "text",
      required: true,
      help: "File of the embedded object store; made if it is not there",
    },
  }),
  ...azureOptions,
  ...detachOptions,
  ...nodeOptions,
  ...instanceOptions,
  ...controllerServiceOptions,
  ...clusterIdOptions,
  ...volumeOptions,
  ...processOptions,
} as const;

/**
 * Controller and one node in one process, on the embedded store: for csi-sanity and for orchestrators
 * other than Kubernetes.
 */
export const standaloneRole: Role<typeof options> = {
  name: "standalone",
  usage:
    "azuredisk-csi-driver standalone --endpoint unix:///run/csi.sock --store-file <file> " +
    "--cloud-config azure.json --node-name <vm>\n\nServes all of CSI for one node, without Kubernetes.",
  options,
  problems: (values) =>
    wrongSettings(
      () => reachAzure(values, { clock: systemClock }),
      () => metadataService(values),
      () => electionSettingsOf(values),
      () => refusePowerOff(values),
    ),
  start: async (values, ports) => {
    const { clock, random, logger, lifetime } = ports;
    const nodeHost = await openNodeHost(values, ports);
    const leaseHighWaterMark = new LeaseHighWaterMark();
    const cloud = await connectCloud(values, ports, leaseHighWaterMark);
    const machine = await readMachine(cloud, values, ports);
    const embedded = openEmbeddedStore({ file: values.storeFile, clock, random });
    const kinds = [...CONTROLLER_KINDS, "ClusterNode"] as const;
    const { cache, store } = followStore({ store: embedded, clock, random, logger, kinds });
    const { users, clusterVolumes, events } = embeddedOrchestrator({ store, cache }, ports);
    const clusterId = await clusterIdOf(values, { store: embedded, apiClient: undefined }, ports);
    const { driverName } = values;
    const server = createCsiServer({ driverName, cache }, ports);
    const runReconcilers = addControllerService(
      server,
      {
        store,
        leaseStore: store,
        cache,
        cloud,
        driverName,
        snapshots: cloud,
        leaseHighWaterMark,
        users,
        clusterVolumes,
        marks: undefined,
        events,
        settings: values,
        clusterId,
        trustsUnnamedVms: true,
        isAlone: true,
      },
      values,
      ports,
    );
    const runNodeWork = addNodeService(
      server,
      {
        store,
        cache,
        ...nodeHost,
        ...machine,
        driverName,
        metadata: values.vmResourceId === undefined ? await metadataService(values) : undefined,
        ownNode: undefined,
        otherDriver: () => undefined,
        events,
      },
      values,
      ports,
    );
    const work = untilEnded(
      lifetime,
      (signal) => cache.run(signal),
      runReconcilers,
      (signal) => cache.untilSynced(signal).then(() => runNodeWork(signal)),
    );
    await cache.untilSynced(lifetime);
    return {
      serves: { endpoint: await listen(server, values.endpoint) },
      whyNotReady: () => (cache.hasSynced() ? undefined : "the caches have not synced"),
      work,
      drain: (signal) => server.stop(signal),
      close: async () => {
        await cloud.drained();
        embedded.close();
      },
    };
  },
};

/**
 * The platform's facts about the VM that this process runs on. Throws with a sentence if no VM has its
 * resource id.
 */
async function readMachine(
  cloud: CloudProvisioner,
  values: Values<typeof options>,
  ports: ProcessPorts,
): Promise<Pick<NodeServiceParts, "node" | "volumesMax">> {
  const nodeName = values.nodeName;
  const instanceUri = values.vmResourceId ?? (await discoverInstanceUri(values, ports));
  const instance = await cloud.inspectInstance({ nodeName, instanceUri }, ports.lifetime);
  if (!instance.ok)
    throw new Error(
      `the VM of --node-name ${nodeName} is ${instanceUri}: ${describeFailure(instance.failure)}`,
    );
  // Azure's spelling of the id is what disks are compared with.
  const { vmId, location, zone, busType, dataDisksMax, vmSize, ...machine } = instance.value;
  const volumesMax = Math.max(0, dataDisksMax - values.reservedDataDiskSlotNum);
  return {
    node: {
      nodeName,
      vmId,
      instanceUri: machine.instanceUri,
      location,
      vmSize,
      zone,
      zoneLabel: undefined,
      busType,
    },
    volumesMax,
  };
}

async function discoverInstanceUri(values: Values<typeof options>, ports: ProcessPorts): Promise<string> {
  const metadata = await metadataService(values);
  const discovered = await discoverInstance(
    {
      ...ports,
      metadata,
      ownNode: undefined,
      nodeName: values.nodeName,
      events: createLogEvents(ports.logger),
    },
    { vmId: undefined, instanceUri: undefined },
    ports.lifetime,
  );
  return discovered.instanceUri;
}
