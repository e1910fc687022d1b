import { createGauge } from "../../adapters/observe/create-metric.ts";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { refuseBesideOthers, refuseSnapshotsBesideOthers } from "../../controller/refuse-beside-others.ts";
import { followStore } from "../../objects/cache/follow-store.ts";
import { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";
import { CONTROLLER_KINDS } from "../assemble-controller.ts";
import { clusterIdOf, clusterIdOptions } from "../connect/cluster-id.ts";
import { connectCloud, reachAzure } from "../connect/connect-cloud.ts";
import { checkStore, connectStore, storeOptions } from "../connect/connect-store.ts";
import { createCsiServer, endpointOptions, listen } from "../connect/grpc.ts";
import { embeddedOrchestrator, kubernetesOrchestrator } from "../connect/orchestrator.ts";
import { nodeDaemonSetOption } from "../settings/daemon-set-options.ts";
import { detachOptions } from "../settings/detach-options.ts";
import { electionSettingsOf } from "../settings/leader-election-options.ts";
import { azureOptions, processOptions } from "../settings/process-options.ts";
import { refusePowerOff, volumeOptions } from "../settings/volume-options.ts";
import { WrongSetting, wrongSettings } from "../settings/wrong-setting.ts";
import { startedEarly, untilEnded } from "../until-aborted.ts";
import { addControllerService, controllerServiceOptions } from "./controller-service.ts";
import type { Role } from "./run-role.ts";

const stoppedNodesOption = grouped("Volumes", {
  "stopped-nodes": {
    kind: "choice",
    default: "mark",
    choices: ["mark", "wait"],
    help:
      "What happens to a node whose kubelet and plug-in are silent and whose VM Azure shows as stopped or " +
      "deallocated. mark: the controller sets the out-of-service taint, so that its pods move, and removes " +
      "it when the node returns. wait: a person sets it. On Kubernetes only",
  },
});

const options = {
  ...endpointOptions,
  ...storeOptions,
  ...azureOptions,
  ...detachOptions,
  ...controllerServiceOptions,
  ...clusterIdOptions,
  ...volumeOptions,
  ...stoppedNodesOption,
  ...nodeDaemonSetOption,
  ...processOptions,
} as const;

/** CSI's controller service and the reconcilers of AzVolume, AzVolumeAttachment and AzDriverNode. */
export const controllerRole: Role<typeof options> = {
  name: "controller",
  collectsWhenQuiet: true,
  usage:
    "azuredisk-csi-driver controller --endpoint unix:///run/csi.sock --cloud-config azure.json " +
    "[--kubeconfig <file>]\n" +
    "azuredisk-csi-driver controller --endpoint unix:///run/csi.sock --cloud-config azure.json " +
    "--store-socket <socket>\n\n" +
    "Serves CSI's controller service and, while it leads, runs the reconcilers.",
  options,
  problems: (values) =>
    wrongSettings(
      () => checkStore(values),
      () => reachAzure(values, { clock: systemClock }),
      () => electionSettingsOf(values),
      () => checkSilentNodes(values),
    ),
  start: async (values, ports) => {
    const { clock, random, logger, lifetime } = ports;
    const { driverName, namespace } = values;
    const connection = await connectStore(values, "controller", ports);
    const { leaseStore, apiClient } = connection;
    const leaseHighWaterMark = new LeaseHighWaterMark();
    const cloud = await connectCloud(values, ports, leaseHighWaterMark);
    const { cache, store } = followStore({
      store: connection.store,
      stores: { Lease: leaseStore },
      clock,
      random,
      logger,
      kinds: apiClient === undefined ? [...CONTROLLER_KINDS, "ClusterNode"] : CONTROLLER_KINDS,
    });
    const orchestrator =
      apiClient === undefined
        ? embeddedOrchestrator({ store, cache }, ports)
        : await kubernetesOrchestrator(
            { client: apiClient, cache, driverName, namespace, nodeDaemonSet: values.nodeDaemonSet },
            ports,
          );
    const { users, clusterVolumes, events, otherDriver } = orchestrator;
    const others = createGauge(ports.registry, "azuredisk_controller_other_driver", () =>
      others.set(otherDriver() === undefined ? 0 : 1),
    );
    const clusterId = await clusterIdOf(values, { store: connection.store, apiClient }, ports);
    const server = createCsiServer({ driverName, cache }, ports);
    const runReconcilers = addControllerService(
      server,
      {
        store,
        leaseStore,
        cache,
        cloud: refuseBesideOthers(cloud, otherDriver),
        driverName,
        snapshots: refuseSnapshotsBesideOthers(cloud, otherDriver),
        leaseHighWaterMark,
        users,
        clusterVolumes,
        marks: values.stoppedNodes === "mark" ? orchestrator.marks : undefined,
        events,
        settings: values,
        clusterId,
        trustsUnnamedVms: apiClient === undefined,
        isAlone: false,
      },
      values,
      ports,
    );
    const following = startedEarly(
      lifetime,
      (signal) => cache.run(signal),
      (signal) => orchestrator.run(signal),
    );
    await Promise.all([cache.untilSynced(lifetime), orchestrator.untilSynced(lifetime)]);
    const endpoint = await listen(server, values.endpoint);
    // Only here: a new leader first reads every object, while sidecars wait for the socket.
    const work = untilEnded(lifetime, following, runReconcilers);
    return {
      serves: { endpoint },
      whyNotReady: () =>
        cache.hasSynced() ? (orchestrator.whyNotSynced() ?? otherDriver()) : "the caches have not synced",
      work,
      drain: (signal) => server.stop(signal),
      close: async () => {
        await cloud.drained();
        connection.close();
      },
    };
  },
};

function checkSilentNodes(
  values: Pick<Values<typeof options>, "silentNodes" | "stoppedNodes" | "storeSocket">,
): void {
  if (values.storeSocket !== undefined) refusePowerOff(values);
  if (values.silentNodes === "power-off" && values.stoppedNodes !== "mark")
    throw new WrongSetting(
      '--silent-nodes: got "power-off" with --stopped-nodes wait; expected --stopped-nodes mark, ' +
        "which frees the pods of a node whose VM is off",
    );
}
