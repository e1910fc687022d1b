import { isSameArmId, parseArmId } from "../core/cloud/arm-id.ts";
import { type Result, fail, ok } from "../core/result.ts";
import type { FenceProof } from "../ports/cloud-provisioner.ts";
import type { ArmError, ArmVm, ArmVmChange } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";
import type { ArmSession } from "./arm-session.ts";
import { askEach } from "./ask-each.ts";
import { untilDisowned } from "./disk-owners.ts";
import { isWorthRetrying, saysNotThere, toFailure } from "./error-table.ts";
import { Troubles } from "./troubles.ts";
import type { VmRequest } from "./vm-request.ts";
import { type VmTarget, diskKeyOf, leaving, readVm, updateVm } from "./vm-update.ts";

/** Set on a VM whose ETag an empty update does not move. */
export const FENCE_TAG = "disk.csi.azure.com-fence";

/** What fences have learnt of this cloud. */
export interface FenceMemory {
  /** Whether an update that changes nothing moves a VM's ETag; true until one did not. */
  emptyUpdateMovesEtag: boolean;
}

/**
 * Fences disks off one VM: takes them off by force, *moves the VM's ETag even if they are off already* (so that a write which a former leader prepared
 * fails), and settles each with proof or with a failure, never with a guess.
 *
 * Each round: read the VM with its ETag, ask `mayProceed`, update with `If-Match`, wait for the end, read again, look at the disk. ETags are small
 * numbers and may recur, so an ETag alone proves nothing: the proof is the entry's absence at an ETag other than before our update.
 */
export async function runFenceBatch(
  fences: { readonly session: ArmSession; readonly vm: VmTarget; readonly memory: FenceMemory },
  batch: readonly VmRequest[],
  lifetime: AbortSignal,
): Promise<void> {
  const { session, vm, memory } = fences;
  const troubles = new Troubles(session, vm, lifetime);
  for (;;) {
    const open = batch.filter((request) => !request.isSettled);
    if (open.length === 0) return;

    const before = await readVm(session, vm, "failover", lifetime);
    if (!before.ok) {
      if (saysNotThere(before.failure)) return proveAll(open, (request) => instanceGone(session, vm, request, lifetime));
      if (await troubles.endure(before.failure, open, "failover")) continue;
      return;
    }
    settleReplaced(open, before.value);
    const allowed = (await askEach(open.filter((request) => !request.isSettled).map((request) => ({ request })))).map(({ request }) => request);
    if (allowed.length === 0) continue;

    const change = changeFor(before.value, allowed, { memory, mark: session.random.uuid() });
    const updated = await updateVm(session, { vm, ifMatch: before.value.etag, change, lane: "failover" }, lifetime);
    if (!updated.ok) {
      if (isWorthRetrying(updated.failure) || saysNotThere(updated.failure)) {
        if (await troubles.endure(asRetryable(updated.failure), open, "failover")) continue;
        return;
      }
      await oneByOne(fences, { writers: allowed, error: updated.failure }, lifetime);
      continue;
    }

    const after = await readVm(session, vm, "failover", lifetime);
    if (!after.ok || after.value.vmId !== before.value.vmId) {
      // Gone or another machine: the next round's read says so again and proves it. Lost: the next round starts over.
      if (await troubles.endure(after.ok ? ownError("InstanceReplaced", `VM ${vm.name} was replaced meanwhile`) : asRetryable(after.failure), open, "failover"))
        continue;
      return;
    }
    if (after.value.etag === before.value.etag) {
      if (isEmpty(change)) memory.emptyUpdateMovesEtag = false;
      if (await troubles.endure(ownError("EtagNotMoved", `the update of VM ${vm.name} left its ETag ${after.value.etag} as it was`), open, "failover"))
        continue;
      return;
    }
    const off = allowed.filter((request) => !after.value.dataDisks.some((entry) => diskKeyOf(entry) === request.diskKey));
    await proveAll(off, (request) => entryGone(session, { before: before.value, after: after.value }, request, lifetime));
    const left = open.filter((request) => !request.isSettled);
    if (
      left.length > 0 &&
      !(await troubles.endure(ownError("DiskStillAttached", `the forced detach from VM ${vm.name} succeeded, but the disk is still listed`), left, "failover"))
    )
      return;
  }
}

/** Takes the disks off; if none is there, moves the ETag. */
function changeFor(model: ArmVm, allowed: readonly VmRequest[], options: { readonly memory: FenceMemory; readonly mark: string }): ArmVmChange {
  const victims = new Set(allowed.map((request) => request.diskKey));
  if (model.dataDisks.some((entry) => victims.has(diskKeyOf(entry)))) {
    return { dataDisks: model.dataDisks.map((entry) => (victims.has(diskKeyOf(entry)) ? leaving(entry, { force: true }) : entry)) };
  }
  return options.memory.emptyUpdateMovesEtag ? {} : { tags: { ...model.tags, [FENCE_TAG]: options.mark } };
}

function isEmpty(change: ArmVmChange): boolean {
  return change.dataDisks === undefined && change.tags === undefined;
}

/** A refused update may be one disk's fault: each is tried alone. */
async function oneByOne(
  fences: { readonly session: ArmSession; readonly vm: VmTarget; readonly memory: FenceMemory },
  failed: { readonly writers: readonly VmRequest[]; readonly error: ArmError },
  lifetime: AbortSignal,
): Promise<void> {
  const [only, ...others] = failed.writers;
  if (only !== undefined && others.length === 0) only.settle(fail(toFailure(failed.error, { diskUri: only.spec.diskUri, nodeName: only.spec.node.nodeName })));
  else for (const request of failed.writers) await runFenceBatch(fences, [request], lifetime);
}

function settleReplaced(open: readonly VmRequest[], model: ArmVm): void {
  for (const request of open) {
    const { nodeName, vmId } = request.spec.node;
    if (vmId.toLowerCase() === model.vmId) continue;
    request.settle(ok({ kind: "fenced", proof: { kind: "instanceReplaced", detail: `VM ${nodeName} is now ${model.vmId}; the node was ${vmId}` } }));
  }
}

async function proveAll(requests: readonly VmRequest[], prove: (request: VmRequest) => Promise<Result<FenceProof, ArmError>>): Promise<void> {
  await Promise.all(
    requests.map(async (request) => {
      const proof = await prove(request);
      if (proof.ok) request.settle(ok({ kind: "fenced", proof: proof.value }));
      else request.settle(fail(toFailure(proof.failure, { diskUri: request.spec.diskUri, nodeName: request.spec.node.nodeName })));
    }),
  );
}

/** The VM's list no longer has the disk; the disk must agree. */
async function entryGone(
  session: ArmSession,
  reads: { readonly before: ArmVm; readonly after: ArmVm },
  request: VmRequest,
  signal: AbortSignal,
): Promise<Result<FenceProof, ArmError>> {
  const disowned = await untilDisowned(
    session,
    { diskUri: request.spec.diskUri, lane: "failover", isOwner: (vmUri) => isSameArmId(vmUri, reads.after.id) },
    signal,
  );
  if (!disowned.ok) return disowned;
  return ok({
    kind: "entryGone",
    detail: `VM ${reads.after.name} (${reads.after.vmId}) has no entry for the disk; its ETag moved from ${reads.before.etag} to ${reads.after.etag}`,
  });
}

/**
 * A 404. Also then the disk must name no VM of that name in any resource group: with a wrong resource group in the settings every VM would seem gone.
 */
async function instanceGone(session: ArmSession, vm: VmTarget, request: VmRequest, signal: AbortSignal): Promise<Result<FenceProof, ArmError>> {
  const isOwner = (vmUri: string): boolean => parseArmId(vmUri)?.name.toLowerCase() === vm.name.toLowerCase();
  const disowned = await untilDisowned(session, { diskUri: request.spec.diskUri, lane: "failover", isOwner }, signal);
  return disowned.ok ? ok({ kind: "instanceGone", detail: `VM ${vm.name} is not there, and the disk names no VM of that name` }) : disowned;
}

/** A VM that vanishes between read and write is no refusal: the next read tells. */
function asRetryable(error: ArmError): ArmError {
  return saysNotThere(error) ? ownError("InstanceGoneMeanwhile", error.message) : error;
}
