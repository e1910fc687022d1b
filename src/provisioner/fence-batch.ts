import { parseArmId } from "../core/cloud/arm-id.ts";
import { isSameResourceUri } from "../core/model/disk-uri.ts";
import { type Result, fail, ok } from "../core/result.ts";
import type { FenceProof } from "../ports/cloud-provisioner.ts";
import type { ArmError, ArmVm, ArmVmChange } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";
import type { ArmSession } from "./arm-session.ts";
import { askEach } from "./ask-each.ts";
import { untilDisowned } from "./disk-owners.ts";
import { isOperationFailure, isWorthRetrying, saysNotThere, toFailure } from "./error-table.ts";
import { Troubles } from "./troubles.ts";
import type { VmRequest } from "./vm-request.ts";
import { type VmTarget, diskKeyOf, leaving, readVm, updateVm } from "./vm-update.ts";

/** Set on a VM whose ETag an empty update does not move. */
const FENCE_TAG = "disk.csi.azure.com-fence";

/** Updates that are accepted and then fail, after which each disk of the batch is tried by itself, and a single one given up. */
const OPERATION_FAILURES_MAX = 2;

/** What fences have learnt of this cloud. */
export interface FenceMemory {
  /** Whether an update that changes nothing moves a VM's ETag; true until one did not. */
  emptyUpdateMovesEtag: boolean;
}

/** What fences of one VM work with. */
export interface FenceContext {
  readonly session: ArmSession;
  readonly vm: VmTarget;
  readonly memory: FenceMemory;
}

/** Fences disks off one VM, or sees to it that nothing is under way to it any more; all requests are settled at the end, each with proof or with a failure. */
export function runFenceBatch(context: FenceContext, batch: readonly VmRequest[], lifetime: AbortSignal): Promise<void> {
  return new FenceBatch(context, batch, lifetime).run();
}

/**
 * Takes disks off by force and *moves the VM's ETag even if they are off already*, so that a write which a former leader prepared fails. Each round: read
 * the VM with its ETag, ask `mayProceed`, update with `If-Match`, wait for the end, read again, look at the disk. ETags are small numbers and may recur, so
 * an ETag alone proves nothing: the proof is the entry's absence at an ETag other than before our update. Never a guess.
 */
class FenceBatch {
  readonly #context: FenceContext;
  readonly #batch: readonly VmRequest[];
  readonly #lifetime: AbortSignal;
  readonly #troubles: Troubles;
  #operationFailures = 0;

  constructor(context: FenceContext, batch: readonly VmRequest[], lifetime: AbortSignal) {
    this.#context = context;
    this.#batch = batch;
    this.#lifetime = lifetime;
    this.#troubles = new Troubles(context.session, context.vm, lifetime);
  }

  async run(): Promise<void> {
    while (this.#open().length > 0) await this.#round();
  }

  #open(): readonly VmRequest[] {
    return this.#openOf(this.#batch);
  }

  #openOf(requests: readonly VmRequest[]): readonly VmRequest[] {
    return requests.filter((request) => !request.isSettled);
  }

  async #round(): Promise<void> {
    const { session, vm, memory } = this.#context;
    const before = await readVm(session, vm, "failover", this.#lifetime);
    if (!before.ok) return saysNotThere(before.failure) ? this.#vmGone() : this.#endure(before.failure);
    settleReplaced(this.#open(), before.value);
    settleListed(this.#open(), before.value);
    if (this.#open().length === 0) return;
    const allowed = (await askEach(this.#open().map((request) => ({ request })))).map(({ request }) => request);
    if (allowed.length === 0) return;

    const change = changeFor(before.value, allowed, { memory, mark: session.random.uuid() });
    const updated = await updateVm(session, { vm, ifMatch: before.value.etag, change, lane: "failover" }, this.#lifetime);
    if (!updated.ok) return this.#updateFailed(updated.failure, allowed);
    const after = await readVm(session, vm, "failover", this.#lifetime);
    if (!after.ok) return this.#endure(asRetryable(after.failure));
    // Another machine: the next round's read says so again and settles.
    if (after.value.vmId !== before.value.vmId) return this.#endure(ownError("InstanceReplaced", `VM ${vm.name} was replaced meanwhile`));
    if (after.value.etag === before.value.etag) {
      if (isEmpty(change)) memory.emptyUpdateMovesEtag = false;
      return this.#endure(ownError("EtagNotMoved", `the update of VM ${vm.name} left its ETag ${after.value.etag} as it was`));
    }
    for (const request of allowed) if (request.kind === "settle") request.settle(ok({ kind: "settled" }));
    await this.#prove(before.value, after.value, this.#openOf(allowed));
  }

  #vmGone(): Promise<void> {
    const { session, vm } = this.#context;
    for (const request of this.#open()) if (request.kind === "settle") request.settle(ok({ kind: "instanceGone" }));
    return proveAll(this.#open(), (request) => instanceGone(session, vm, request, this.#lifetime));
  }

  async #prove(before: ArmVm, after: ArmVm, allowed: readonly VmRequest[]): Promise<void> {
    const { session, vm } = this.#context;
    // An entry that is only marked `toBeDetached` is an entry.
    const off = allowed.filter((request) => !after.dataDisks.some((entry) => diskKeyOf(entry) === request.diskKey));
    await proveAll(off, (request) => entryGone(session, { before, after }, request, this.#lifetime));
    if (this.#open().length > 0)
      await this.#endure(ownError("DiskStillAttached", `the forced detach from VM ${vm.name} succeeded, but the disk is still listed`));
  }

  async #updateFailed(error: ArmError, writers: readonly VmRequest[]): Promise<void> {
    if (isOperationFailure(error)) this.#operationFailures++;
    // An operation that failed may have done its work all the same: the next round tells. Failing again and again is an answer, too.
    const mayHaveWorked = isOperationFailure(error) && this.#operationFailures <= OPERATION_FAILURES_MAX;
    const endurable = mayHaveWorked ? ownError(error.code, error.message) : asRetryable(error);
    if (isWorthRetrying(endurable)) return this.#endure(endurable);
    const [only, ...others] = writers;
    if (only !== undefined && others.length === 0) only.settle(fail(toFailure(error, { diskUri: only.spec.diskUri, nodeName: only.spec.node.nodeName })));
    // A refused update may be one disk's fault: each is tried alone.
    else for (const request of writers) await runFenceBatch(this.#context, [request], this.#lifetime);
  }

  #endure(error: ArmError): Promise<void> {
    return this.#troubles.endure(error, this.#open(), "failover");
  }
}

/** Takes the disks off; if none is there, moves the ETag. */
function changeFor(model: ArmVm, allowed: readonly VmRequest[], options: { readonly memory: FenceMemory; readonly mark: string }): ArmVmChange {
  const victims = new Set(allowed.filter(({ kind }) => kind === "fence").map((request) => request.diskKey));
  if (model.dataDisks.some((entry) => victims.has(diskKeyOf(entry)))) {
    return { dataDisks: model.dataDisks.map((entry) => (victims.has(diskKeyOf(entry)) ? leaving(entry, { force: true }) : entry)) };
  }
  return options.memory.emptyUpdateMovesEtag ? {} : { tags: { ...model.tags, [FENCE_TAG]: options.mark } };
}

function isEmpty(change: ArmVmChange): boolean {
  return change.dataDisks === undefined && change.tags === undefined;
}

function settleReplaced(open: readonly VmRequest[], model: ArmVm): void {
  for (const request of open) {
    const { nodeName, vmId } = request.spec.node;
    // An update is sent to a name: it may reach whichever VM bears that by now.
    if (request.kind === "settle") continue;
    if (vmId.toLowerCase() === model.vmId) continue;
    request.settle(ok({ kind: "fenced", proof: { kind: "instanceReplaced", detail: `VM ${nodeName} is now ${model.vmId}; the node was ${vmId}` } }));
  }
}

/** A proof without a fence is not to be had while the VM lists the disk: whoever asked for it wants nobody cut off. */
function settleListed(open: readonly VmRequest[], model: ArmVm): void {
  for (const request of open)
    if (request.kind === "prove" && model.dataDisks.some((entry) => diskKeyOf(entry) === request.diskKey)) request.settle(ok({ kind: "listed" }));
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
    { diskUri: request.spec.diskUri, lane: "failover", isOwner: (vmUri) => isSameResourceUri(vmUri, reads.after.id) },
    signal,
  );
  if (!disowned.ok) return disowned;
  return ok({
    kind: "entryGone",
    instanceUri: reads.after.id,
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
