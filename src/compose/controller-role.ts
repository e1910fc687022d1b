import { createClusterNodeVolumeUsers } from "../adapters/embedded/cluster-node-volume-users.ts";
import { connectEmbeddedStore } from "../adapters/embedded/connect-embedded-store.ts";
import { noClusterVolumes } from "../adapters/embedded/no-cluster-volumes.ts";
import type { Kind } from "../ports/object-store.ts";
import { createObjectCache } from "../reconcile/object-cache.ts";
import { rememberingStore } from "../reconcile/remembering-store.ts";
import { connectCloud } from "./connect-cloud.ts";
import { addControllerService, controllerServiceOptions } from "./controller-service.ts";
import { createCsiServer, endpointOptions, listen } from "./grpc.ts";
import { azureOptions, processOptions } from "./process-options.ts";
import type { Role } from "./run-role.ts";
import { untilEnded } from "./until-aborted.ts";
import { volumeOptions, volumeSettingsOf } from "./volume-options.ts";

/** What this role follows in the object store. */
const kinds: readonly Kind[] = ["AzVolume", "AzVolumeAttachment", "AzDriverNode", "ClusterNode", "Lease"];

const options = {
  ...endpointOptions,
  "store-socket": { kind: "text", required: true, help: "Unix socket of the embedded object store (role store)" },
  ...azureOptions,
  ...controllerServiceOptions,
  ...volumeOptions,
  ...processOptions,
} as const;

/** CSI's controller service and the reconcilers of AzVolume, AzVolumeAttachment and AzDriverNode. */
export const controllerRole: Role<typeof options> = {
  name: "controller",
  usage:
    "azuredisk-csi-driver controller --endpoint unix:///run/csi.sock --store-socket <socket> --cloud-config azure.json\n\nServes CSI's controller service and runs the reconcilers.",
  options,
  start: async (values, ports) => {
    const { clock, random, logger, lifetime } = ports;
    const store = connectEmbeddedStore({ socketPath: values["store-socket"], clock, random });
    const cache = createObjectCache({ store, clock, random, logger, kinds });
    const remembering = rememberingStore(store, cache, kinds);
    const cloud = await connectCloud(values, ports);
    const users = createClusterNodeVolumeUsers({ store, cache });
    const server = createCsiServer({ driverName: values["driver-name"], hasControllerService: true, cache }, ports);
    const runReconcilers = addControllerService(
      server,
      { store: remembering, cache, cloud, users, clusterVolumes: noClusterVolumes, volumes: volumeSettingsOf(values), isAlone: false },
      values,
      ports,
    );
    const work = untilEnded(lifetime, (signal) => cache.run(signal), runReconcilers);
    await cache.untilSynced(lifetime);
    return {
      serves: { endpoint: await listen(server, values.endpoint) },
      whyNotReady: () => (cache.hasSynced() ? undefined : "the caches have not synced"),
      work,
      drain: (signal) => server.stop(signal),
      close: async () => {
        await cloud.drained();
        store.close();
      },
    };
  },
};
