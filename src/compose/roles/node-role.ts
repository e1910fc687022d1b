import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { createOwnNode } from "../../adapters/kubernetes/own-node.ts";
import { detectBusType } from "../../adapters/linux/device/detect-bus-type.ts";
import { createLogEvents } from "../../adapters/observe/log-events.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { probePlugin } from "../../csi/identity/probe-plugin.ts";
import { confirmMachine, discoverInstance } from "../../node/lifecycle/discover-instance.ts";
import { restoreLostRegistration } from "../../node/lifecycle/lost-registration.ts";
import { type OtherDriverWatch, watchOtherDrivers } from "../../node/lifecycle/other-driver.ts";
import { startUpTaintReconciler } from "../../node/lifecycle/start-up-taint.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import { followOwnObjects } from "../assemble-node.ts";
import { checkStore, connectStore, storeOptions } from "../connect/connect-store.ts";
import { createCsiServer, endpointOptions, listen, unixSocketsOf } from "../connect/grpc.ts";
import {
  checkRegistration,
  type Registration,
  registrationOptions,
  serveRegistration,
} from "../connect/registration.ts";
import { instanceOptions, metadataService } from "../settings/instance-options.ts";
import { nodeOptions, processOptions } from "../settings/process-options.ts";
import { wrongSettings } from "../settings/wrong-setting.ts";
import { startedEarly, untilAborted, untilEnded } from "../until-aborted.ts";
import { addNodeService, openNodeHost } from "./node-service.ts";
import type { ProcessPorts, Role } from "./run-role.ts";

/** How long the plug-in may take to answer on its own socket before it counts as dead, in milliseconds. */
const PROBE_MAX_MS = 5_000;
const ONLY_KEY = "node";

/** What the role is configured to know of its machine, or where it asks. */
const machineOptions = grouped("Machine", {
  ...instanceOptions,
  "vm-id": { kind: "text", help: "The VM's vmId GUID (default: what the metadata service says)" },
  "vm-size": {
    kind: "text",
    help:
      "The VM's size, such as Standard_D4s_v5; limits data disks (default: metadata service, else Node " +
      "label)",
  },
  location: { kind: "text", help: "The VM's region (default: metadata service, else Node label)" },
  zone: {
    kind: "text",
    problem: (zone) =>
      /^[0-9]*$/u.test(zone)
        ? undefined
        : "expected a zone's number, such as 1, without its region; or nothing",
    help: "The VM's zone, such as 1; empty: not zonal (default: metadata service, else Node label)",
  },
  "bus-type": {
    kind: "choice",
    default: "auto",
    choices: ["auto", "SCSI", "NVMe"],
    help: "How data disks reach this VM; auto: as its controllers show",
  },
});

const options = {
  ...endpointOptions,
  ...storeOptions,
  ...nodeOptions,
  ...machineOptions,
  ...registrationOptions,
  ...grouped("Node", {
    "remove-not-ready-taint": {
      kind: "choice",
      default: "true",
      choices: ["true", "false"],
      help: "Whether the Node's taint <driver name>/agent-not-ready is removed once the driver is registered",
    },
  }),
  ...processOptions,
} as const;

/** CSI's node service and the node's heartbeat. Never loads Azure's SDK. */
export const nodeRole: Role<typeof options> = {
  name: "node",
  usage:
    "azuredisk-csi-driver node --endpoint unix:///run/csi.sock --node-name <name> [--kubeconfig <file>]\n" +
    "azuredisk-csi-driver node --endpoint unix:///run/csi.sock --node-name <name> " +
    "--store-socket <socket> --vm-id <guid> --vm-resource-id <id>\n\n" +
    "Serves CSI's node service on one node.",
  options,
  problems: (values) =>
    wrongSettings(
      () => checkStore(values),
      () => checkRegistration(values, process.platform),
      () => metadataService(values),
    ),
  start: async (values, ports) => {
    const { clock, random, logger, lifetime } = ports;
    const { nodeName, driverName } = values;
    // First of all: pods whose file system was left frozen can't write, nor end.
    const nodeHost = await openNodeHost(values, ports);
    const connection = await connectStore(values, "node", ports);
    const { apiClient } = connection;
    const isVmGiven = values.vmId !== undefined && values.vmResourceId !== undefined;
    // An operator who says which VM this is mostly has no such service, but may name one.
    const metadata =
      isVmGiven && values.metadataEndpoint === options["metadata-endpoint"].default
        ? undefined
        : await metadataService(values);
    const ownNode =
      apiClient === undefined ? undefined : createOwnNode({ client: apiClient, nodeName, driverName });
    const { cache, store } = followOwnObjects({
      store: connection.store,
      nodeName,
      clock,
      random,
      logger,
    });
    const eventSink = apiClient === undefined ? undefined : await eventsOn(apiClient, cache, values, ports);
    const events = eventSink?.events ?? createLogEvents(logger);
    // From now on: what keeps the plug-in from starting is said on its Node.
    const showing = startedEarly(lifetime, (signal) => eventSink?.run(signal) ?? untilAborted(signal));
    const machine = await discoverInstance(
      { metadata, ownNode, nodeName, events, clock, random, logger },
      { ...values, instanceUri: values.vmResourceId },
      lifetime,
    );
    const { vmId, instanceUri, vmSize, location, zone, zoneLabel } = machine;
    const busType = values.busType === "auto" ? await detectBusType() : values.busType;
    const others = watchOtherDrivers({ ownNode, nodeName, driverName, events, logger });
    const unixSockets = await unixSocketsOf(process.platform);
    const server = createCsiServer({ driverName, cache }, ports, unixSockets);
    const runNodeWork = addNodeService(
      server,
      {
        store,
        cache,
        ...nodeHost,
        node: { nodeName, vmId, instanceUri, location, vmSize, zone, zoneLabel, busType },
        driverName,
        volumesMax: undefined,
        metadata,
        ownNode,
        otherDriver: others.why,
        events,
      },
      values,
      ports,
    );
    const caching = startedEarly(lifetime, (signal) => cache.run(signal));
    await cache.untilSynced(lifetime);
    const endpoint = await listen(server, values.endpoint);
    const { registration, runs } = await registerNode(
      { endpoint, apiClient, ownNode, others, events },
      values,
      ports,
    );
    const work = untilEnded(
      lifetime,
      caching,
      showing,
      runNodeWork,
      ...runs,
      ...(metadata === undefined || isVmGiven
        ? []
        : [(signal: AbortSignal) => confirmMachine({ metadata, clock, random, logger }, machine, signal)]),
    );
    return {
      serves: { endpoint },
      whyNotReady: () => others.why() ?? registration?.whyNotRegistered(),
      whyNotAlive: async () =>
        registration?.whyNotServed() ??
        (await probePlugin(endpoint, { clock, timeoutMs: PROBE_MAX_MS, unixSockets })),
      work,
      drain: async (signal) => {
        await registration?.stop(signal);
        await server.stop(signal);
      },
      close: async () => connection.close(),
    };
  },
};

/** Loaded only with Kubernetes, which shows events. */
async function eventsOn(
  client: ApiClient,
  objects: ObjectCache,
  values: Values<typeof options>,
  ports: ProcessPorts,
) {
  const { driverName, nodeName, namespace } = values;
  const { nodeSubjects } = await import("../../adapters/kubernetes/events/events-subjects.ts");
  const { clusterEvents } = await import("../connect/cluster-events.ts");
  const subjectsOf = nodeSubjects({ objects, namespace, nodeName });
  return clusterEvents({ client, driverName, instance: nodeName, subjectsOf }, ports);
}

/**
 * Registers the plug-in with its kubelet, and opens the node for pods once it is registered; `runs`
 * last as long as the role does.
 */
async function registerNode(
  parts: {
    readonly endpoint: string;
    readonly apiClient: ApiClient | undefined;
    readonly ownNode: OwnNode | undefined;
    readonly others: OtherDriverWatch;
    readonly events: Events;
  },
  values: Values<typeof options>,
  ports: ProcessPorts,
): Promise<{
  readonly registration: Registration | undefined;
  readonly runs: readonly ((signal: AbortSignal) => Promise<void>)[];
}> {
  const { endpoint, apiClient, ownNode, others, events } = parts;
  const { nodeName, driverName } = values;
  // Without Kubernetes there are no taints.
  const taintLoop =
    ownNode === undefined || values.removeNotReadyTaint === "false"
      ? undefined
      : new ControlLoop(startUpTaintReconciler({ ...ports, ownNode, nodeName, driverName, events }), ports);
  const othersLoop = others.reconciler === undefined ? undefined : new ControlLoop(others.reconciler, ports);
  othersLoop?.queue.add(ONLY_KEY);
  const onRegistered = (): void => {
    taintLoop?.queue.add(ONLY_KEY);
    othersLoop?.queue.add(ONLY_KEY);
  };
  const { onSocketTaken } = others;
  const registration = await serveRegistration(
    { driverName, nodeName, endpoint, apiClient, events, onRegistered, onSocketTaken },
    values,
    ports,
  );
  // A separate registrar reports nothing to this process: CSINode shows it.
  if (registration === undefined) onRegistered();
  return {
    registration,
    runs: [
      ...(registration === undefined ? [] : [(signal: AbortSignal) => registration.keep(signal)]),
      ...(registration === undefined || ownNode === undefined
        ? []
        : [
            (signal: AbortSignal) =>
              restoreLostRegistration({ ...ports, ownNode, registration, nodeName, driverName }, signal),
          ]),
      ...[taintLoop, othersLoop].flatMap((loop) =>
        loop === undefined ? [] : [(signal: AbortSignal) => loop.run(signal)],
      ),
    ],
  };
}
