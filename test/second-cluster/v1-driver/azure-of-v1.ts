import { vmNameOf } from "../../../testbed/lab/cluster/vm-place.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";

/** The address and files of V1's Azure. */
export interface AzureOfV1Options {
  readonly url: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
}

/** V1's calls to Azure. Throws if Azure refuses, or does not finish. */
export interface AzureOfV1 {
  /** Creates a disk, or finds it, and answers its URI. */
  createDisk(disk: DiskOfV1): Promise<string>;
  /** Success if it does not exist. Refused while a VM has it. */
  deleteDisk(diskUri: string): Promise<void>;
  /** Attaches a disk to a node's VM at the lowest free LUN, and answers its LUN. */
  attach(diskUri: string, nodeName: string, caching: string): Promise<number>;
  /** Success if it is not there. */
  detach(diskUri: string, nodeName: string): Promise<void>;
}

export interface DiskOfV1 {
  readonly name: string;
  /** Of Azure: `1`. */
  readonly zone: string;
  readonly skuName: string;
  readonly sizeGiB: number;
  readonly maxShares: number;
  readonly tags: Readonly<Record<string, string>>;
}

interface DataDisk {
  readonly lun: number;
  readonly createOption: string;
  readonly caching?: string;
  readonly toBeDetached?: boolean;
  readonly managedDisk: { readonly id: string };
}

interface Vm {
  readonly properties: {
    readonly provisioningState: string;
    readonly storageProfile: { readonly dataDisks: readonly DataDisk[] };
  };
}

const DISKS = "api-version=2025-01-02";
const MACHINES = "api-version=2025-04-01";
const SETTLED_MAX_MS = 240_000;
const LUNS = 64;
const NOT_FOUND = 404;

/**
 * Azure as the V1 driver uses it: it reads and writes back a VM's whole list of disks, one change of a VM
 * at a time, without an ETag.
 */
export function azureOfV1({ url, subscriptionId, resourceGroup, location }: AzureOfV1Options): AzureOfV1 {
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute`;
  const turns = new Map<string, Promise<unknown>>();

  async function call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: "Bearer v1",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.status >= 400 && answer.status !== NOT_FOUND)
      throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  async function settled<T>(path: string): Promise<T> {
    return waitUntil(path, { timeoutMs: SETTLED_MAX_MS }, async () => {
      const { status, body } = await call("GET", path);
      if (status === NOT_FOUND) throw new Error(`${path} is not there`);
      const { properties } = body as { readonly properties: { readonly provisioningState: string } };
      return properties.provisioningState === "Succeeded" ? (body as T) : undefined;
    });
  }

  const vmPath = (nodeName: string): string => `${group}/virtualMachines/${vmNameOf(nodeName)}?${MACHINES}`;

  /** Changes a VM's disks after all earlier changes, and returns the disk's new entry. */
  function change(
    nodeName: string,
    diskUri: string,
    changed: (disks: readonly DataDisk[]) => readonly DataDisk[] | undefined,
  ): Promise<DataDisk | undefined> {
    const entryOf = ({ properties }: Vm): DataDisk | undefined =>
      properties.storageProfile.dataDisks.find((disk) => isSame(disk.managedDisk.id, diskUri));
    const turn = async (): Promise<DataDisk | undefined> => {
      const before = await settled<Vm>(vmPath(nodeName));
      const dataDisks = changed(before.properties.storageProfile.dataDisks);
      if (dataDisks === undefined) return entryOf(before);
      await call("PATCH", vmPath(nodeName), { properties: { storageProfile: { dataDisks } } });
      return entryOf(await settled<Vm>(vmPath(nodeName)));
    };
    const next = (turns.get(nodeName) ?? Promise.resolve()).then(turn, turn);
    turns.set(nodeName, next);
    return next;
  }

  return {
    createDisk: async ({ name, zone, skuName, sizeGiB, maxShares, tags }) => {
      const uri = `${group}/disks/${name}`;
      const properties = {
        creationData: { createOption: "Empty" },
        diskSizeGB: sizeGiB,
        ...(maxShares > 1 ? { maxShares } : {}),
      };
      await call("PUT", `${uri}?${DISKS}`, {
        location,
        zones: [zone],
        sku: { name: skuName },
        properties,
        tags,
      });
      await settled(`${uri}?${DISKS}`);
      return uri;
    },
    deleteDisk: async (diskUri) => {
      await call("DELETE", `${diskUri}?${DISKS}`);
      await waitUntil(`${diskUri} to be gone`, { timeoutMs: SETTLED_MAX_MS }, async () =>
        (await call("GET", `${diskUri}?${DISKS}`)).status === NOT_FOUND ? true : undefined,
      );
    },
    attach: async (diskUri, nodeName, caching) => {
      const entry = await change(nodeName, diskUri, (disks) => {
        if (disks.some((disk) => isSame(disk.managedDisk.id, diskUri))) return undefined;
        return [
          ...disks,
          { lun: freeLun(disks), createOption: "Attach", caching, managedDisk: { id: diskUri } },
        ];
      });
      if (entry === undefined) throw new Error(`${diskUri} is not on ${nodeName}`);
      return entry.lun;
    },
    detach: async (diskUri, nodeName) => {
      const entry = await change(nodeName, diskUri, (disks) => {
        if (!disks.some((disk) => isSame(disk.managedDisk.id, diskUri))) return undefined;
        return disks.map((disk) =>
          isSame(disk.managedDisk.id, diskUri) ? { ...disk, toBeDetached: true } : disk,
        );
      });
      if (entry !== undefined) throw new Error(`${diskUri} is still on ${nodeName}`);
    },
  };
}

function freeLun(disks: readonly DataDisk[]): number {
  const taken = new Set(disks.map(({ lun }) => lun));
  const free = Array.from({ length: LUNS }, (_, lun) => lun).find((lun) => !taken.has(lun));
  if (free === undefined) throw new Error("no LUN is free");
  return free;
}

function isSame(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
