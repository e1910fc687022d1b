import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { readObject } from "../read-objects.ts";
import type { Workloads } from "./workloads.ts";

const DISK_API = "api-version=2025-01-02";
/** csi-resizer repeats a refused change after 1, 2, 4 … seconds. */
const MODIFIED_MAX_MS = 180_000;
const LOOK_EVERY_MS = 200;

/** What a claim shows of its VolumeAttributesClass. */
export interface ClassesOfClaim {
  /** The class of the last change that was made. */
  readonly current?: string;
  /** The class that csi-resizer is at, with `InProgress`, `Pending` or `Infeasible`. */
  readonly target?: string;
  readonly state?: string;
  /** Messages of the conditions about a change. */
  readonly conditions: readonly string[];
}

/** A disk as the lab's Azure shows it. */
export interface AzureDisk {
  readonly sku: { readonly name: string };
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: {
    readonly diskIOPSReadWrite: number;
    readonly diskMBpsReadWrite: number;
    readonly networkAccessPolicy: string;
  };
}

export function anAttributesClass(name: string, parameters: Readonly<Record<string, string>>): object {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttributesClass",
    metadata: { name },
    driverName: "disk.csi.azure.com",
    parameters,
  };
}

/** Requests another VolumeAttributesClass for a claim, as a user does. */
export async function patchAttributesClass(
  { kubectl }: Workloads,
  claim: string,
  name: string,
): Promise<void> {
  const patch = JSON.stringify({ spec: { volumeAttributesClassName: name } });
  await kubectl(["patch", "pvc", claim, "--type=merge", `--patch=${patch}`]);
}

export async function classesOf({ lab, namespace }: Workloads, claim: string): Promise<ClassesOfClaim> {
  const { status } = await readObject<{
    readonly status: {
      readonly currentVolumeAttributesClassName?: string;
      readonly modifyVolumeStatus?: {
        readonly targetVolumeAttributesClassName: string;
        readonly status: string;
      };
      readonly conditions?: readonly { readonly type: string; readonly message?: string }[];
    };
  }>(lab, `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`);
  const { currentVolumeAttributesClassName: current, modifyVolumeStatus: modify, conditions = [] } = status;
  return {
    ...(current === undefined ? {} : { current }),
    ...(modify === undefined ? {} : { target: modify.targetVolumeAttributesClassName, state: modify.status }),
    conditions: conditions
      .filter(({ type }) => type === "ModifyingVolume" || type === "ModifyVolumeError")
      .map(({ message = "" }) => message),
  };
}

/** Waits until a claim's disk is changed: the class is its current one, and no change is under way. */
export async function untilModified(workloads: Workloads, claim: string, name: string): Promise<void> {
  await untilClasses(
    workloads,
    claim,
    ({ current, state, conditions }) => current === name && state === undefined && conditions.length === 0,
  );
}

/**
 * Waits until the classes of a claim are as expected. The error has what they are, and the claim's events.
 */
export async function untilClasses(
  workloads: Workloads,
  claim: string,
  isExpected: (classes: ClassesOfClaim) => boolean,
): Promise<void> {
  let last: ClassesOfClaim | undefined;
  try {
    await waitUntil(
      `the classes of ${claim}`,
      { timeoutMs: MODIFIED_MAX_MS, everyMs: LOOK_EVERY_MS },
      async () => {
        last = await classesOf(workloads, claim);
        return isExpected(last) ? true : undefined;
      },
    );
  } catch (error) {
    const events = await workloads.eventsOf("PersistentVolumeClaim", claim);
    throw new Error(`${claim} has ${JSON.stringify(last)}\n${events.join("\n")}`, { cause: error });
  }
}

/** The disk of a claim without the tags of its state, which the driver writes in its own time. */
export async function classedDiskOf(workloads: Workloads, claim: string): Promise<AzureDisk> {
  const { tags, ...disk } = await azureDiskOf(workloads, claim);
  const stated = Object.entries(tags).filter(([name]) => !name.startsWith("disk.csi.azure.com-"));
  return { ...disk, tags: Object.fromEntries(stated) };
}

/** The disk of a bound claim, as Azure has it. */
export async function azureDiskOf(workloads: Workloads, claim: string): Promise<AzureDisk> {
  const { detail } = (await workloads.volumeOf(claim)).status ?? {};
  if (detail === undefined) throw new Error(`claim ${claim} has no disk`);
  return (await workloads.lab.azure.call("GET", `${detail.diskUri}?${DISK_API}`)) as AzureDisk;
}
