import type { NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import type { Lane } from "../../../core/azure/lane.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { type Result, fail, ok } from "../../../core/failure/result.ts";
import type { FenceProof } from "../../../ports/cloud/cloud-provisioner.ts";
import type { ArmSession } from "../../arm/arm-session.ts";
import { saysGone, saysNotThere, toFailure } from "../../arm/error-table.ts";
import { ownersOf, readDisk } from "../../disk/disk-owners.ts";
import type { DefaultDiskPlace } from "../../disk/disks.ts";
import type { SharedVmReads } from "../shared-vm-reads.ts";
import type { NotThere } from "../vm-request.ts";
import type { VmTarget } from "../vm-update.ts";
import { resolveInstance } from "./resolve-instance.ts";

/** A disk, and a node whose VM is not at its resource id. */
export interface Missing {
  readonly diskUri: string;
  readonly node: NodeIdentity;
  readonly lane: Lane;
}

/** The collaborators of a proof that a VM is gone. */
export interface GoneContext {
  readonly session: ArmSession;
  readonly place: Pick<DefaultDiskPlace, "subscriptionId">;
  /** Disks of one VM are proven together. */
  readonly vmReads: SharedVmReads;
}

/**
 * Reads a node's VM and, if it is not at its resource id, proves that it is gone. Undefined: it exists.
 * Changes nothing.
 */
export async function proveGone(
  context: GoneContext,
  missing: Missing & { readonly vm: VmTarget },
  signal: AbortSignal,
): Promise<Result<FenceProof | undefined>> {
  const { node, vm } = missing;
  const read = await context.vmReads.read(vm, signal);
  if (read.ok && read.value.vmId === node.vmId.toLowerCase()) return ok(undefined);
  if (!read.ok && !saysNotThere(read.failure))
    return fail(toFailure(read.failure, { nodeName: node.nodeName }));
  return proveMissingVmGone(
    context,
    missing,
    read.ok ? { kind: "instanceReplaced", vmId: read.value.vmId } : { kind: "instanceGone" },
    signal,
  );
}

/**
 * Proves that a VM which is not at its resource id is gone. A 404 alone proves nothing: the id may be
 * outdated, or belong to a mistyped resource group. The proof needs a read of the disk, and of each VM
 * that it names as its owner, which must have another vmId. An owner that can't be read, or that the
 * disk still names although it is gone, is waited for (the disk lags after a VM's deletion), bounded by
 * `ownerPatienceMs` from the first answer on, and then a retryable failure.
 */
export async function proveMissingVmGone(
  context: GoneContext,
  missing: Missing,
  found: NotThere,
  signal: AbortSignal,
): Promise<Result<FenceProof>> {
  const { session } = context;
  const { nodeName, vmId, instanceUri } = missing.node;
  let firstMs: number | undefined;
  for (let attempt = 1; ; attempt++) {
    const compared = await compareOwners(context, missing, signal);
    firstMs ??= session.clock.elapsedMs();
    if (compared.ok)
      return ok({
        kind: "instanceGone",
        detail:
          (found.kind === "instanceGone"
            ? `there is no VM ${instanceUri}`
            : `VM ${instanceUri} of ${nodeName} is now ${found.vmId}`) +
          `, and no VM that the disk names has vmId ${vmId}`,
      });
    const isOver = session.clock.elapsedMs() - firstMs > session.settings.ownerPatienceMs;
    if (isOver || !isRetryable(compared.failure)) return compared;
    await session.backOff(attempt, signal);
  }
}

/** Success only where every owner of the disk is known to be another VM than the node's. */
async function compareOwners(
  context: GoneContext,
  missing: Missing,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { session, place, vmReads } = context;
  const { diskUri, node, lane } = missing;
  const unknown = (problem: string): Result<never> =>
    fail({ kind: "InstanceUnknown", nodeName: node.nodeName, instanceUri: node.instanceUri, problem });
  const disk = await readDisk(session, { diskUri, lane }, signal);
  // Both may have been moved, and the VM may write to the disk where they are now.
  if (!disk.ok && saysGone(disk.failure))
    return unknown(
      `there is no disk ${diskUri} either, which would name its owners (if both were deleted, delete the ` +
        "disk's AzVolume)",
    );
  if (!disk.ok) return fail(toFailure(disk.failure, { diskUri }));
  for (const owner of ownersOf(disk.value)) {
    const vm = resolveInstance(place, { nodeName: node.nodeName, instanceUri: owner });
    if (!vm.ok) return unknown(`the disk names ${owner} as an owner, which this driver can't read`);
    // Started after the disk was read: only then does the answer identify the VM that the disk names.
    const read = await vmReads.read(vm.value, signal);
    if (!read.ok && !saysNotThere(read.failure))
      return fail(toFailure(read.failure, { nodeName: node.nodeName }));
    if (!read.ok) return unknown(`the disk still names ${owner} as an owner, though no such VM exists`);
    if (read.value.vmId === node.vmId.toLowerCase())
      return unknown(`the VM with vmId ${node.vmId} is at ${owner}, and has the disk`);
  }
  return ok(undefined);
}
