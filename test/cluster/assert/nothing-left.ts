import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { whyNotReady } from "../node-ready.ts";
import { listObjects } from "../read-objects.ts";

const LEFT_MAX_MS = 240_000;
const LOOK_EVERY_MS = 200;
const DRIVER_API = "/apis/disk.csi.azure.com/v1";
const KINDS = [
  "/api/v1/persistentvolumes",
  "/apis/storage.k8s.io/v1/volumeattachments",
  `${DRIVER_API}/azvolumes`,
  `${DRIVER_API}/azvolumeattachments`,
];

interface Named {
  readonly metadata: { readonly name: string };
}

interface WithCheckpoint extends Named {
  readonly status?: { readonly volumes?: unknown };
}

interface AzureState {
  readonly disks: readonly { readonly name: string; readonly properties: { readonly osType?: string } }[];
  readonly snapshots: readonly { readonly name: string }[];
  readonly virtualMachines: readonly {
    readonly name: string;
    readonly properties: { readonly storageProfile: { readonly dataDisks: readonly unknown[] } };
  }[];
}

/** What tests left behind in labs. */
const leftBehind = new WeakMap<Lab, string>();

/**
 * Throws if an earlier test left volumes behind: the driver may be stuck, and each test would wait for
 * minutes to fail for that reason.
 */
export function assertNothingWasLeft(lab: Lab): void {
  const left = leftBehind.get(lab);
  if (left !== undefined) throw new Error(`not run, since an earlier test, which failed, left ${left}`);
}

/**
 * Waits until no volume of the driver is left: no disk and no attachment in Azure, no object in Kubernetes,
 * no checkpoint on a node. Throws with what is left.
 */
export async function untilNothingIsLeft(lab: Lab): Promise<void> {
  let left: readonly string[] = [];
  try {
    await waitUntil("volumes to be gone", { timeoutMs: LEFT_MAX_MS, everyMs: LOOK_EVERY_MS }, async () => {
      left = [
        ...(await leftInAzure(lab)),
        ...(await leftInKubernetes(lab)),
        ...(await leftInCheckpoints(lab)),
      ];
      return left.length === 0 ? true : undefined;
    });
  } catch (error) {
    if (left.length === 0) throw error;
    // A node that is not ready may be why.
    const unready = await Promise.all(lab.nodes.map(({ name }) => whyNotReady(lab, name)));
    const found = [...unready.filter((why) => why !== undefined), ...left].join(", ");
    leftBehind.set(lab, found);
    throw new Error(`left behind: ${found}`, { cause: error });
  }
}

async function leftInAzure(lab: Lab): Promise<readonly string[]> {
  const { disks, snapshots, virtualMachines } = (await lab.azure.call(
    "GET",
    "/emulator/v1/state",
  )) as AzureState;
  const attached = virtualMachines.filter(({ properties }) => properties.storageProfile.dataDisks.length > 0);
  return [
    ...disks.filter(({ properties }) => properties.osType === undefined).map(({ name }) => `disk ${name}`),
    ...snapshots.map(({ name }) => `snapshot ${name}`),
    ...attached.map(({ name }) => `disks attached to ${name}`),
  ];
}

/** Finalizers show as the objects that they keep. */
async function leftInKubernetes(lab: Lab): Promise<readonly string[]> {
  const left: string[] = [];
  for (const path of KINDS)
    for (const { metadata } of await listObjects<Named>(lab, path)) left.push(`${path}: ${metadata.name}`);
  return left;
}

async function leftInCheckpoints(lab: Lab): Promise<readonly string[]> {
  const nodes = await listObjects<WithCheckpoint>(lab, `${DRIVER_API}/azdrivernodes`);
  return nodes
    .map(({ metadata, status }) => `${metadata.name} ${JSON.stringify(status?.volumes ?? [])}`)
    .filter((line) => line.includes("{"));
}
