import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { invariant } from "../../src/core/failure/invariant.ts";
import type { Json } from "../../src/emulator/model/api/json.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { Disk } from "../../src/emulator/model/disk/disk.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { VirtualMachine } from "../../src/emulator/model/vm/virtual-machine.ts";
import { azurePlace, diskUriOf, instancePlaceOf, instanceUriOf } from "./vm-names.ts";

/** The VM of another cluster, by the name that its node has there. */
export const NEIGHBOUR = "neighbour";
/** A VM of no cluster, to which a person attaches disks. */
export const BYSTANDER = "bystander";
const strangers: readonly string[] = [NEIGHBOUR, BYSTANDER];

/** Their names by the resource ids of their VMs, as index keys. */
export const strangersByUri: ReadonlyMap<string, string> = new Map(
  strangers.map((name) => [resourceUriKey(instanceUriOf(name)), name]),
);

/** Whether the VM of that name is not a node of this cluster. */
export function isStranger(nodeName: string): boolean {
  return strangers.includes(nodeName);
}

/**
 * The content of the resource group that is not of this cluster: VMs, and disks that another cluster
 * created with the same driver.
 */
export interface Strangers {
  readonly vms: readonly VirtualMachine[];
  readonly disks: readonly Disk[];
}

const API_VERSION = "2025-04-01";
const SEED = 20_250_401;
const SIZE_GIB = 256;
/** In the zone where every cluster has nodes: its disks can be attached to the bystander. */
const ZONE = "1";

const driverTags = {
  "k8s-azure-created-by": "kubernetes-azure-dd",
  "disk.csi.azure.com-uid": "another-clusters-uid",
  "disk.csi.azure.com-replicas": "1",
  "disk.csi.azure.com-access": "mount/SINGLE_NODE_WRITER",
} as const;

/**
 * The disks, by what could make this cluster adopt them. The first ones are attached: a workload writes to
 * them.
 */
const disks: readonly {
  readonly name: string;
  readonly maxShares: number;
  readonly tags: Readonly<Record<string, string>>;
}[] = [
  {
    name: "neighbour-shared",
    maxShares: 2,
    tags: { ...driverTags, "disk.csi.azure.com-cluster-id": "cluster-2" },
  },
  {
    name: "neighbour-alone",
    maxShares: 1,
    tags: { ...driverTags, "disk.csi.azure.com-cluster-id": "cluster-2" },
  },
  {
    name: "neighbour-detached",
    maxShares: 1,
    tags: { ...driverTags, "disk.csi.azure.com-cluster-id": "cluster-2" },
  },
  // From a V2 before the cluster id: no tag names its cluster.
  { name: "neighbour-untagged", maxShares: 1, tags: driverTags },
];
const ATTACHED = 2;

/** Whether a resource id, in any case, is that of the neighbour's VM or of one of its disks. */
export function isNeighbours(resourceUri: string): boolean {
  return neighbours.has(resourceUriKey(resourceUri));
}

const neighbours = new Set(
  [instanceUriOf(NEIGHBOUR), ...disks.map(({ name }) => diskUriOf(name))].map(resourceUriKey),
);

/**
 * Creates them in a separate model and returns the result. In the simulation's model they would draw from
 * its random streams, and every seed would change.
 */
export function createStrangers(startedAtMs: number): Strangers {
  const model = createComputeModel({
    clock: { nowMs: () => startedAtMs },
    seed: SEED,
    settings: { timeScale: 0 },
  });
  const { subscriptionId, resourceGroup, location } = azurePlace;
  for (const name of strangers) {
    const { kind } = addVirtualMachine(model.world, {
      subscriptionId,
      resourceGroup,
      location,
      name: instancePlaceOf(name).instanceName,
      size: "Standard_D4s_v5",
      zone: ZONE,
    });
    invariant(kind === "Added", `VM ${name} can't be made`);
  }
  const send = (method: "PUT" | "POST", path: string, body: Json): void => {
    const { status } = model.handle({ method, path, query: { "api-version": API_VERSION }, body });
    invariant(status < 300, `${method} ${path} is answered ${status}`);
  };
  for (const { name, maxShares, tags } of disks) {
    const properties = { creationData: { createOption: "Empty" }, diskSizeGB: SIZE_GIB, maxShares };
    const volumeTags = { ...tags, "disk.csi.azure.com-volume-name": name };
    send("PUT", diskUriOf(name), {
      location,
      zones: [ZONE],
      sku: { name: "Premium_LRS" },
      tags: volumeTags,
      properties,
    });
  }
  send("POST", `${instanceUriOf(NEIGHBOUR)}/attachDetachDataDisks`, {
    dataDisksToAttach: disks.slice(0, ATTACHED).map(({ name }) => ({ diskId: diskUriOf(name) })),
  });
  model.advanceTo(startedAtMs);
  const vms = [...model.world.virtualMachines.values()];
  invariant(
    vms.flatMap(({ dataDisks }) => dataDisks).length === ATTACHED,
    "the neighbour's VM lacks its disks",
  );
  return { vms, disks: [...model.world.disks.values()] };
}
