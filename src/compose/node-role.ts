import { connectEmbeddedStore } from "../adapters/embedded/connect-embedded-store.ts";
import { dataDisksMaxOf } from "../core/cloud/data-disks-max.ts";
import type { Kind } from "../ports/object-store.ts";
import { createObjectCache } from "../reconcile/object-cache.ts";
import { rememberingStore } from "../reconcile/remembering-store.ts";
import { createCsiServer, endpointOptions, listen } from "./grpc.ts";
import { addNodeService } from "./node-service.ts";
import { nodeOptions, processOptions } from "./process-options.ts";
import { serveRegistration } from "./registration.ts";
import type { Role } from "./run-role.ts";
import { untilEnded } from "./until-aborted.ts";

/** What this role follows in the object store. */
const kinds: readonly Kind[] = ["AzVolume", "AzVolumeAttachment", "AzDriverNode"];

const options = {
  ...endpointOptions,
  "store-socket": { kind: "text", required: true, help: "Unix socket of the embedded object store (role store)" },
  ...nodeOptions,
  "vm-id": { kind: "text", required: true, help: "The VM's vmId GUID" },
  "vm-size": { kind: "text", default: "", help: "The VM's size, such as Standard_D4s_v5: how many data disks it takes" },
  location: { kind: "text", default: "", help: "The VM's region" },
  zone: { kind: "text", default: "", help: "The VM's availability zone, such as 1; empty: not zonal" },
  "bus-type": { kind: "choice", default: "SCSI", choices: ["SCSI", "NVMe"], help: "How data disks reach this VM" },
  "registration-socket": { kind: "text", help: "Socket in the kubelet's plugins_registry on which this plug-in registers itself; none if not given" },
  ...processOptions,
} as const;

/** CSI's node service and the node's heartbeat. Never loads Azure's SDK. */
export const nodeRole: Role<typeof options> = {
  name: "node",
  usage:
    "azuredisk-csi-driver node --endpoint unix:///run/csi.sock --store-socket <socket> --node-name <name> --vm-id <guid>\n\nServes CSI's node service on one node.",
  options,
  start: async (values, ports) => {
    const { clock, random, logger, lifetime } = ports;
    const store = connectEmbeddedStore({ socketPath: values["store-socket"], clock, random });
    const cache = createObjectCache({ store, clock, random, logger, kinds });
    const remembering = rememberingStore(store, cache, kinds);
    const server = createCsiServer({ driverName: values["driver-name"], hasControllerService: false, cache }, ports);
    const node = {
      nodeName: values["node-name"],
      vmId: values["vm-id"],
      location: values.location,
      zone: values.zone,
      busType: values["bus-type"],
      maxVolumes: values["max-volumes"] === 0 ? dataDisksMaxOf(values["vm-size"]) : values["max-volumes"],
    };
    const runNodeWork = await addNodeService(server, { store: remembering, cache, node }, values, ports);
    const work = untilEnded(lifetime, async (signal) => {
      await Promise.all([cache.run(signal), cache.untilSynced(signal).then(() => runNodeWork(signal))]);
    });
    await cache.untilSynced(lifetime);
    const endpoint = await listen(server, values.endpoint);
    const registration = await serveRegistration({ socket: values["registration-socket"], driverName: values["driver-name"], endpoint }, ports);
    return {
      serves: { endpoint },
      whyNotReady: () => (cache.hasSynced() ? undefined : "the caches have not synced"),
      work,
      drain: async (signal) => {
        await registration?.stop(signal);
        await server.stop(signal);
      },
      close: () => {
        store.close();
        return Promise.resolve();
      },
    };
  },
};
