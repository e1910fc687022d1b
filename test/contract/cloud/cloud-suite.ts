import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import type { Result } from "../../../src/core/failure/result.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type {
  CloudProvisioner,
  DiskToChange,
  Lane,
  Precondition,
  ReservedLuns,
} from "../../../src/ports/cloud/cloud-provisioner.ts";
import { type CloudUnderTest, mayAlways, never } from "../worlds/cloud-bench.ts";

/** Declares a test of a cloud provisioner. */
export type On = (sentence: string, test: (cloud: CloudUnderTest) => Promise<void>) => void;

export const TEST_TIMEOUT_MS = 900_000;

export const mayNever = (): Promise<boolean> => Promise.resolve(false);

interface Wish extends DiskToChange {
  readonly node: NodeIdentity;
  readonly lane?: Lane;
  readonly precondition?: Precondition;
}

export function attaching(
  provisioner: CloudProvisioner,
  wish: Wish & {
    readonly forcePrecondition?: Precondition;
    readonly reservedLuns?: ReservedLuns;
    readonly formerLun?: number;
  },
  signal: AbortSignal = never,
): Promise<Result<{ readonly lun: number }>> {
  return provisioner.attachDisk(
    {
      cachingMode: "None",
      lane: "primaryAttach",
      precondition: mayAlways,
      forcePrecondition: mayAlways,
      ...wish,
    },
    signal,
  );
}

export function detaching(
  provisioner: CloudProvisioner,
  wish: Wish,
  signal: AbortSignal = never,
): Promise<Result<void>> {
  return provisioner.detachDisk({ lane: "detach", precondition: mayAlways, ...wish }, signal);
}

type Barrier = ReturnType<CloudProvisioner["barrier"]>;

export function fencing(provisioner: CloudProvisioner, wish: Wish): Barrier {
  return provisioner.barrier({ mode: "fence", precondition: mayAlways, ...wish }, never);
}

export function proving(provisioner: CloudProvisioner, wish: Wish): Barrier {
  return provisioner.barrier({ mode: "prove", precondition: mayAlways, ...wish }, never);
}

export function flushing(provisioner: CloudProvisioner, wish: Wish): Barrier {
  return provisioner.barrier({ mode: "flush", precondition: mayAlways, ...wish }, never);
}

export async function attach(cloud: CloudUnderTest, uri: string, node: NodeIdentity): Promise<number> {
  return valueOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node }))).lun;
}

/** Another client deletes the VM; its disks still name it for a while. */
export async function deleteVm(cloud: CloudUnderTest, name: string): Promise<void> {
  cloud.model.handle({ method: "DELETE", path: cloud.vms.uri(name), query: { "api-version": "2025-04-01" } });
  await cloud.until(
    () => ![...cloud.model.world.virtualMachines.values()].some((vm) => vm.name === cloud.vms.name(name)),
  );
}
