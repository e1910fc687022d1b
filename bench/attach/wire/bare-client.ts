import { readFile } from "node:fs/promises";
import { type ComputeManagementClient, type DataDisk } from "@azure/arm-compute";
import { residentMiB } from "../../resident-memory.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, diskUri } from "../place.ts";
import { NODE } from "./shipped-controller.ts";

/** What the bare client does. */
export interface BareTask {
  readonly azureEndpoint: string;
  readonly azureCaFile: string;
  /** Disks created one after the other. */
  readonly oneByOne: number;
  /** Further disks, created at once. */
  readonly atOnce: number;
  /** Sizes of bursts, each attached and detached by one update of the VM. */
  readonly bursts: readonly number[];
  /** How often an operation's state is asked for, in milliseconds. */
  readonly pollMs: number;
}

/** What that took, without the start of the process. */
export interface BareUse {
  readonly cpuSeconds: number;
  readonly mib: number;
}

const US_PER_S = 1_000_000;

/** Sends the calls with the official SDK and its own pollers, and does nothing else. */
async function main(task: BareTask): Promise<BareUse> {
  const client = await connect(task);
  await client.virtualMachines.get(RESOURCE_GROUP, NODE);
  const before = process.cpuUsage();
  const create = (index: number): Promise<unknown> =>
    client.disks
      .createOrUpdate(
        RESOURCE_GROUP,
        `pvc-${index}`,
        {
          location: LOCATION,
          sku: { name: "Premium_LRS" },
          creationData: { createOption: "Empty" },
          diskSizeGB: 64,
        },
        { updateIntervalInMs: task.pollMs },
      )
      .pollUntilDone();
  for (let index = 0; index < task.oneByOne; index++) await create(index);
  await Promise.all(Array.from({ length: task.atOnce }, (_, index) => create(task.oneByOne + index)));
  for (const size of task.bursts) {
    const disks = Array.from({ length: size }, (_, lun): DataDisk => ({
      lun,
      createOption: "Attach",
      caching: "None",
      managedDisk: { id: diskUri(`pvc-${lun}`) },
    }));
    for (const dataDisks of [disks, []]) {
      const { etag } = await client.virtualMachines.get(RESOURCE_GROUP, NODE);
      await client.virtualMachines
        .update(
          RESOURCE_GROUP,
          NODE,
          { storageProfile: { dataDisks } },
          { updateIntervalInMs: task.pollMs, ...(etag === undefined ? {} : { ifMatch: etag }) },
        )
        .pollUntilDone();
      await client.virtualMachines.get(RESOURCE_GROUP, NODE);
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuSeconds: (user + system) / US_PER_S, mib: await residentMiB(process.pid) };
}

async function connect({ azureEndpoint, azureCaFile }: BareTask): Promise<ComputeManagementClient> {
  const sdk = await import("@azure/arm-compute");
  return new sdk.ComputeManagementClient(
    {
      getToken: () => Promise.resolve({ token: "bench", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
    },
    SUBSCRIPTION_ID,
    {
      endpoint: azureEndpoint,
      tlsOptions: { ca: await readFile(azureCaFile, "utf8") },
      retryOptions: { maxRetries: 0 },
      credentials: { scopes: [`${azureEndpoint}/.default`] },
    },
  );
}

process.stdout.write(`${JSON.stringify(await main(JSON.parse(process.argv[2] ?? "") as BareTask))}\n`);
