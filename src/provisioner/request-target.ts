import type { NodeIdentity } from "../core/api/identity/node-identity.ts";
import { refuseArgument } from "../core/failure/frequent-failures.ts";
import { type Result, fail, ok } from "../core/failure/result.ts";
import { diskIdOf } from "./disk/disk-owners.ts";
import type { DefaultDiskPlace, DiskTarget } from "./disk/disks.ts";
import { resolveInstance } from "./vm/instance/resolve-instance.ts";
import type { VmTarget } from "./vm/vm-update.ts";

/** A disk, and a node that has it or is to have it. */
export interface DiskOfNode {
  readonly diskUri: string;
  readonly node: NodeIdentity;
}

/** The VM behind a request's node. */
export interface OnVm {
  readonly vm: VmTarget;
}

/** A method of the port. */
export type Method<Request, T> = (request: Request, signal: AbortSignal) => Promise<Result<T>>;

/**
 * A method of the port: finds the target that a request names and runs `work` on both, unless the target
 * is refused. Waiting ends with the caller's signal by a rejection, which the method answers as
 * `Cancelled`.
 */
export function methodOn<Request, Target, T>(
  targetOf: (request: Request) => Result<Target>,
  work: Method<Request & Target, T>,
): Method<Request, T> {
  return async (request, signal) => {
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const target = targetOf(request);
    if (!target.ok) return target;
    try {
      return await work({ ...request, ...target.value }, signal);
    } catch (reason) {
      if (signal.aborted && reason === signal.reason) return fail({ kind: "Cancelled" });
      throw reason;
    }
  };
}

/**
 * Refuses ids other than a managed disk's, and other subscriptions, before ARM sees them: the disk of
 * that group and name here would be another one.
 */
export function diskTargetOf(place: DefaultDiskPlace, diskUri: string): Result<DiskTarget> {
  const id = diskIdOf(diskUri);
  const refuse = (problem: string): Result<never> => refuseArgument("diskUri", diskUri, problem);
  if (id === undefined)
    return refuse(
      "is not the id of a managed disk: " +
        "/subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/disks/…",
    );
  if (id.subscriptionId.toLowerCase() !== place.subscriptionId.toLowerCase())
    return refuse(
      `is in subscription ${id.subscriptionId}; this driver serves only disks of subscription ` +
        `${place.subscriptionId}`,
    );
  return ok({ id, diskUri });
}

/** The VM of a node. Refuses a node without vmId: every VM would seem to differ from it. */
export function vmOf(place: DefaultDiskPlace, node: NodeIdentity): Result<OnVm> {
  const { nodeName, vmId } = node;
  if (vmId === "") {
    const problem = `node ${nodeName} has no vmId: a node is always its name and its VM's GUID`;
    return refuseArgument("node.vmId", "", problem);
  }
  const vm = resolveInstance(place, node);
  return vm.ok ? ok({ vm: vm.value }) : vm;
}

/** The same where a disk is named, too. */
export function vmTargetOf(place: DefaultDiskPlace, { diskUri, node }: DiskOfNode): Result<OnVm> {
  const vm = vmOf(place, node);
  if (!vm.ok) return vm;
  const disk = diskTargetOf(place, diskUri);
  return disk.ok ? vm : disk;
}
