import { type EtagWrite, etagWriteAfter } from "../../core/azure/etag-write.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { parseInstanceUri } from "../../core/azure/ids/instance-uri.ts";
import { pollDelayMs } from "../../core/azure/pace/poll-delay.ts";
import { type FencedVm, type FenceMove, planFence } from "../../core/azure/plan-fence.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { FenceProof } from "../../ports/cloud/cloud-provisioner.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";
import type { ArmError, ArmVm, ArmVmChange } from "../arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../arm/arm-error.ts";
import { isOperationFailure, isWorthRetrying, saysNotThere, toFailure } from "../arm/error-table.ts";
import { isTerminal } from "../arm/provisioning-state.ts";
import { RetryBudget } from "../arm/retry-budget.ts";
import { diskKeyOf } from "../disk/disk-key.ts";
import { missingDisks, withoutMissing } from "../disk/missing-disks.ts";
import type { SharedDiskReads } from "../disk/shared-disk-reads.ts";
import { untilDisowned } from "../disk/until-disowned.ts";
import {
  checkForeignDetaches,
  checkPreconditions,
  forcedDetachesOf,
  foreignDetaches,
} from "./check-preconditions.ts";
import { type GoneContext, proveMissingVmGone } from "./instance/prove-gone.ts";
import type { UpdatesUnderWay } from "./updates-under-way.ts";
import type { NotThere, VmRequest } from "./vm-request.ts";
import { type VmTarget, type VmUpdate, detachingEntry, readVm, updateVm } from "./vm-update.ts";

/** Set on a VM whose ETag no smaller write moves. */
const FENCE_TAG = "disk.csi.azure.com-fence";

/**
 * Updates that are accepted and then fail, before each disk of the batch is tried by itself, and a
 * single one given up.
 */
const OPERATION_FAILURES_MAX = 2;

/**
 * Reads of a VM that still shows its old ETag after the largest write, over about 15 s: reads may lag behind
 * writes, and a pause would follow.
 */
const LATE_READS_MAX = 6;

/** The collaborators of fences of one VM. */
export interface FenceContext extends GoneContext {
  readonly diskReads: SharedDiskReads;
  readonly vm: VmTarget;
  readonly etagWrites: EtagWriteMemory;
  readonly underWay: UpdatesUnderWay;
}

/** An update that Azure has accepted. */
interface Sent {
  /** The VM as it was: by `If-Match`, at the moment of the update. */
  readonly before: ArmVm;
  readonly requests: readonly VmRequest[];
  /** The kind of write if it only moves the ETag. */
  readonly etagWrite: EtagWrite | undefined;
  /** The disks that it forces off: none where a regular detach is tried. Undefined: it detaches none. */
  readonly forced: ReadonlySet<string> | undefined;
  /** Azure has reported it succeeded. */
  readonly hasSucceeded: boolean;
}

/** What a read shows of the update that was sent before it. */
type UpdateOutcome =
  /** Nothing yet: the update may still be under way. */
  | { readonly kind: "pending" }
  /** Nothing of the largest write: the read may be older than that. */
  | { readonly kind: "late" }
  /** Another machine: the open requests now concern that one. */
  | { readonly kind: "replaced" }
  /** It has left the ETag as it was. A larger write may move it. */
  | { readonly kind: "unmoved" }
  /** It has left the ETag as it was, and so does every write. */
  | { readonly kind: "unmovable" }
  /** It has moved the ETag: what that means for the requests that are open. */
  | {
      readonly kind: "moved";
      readonly flushed: readonly VmRequest[];
      /** The VM no longer lists their disks. */
      readonly off: readonly VmRequest[];
      /** The VM still lists their disks. */
      readonly listed: readonly VmRequest[];
    };

/**
 * Detaches disks and *moves the VM's ETag even if they are detached already*, so that a write which a former
 * leader prepared fails. Each round: read the VM with its ETag, conclude from it what the last update has
 * done, decide, check `precondition`, update with `If-Match`, wait for the end. ETags are small numbers and
 * may recur, so an ETag alone proves nothing: the proof is the entry's absence, after an update of this
 * process, at an ETag other than before it. Never a guess.
 */
export class FenceBatch {
  readonly #context: FenceContext;
  readonly #batch: readonly VmRequest[];
  readonly #lifetime: AbortSignal;
  readonly #retries: RetryBudget;
  readonly #startedMs: number;
  #operationFailures = 0;
  #lateReads = 0;
  /** A regular detach was tried, and has not detached the disks. */
  #isRegularOver = false;
  /** Listed disks that do not exist, and that Azure has refused updates for: later ones leave them out. */
  readonly #missing = new Set<string>();
  #busySinceMs: number | undefined;
  #sent: Sent | undefined;

  constructor(context: FenceContext, batch: readonly VmRequest[], lifetime: AbortSignal) {
    this.#context = context;
    this.#batch = batch;
    this.#lifetime = lifetime;
    this.#retries = new RetryBudget(context.session, context.vm, lifetime);
    this.#startedMs = context.session.clock.elapsedMs();
  }

  /** All requests have ended when it returns, each with proof or with a failure. */
  async run(): Promise<void> {
    while (this.#openRequests().length > 0) await this.#runRound();
  }

  #openRequests(): readonly VmRequest[] {
    return this.#batch.filter((request) => !request.isSettled);
  }

  async #runRound(): Promise<void> {
    const { session, vm } = this.#context;
    const regularLeftMs = this.#regularLeftMs();
    const read = await readVm(
      session,
      vm,
      { lane: "failover", instanceView: regularLeftMs > 0 },
      this.#lifetime,
    );
    if (!read.ok) return saysNotThere(read.failure) ? this.#proveVmGone() : this.#backOffOrFail(read.failure);
    await this.#proveReplaced(read.value);
    settleListed(this.#openRequests(), read.value);
    if (this.#sent !== undefined) {
      const outcome = concludeUpdate(this.#sent, read.value, { vm, lateReads: this.#lateReads });
      if (outcome.kind === "late") return session.backOff(++this.#lateReads, this.#lifetime);
      const trouble = await this.#endUpdate(this.#sent, read.value, outcome);
      if (trouble !== undefined) return this.#backOffOrFail(trouble);
    }
    if (this.#openRequests().length === 0) return;
    const seen = await this.#observeVm(read.value, regularLeftMs);
    const move = planFence(seen);
    if (move.kind === "wait") return this.#awaitOperation(seen.whose);
    const permitted = await checkPreconditions(this.#openRequests().map((request) => ({ request })));
    const ownKeysOf = (planned: typeof permitted): ReadonlySet<string> =>
      diskKeysToDetach(planned.map(({ request }) => request));
    const allowed = (await checkForeignDetaches(permitted, { model: read.value, ownKeysOf })).map(
      ({ request }) => request,
    );
    if (allowed.length === 0) return;
    const forced = await forcedBy(move, read.value, allowed);
    // A caller that has given up in between, or has to wait by now, takes no part in the update.
    if (allowed.some(({ isSettled }) => isSettled)) return;
    if (seen.isUpdating && this.#isForcing(forced)) return this.#awaitOperation(seen.whose);
    this.#busySinceMs = undefined;
    await this.#sendUpdate(read.value, forced, allowed);
  }

  /**
   * Whether the update under way already forces these disks, and hangs with another one: sent again, it would
   * only begin again.
   */
  #isForcing(diskKeys: Sent["forced"] = new Set()): boolean {
    const { forced } = this.#sent ?? {};
    return (
      forced !== undefined &&
      this.#othersUnforced().length > 0 &&
      [...diskKeys].every((key) => forced.has(key))
    );
  }

  /** The names of the disks of others that the last update detaches, and does not force. */
  #othersUnforced(): readonly string[] {
    const { before, requests, forced } = this.#sent ?? {};
    if (before === undefined || requests === undefined || forced === undefined) return [];
    return unforcedIn(before, new Set([...forced, ...diskKeysToDetach(requests)]));
  }

  async #observeVm(model: ArmVm, regularLeftMs: number): Promise<FencedVm> {
    const { session, vm, underWay } = this.#context;
    underWay.observe(model);
    const toDetach = diskKeysToDetach(this.#openRequests());
    const isListed = listsAny(model, toDetach);
    const isUpdating = !isTerminal(model.provisioningState);
    const target = { resource: vm.key, lane: "failover" } as const;
    const isOwn =
      isUpdating &&
      isListed &&
      (await underWay.pollOwn((own) => session.isRunning(own, target, this.#lifetime)));
    const leavingForMs = underWay.leavingForMs(model, toDetach);
    const whose = isOwn ? "own" : leavingForMs === undefined ? "others" : "perhapsOwn";
    const detachLeftMs = Math.max(0, session.settings.detachPatienceMs - (leavingForMs ?? 0));
    return { isListed, isUpdating, whose, answers: isAnswering(model), regularLeftMs, detachLeftMs };
  }

  /** How long a regular detach may still be tried; zero if nothing has to be detached. */
  #regularLeftMs(): number {
    const { clock, settings } = this.#context.session;
    if (this.#isRegularOver || diskKeysToDetach(this.#openRequests()).size === 0) return 0;
    return Math.max(0, settings.fenceRegularDetachMs - (clock.elapsedMs() - this.#startedMs));
  }

  async #sendUpdate(before: ArmVm, forced: Sent["forced"], allowed: readonly VmRequest[]): Promise<void> {
    const { session, vm, underWay, etagWrites } = this.#context;
    const listed = withoutMissing(before, this.#missing);
    // The shorter list moves the ETag by itself.
    const isShorter = listed.dataDisks.length < before.dataDisks.length;
    const etagWrite = forced === undefined && !isShorter ? etagWriteFor(vm, etagWrites.etagWrite) : undefined;
    if (etagWrite !== undefined && underWay.isEtagPaused) return this.#settleUnproven(allowed);
    const change =
      etagWrite === undefined
        ? withoutDisks(listed, diskKeysToDetach(allowed), forced ?? new Set())
        : etagMove(before, etagWrite, session.random.uuid());
    const isRegular = forced?.size === 0;
    const wait = this.#waitFor({ before, etagWrite, forced });
    const updated = await updateVm(
      session,
      { vm, ifMatch: before.etag, change, lane: "failover", underWay, ...wait },
      this.#lifetime,
    );
    const wasTakenUp =
      updated.ok ||
      updated.failure.code === ownErrorCodes.stillRunning ||
      isOperationFailure(updated.failure);
    if (wasTakenUp) this.#sent = { before, requests: allowed, etagWrite, forced, hasSucceeded: updated.ok };
    if (isRegular && wasTakenUp) this.#isRegularOver = true;
    else if (!updated.ok && !(await this.#findMissing(updated.failure, listed)))
      await this.#handleFailedUpdate(updated.failure, allowed);
  }

  /** Whether a refused update has shown listed disks that do not exist. */
  async #findMissing(error: ArmError, { dataDisks: entries }: ArmVm): Promise<boolean> {
    const refused = { error, entries, lane: "failover" } as const;
    const missing = await missingDisks(this.#context.session, refused, this.#lifetime);
    for (const diskKey of missing) this.#missing.add(diskKey);
    return missing.length > 0;
  }

  /** How the end of an update is awaited, where not as of any other. */
  #waitFor({
    before,
    etagWrite,
    forced,
  }: Pick<Sent, "before" | "etagWrite" | "forced">): Pick<VmUpdate, "maxMs" | "isDone"> {
    const { settings } = this.#context.session;
    if (etagWrite !== undefined) return { maxMs: settings.etagMoveMaxMs, isDone: hasMoved(before) };
    if (forced?.size === 0) return { maxMs: this.#regularLeftMs() };
    // It may hang with a disk that it does not force. Whether to force that one is asked again.
    if (unforcedIn(before, forced).length > 0) return { maxMs: settings.inFlightPatienceMs };
    return {};
  }

  /** No write moves the ETag: ends requests without their proof, until a later one may try again. */
  #settleUnproven(requests: readonly VmRequest[]): void {
    const { vm, session } = this.#context;
    for (const request of requests)
      request.settle(
        fail({
          kind: "EtagNotMoved",
          nodeName: request.spec.node.nodeName,
          instanceUri: vm.uri,
          retryAfterMs: session.settings.etagReadMs,
        }),
      );
  }

  /** Carries out what the last update has come to. Returns why another update is needed. */
  async #endUpdate(
    { before, requests, etagWrite }: Sent,
    after: ArmVm,
    outcome: Exclude<UpdateOutcome, { kind: "late" }>,
  ): Promise<ArmError | undefined> {
    const { session, vm, etagWrites, underWay } = this.#context;
    if (outcome.kind === "pending") return undefined;
    this.#sent = undefined;
    switch (outcome.kind) {
      case "replaced":
        return undefined;
      case "unmovable":
        underWay.pauseEtag(after.etag, session.settings.etagPauseMs);
        this.#settleUnproven(requests);
        return undefined;
      case "unmoved":
        if (etagWrite !== undefined) etagWrites.recordEtagUnmoved(etagWrite);
        return ownError("EtagNotMoved", `the update of VM ${vm.name} left its ETag ${after.etag} as it was`);
      case "moved":
        for (const request of outcome.flushed) request.settle(ok({ kind: "flushed" }));
        await proveAll(outcome.off, (request) =>
          proveEntryGone(this.#context, { before, after }, request, this.#lifetime),
        );
        if (outcome.listed.every(({ isSettled }) => isSettled)) return undefined;
        return ownError(
          "DiskStillAttached",
          `the detach from VM ${vm.name} succeeded, but the disk is still listed`,
        );
    }
  }

  #proveVmGone(): Promise<void> {
    for (const request of this.#openRequests())
      if (request.kind === "flush")
        request.settle(fail({ kind: "InstanceNotFound", nodeName: request.spec.node.nodeName }));
    return this.#proveEnded(this.#openRequests(), { kind: "instanceGone" });
  }

  /**
   * Another VM is at the resource id. A `flush` concerns that VM, too: an earlier update was sent to the id,
   * and reaches the VM that is there by then.
   */
  #proveReplaced(model: ArmVm): Promise<void> {
    const replaced = this.#openRequests().filter(
      ({ kind, spec }) => kind !== "flush" && spec.node.vmId.toLowerCase() !== model.vmId,
    );
    return this.#proveEnded(replaced, { kind: "instanceReplaced", vmId: model.vmId });
  }

  #proveEnded(requests: readonly VmRequest[], found: NotThere): Promise<void> {
    return proveAll(requests, ({ spec: { diskUri, node } }) =>
      proveMissingVmGone(this.#context, { diskUri, node, lane: "failover" }, found, this.#lifetime),
    );
  }

  /**
   * Waits, within a limit, for the operation under way on the VM: it is neither disturbed nor forced.
   * The end of its own write is awaited like any operation's.
   */
  async #awaitOperation(whose: FencedVm["whose"]): Promise<void> {
    const { session, underWay } = this.#context;
    const { clock, settings } = session;
    this.#busySinceMs ??= clock.elapsedMs();
    const elapsedMs = clock.elapsedMs() - this.#busySinceMs;
    const patienceMs =
      this.#sent === undefined && whose !== "perhapsOwn"
        ? settings.inFlightPatienceMs
        : settings.operationMaxMs;
    if (elapsedMs < patienceMs) {
      const waitedMs = Math.max(elapsedMs, underWay.waitedMs(this.#openRequests()));
      const delayMs = pollDelayMs(settings.vmPollPace, { elapsedMs: waitedMs, retryAfterMs: undefined });
      const next = { lane: "failover", delayMs, maxMs: patienceMs - elapsedMs } as const;
      return session.untilNextLook(next, this.#lifetime);
    }
    const what =
      whose === "others" && !underWay.mayBeOwn
        ? "an update, reimage or upgrade that this controller has not begun"
        : "an update";
    const { name } = this.#context.vm;
    const unforced = whose === "others" ? [] : this.#othersUnforced();
    const busy = ownError(
      "VmBeingUpdated",
      unforced.length > 0
        ? `the update of VM ${name} also detaches ${unforced.join(", ")}, which others have asked for: it is ` +
            "not forced, and has not ended"
        : `Azure works on ${what} of VM ${name}; nothing is forced before it has ended`,
    );
    for (const request of this.#openRequests()) request.settleFailed(busy);
  }

  async #handleFailedUpdate(error: ArmError, writers: readonly VmRequest[]): Promise<void> {
    if (isOperationFailure(error)) this.#operationFailures++;
    // An operation that failed may have done its work all the same: the next round shows it. Failing
    // repeatedly is an answer, too.
    const mayHaveWorked = isOperationFailure(error) && this.#operationFailures <= OPERATION_FAILURES_MAX;
    const retryable = mayHaveWorked ? ownError(error.code, error.message) : asRetryable(error);
    if (isWorthRetrying(retryable)) return this.#backOffOrFail(retryable);
    const [only, ...others] = writers;
    if (only !== undefined && others.length === 0) only.settleFailed(error);
    // A refused update may be one disk's fault: each is tried alone.
    else for (const request of writers) await new FenceBatch(this.#context, [request], this.#lifetime).run();
  }

  #backOffOrFail(error: ArmError): Promise<void> {
    return this.#retries.backOffOrFail(error, this.#openRequests(), "failover");
  }
}

/**
 * Concludes from a read what an update has done. One that failed, or whose end was not awaited, may have done
 * its work all the same: another ETag shows that, once nothing runs on the VM.
 */
function concludeUpdate(
  { before, requests, etagWrite, hasSucceeded }: Sent,
  after: ArmVm,
  { vm, lateReads }: { readonly vm: VmTarget; readonly lateReads: number },
): UpdateOutcome {
  if (after.vmId !== before.vmId) return { kind: "replaced" };
  const isMoved = after.etag !== before.etag;
  if (!hasSucceeded && !(isMoved && isTerminal(after.provisioningState))) return { kind: "pending" };
  if (!isMoved) {
    if (etagWrite === undefined || !isLargest(vm, etagWrite)) return { kind: "unmoved" };
    return { kind: lateReads < LATE_READS_MAX ? "late" : "unmovable" };
  }
  const open = requests.filter((request) => !request.isSettled);
  const detached = open.filter(({ kind }) => kind !== "flush");
  // An entry that is only marked `toBeDetached` is an entry.
  const isListed = ({ diskKey }: VmRequest): boolean => listsAny(after, new Set([diskKey]));
  return {
    kind: "moved",
    flushed: open.filter(({ kind }) => kind === "flush"),
    off: detached.filter((request) => !isListed(request)),
    listed: detached.filter(isListed),
  };
}

function diskKeysToDetach(requests: readonly VmRequest[]): ReadonlySet<string> {
  return new Set(requests.filter(({ kind }) => kind === "fence").map((request) => request.diskKey));
}

/** What the next update forces off; see `Sent`. */
async function forcedBy(
  move: Exclude<FenceMove, { kind: "wait" }>,
  model: ArmVm,
  allowed: readonly VmRequest[],
): Promise<Sent["forced"]> {
  const toDetach = diskKeysToDetach(allowed);
  // The disk to detach may be the one that was refused.
  if (move.kind === "moveEtag" || !listsAny(model, toDetach)) return undefined;
  if (!move.force) return new Set();
  const fences = allowed.filter(({ kind }) => kind === "fence");
  return new Set([...toDetach, ...(await forcedDetachesOf(fences, { model, ownKeys: toDetach }))]);
}

/** The names of the disks that an update by force detaches without it. */
function unforcedIn(model: ArmVm, forced: Sent["forced"] = new Set()): readonly string[] {
  return foreignDetaches(model, forced).map(({ name }) => name ?? "?");
}

function listsAny(model: ArmVm, diskKeys: ReadonlySet<string>): boolean {
  return model.dataDisks.some((entry) => diskKeys.has(diskKeyOf(entry)));
}

/** Whether the VM runs and its agent is ready, by an instance view: a model without one shows neither. */
function isAnswering({ statusCodes = [], agentStatusCodes = [] }: ArmVm): boolean {
  const has = (codes: readonly string[], code: string): boolean =>
    codes.some((other) => other.toLowerCase() === code);
  return has(statusCodes, "powerstate/running") && has(agentStatusCodes, "provisioningstate/succeeded");
}

/**
 * The list without the disks, and without what is marked as leaving already: the update carries that out with
 * the rest, and ends only once all of it is off.
 */
function withoutDisks(model: ArmVm, toDetach: ReadonlySet<string>, forced: ReadonlySet<string>): ArmVmChange {
  return {
    dataDisks: model.dataDisks.map((entry) => {
      const key = diskKeyOf(entry);
      return toDetach.has(key) || entry.toBeDetached === true
        ? detachingEntry(entry, { force: forced.has(key) })
        : entry;
    }),
  };
}

/**
 * An instance of a scale set gets no tag: the set's model has its tags, and the instance would no longer be
 * what the model says.
 */
function etagWriteFor(vm: VmTarget, learned: EtagWrite): EtagWrite {
  return vm.scaleSet !== undefined && learned === "tag" ? "dataDisks" : learned;
}

function isLargest(vm: VmTarget, write: EtagWrite): boolean {
  return etagWriteFor(vm, etagWriteAfter(write)) === write;
}

/** The smallest change that moves the ETag. */
function etagMove(model: ArmVm, write: EtagWrite, mark: string): ArmVmChange {
  if (write === "empty") return {};
  return write === "dataDisks"
    ? { dataDisks: model.dataDisks }
    : { tags: { ...model.tags, [FENCE_TAG]: mark } };
}

/**
 * Whether a later model of the VM shows that its ETag has moved, and that nothing runs: Azure may
 * report such a write as running for long while a zone fails.
 */
function hasMoved(before: ArmVm): (later: ArmVm) => boolean {
  return (later) =>
    later.etag !== before.etag && later.vmId === before.vmId && later.provisioningState === "Succeeded";
}

/** Answers each `prove` whose disk the VM lists: it must not detach the disk, so there is no proof. */
function settleListed(open: readonly VmRequest[], model: ArmVm): void {
  for (const request of open)
    if (request.kind === "prove" && model.dataDisks.some((entry) => diskKeyOf(entry) === request.diskKey))
      request.settle(ok({ kind: "listed" }));
}

async function proveAll(
  requests: readonly VmRequest[],
  prove: (request: VmRequest) => Promise<Result<FenceProof>>,
): Promise<void> {
  await Promise.all(
    requests.map(async (request) => {
      const proof = await prove(request);
      if (proof.ok) request.settle(ok({ kind: "proven", proof: proof.value }));
      else request.settle(proof);
    }),
  );
}

/** The VM's list no longer has the disk; the disk must agree. */
async function proveEntryGone(
  context: FenceContext,
  reads: { readonly before: ArmVm; readonly after: ArmVm },
  request: VmRequest,
  signal: AbortSignal,
): Promise<Result<FenceProof>> {
  const { vm } = context;
  const { diskUri, node } = request.spec;
  const isOwner = (owner: string): boolean => mayBeVm(owner, vm.uri, reads.after.id);
  const disowned = await untilDisowned(context, { diskUri, isOwner }, signal);
  if (!disowned.ok) return fail(toFailure(disowned.failure, { diskUri, nodeName: node.nodeName }));
  return ok({
    kind: "entryGone",
    detail:
      `VM ${reads.after.name} (${reads.after.vmId}) has no entry for the disk; its ETag moved from ` +
      `${reads.before.etag} to ${reads.after.etag}`,
  });
}

/** Whether an owner that a disk names may be the VM of these ids. One that can't be parsed may be any VM. */
function mayBeVm(owner: string, ...vmUris: readonly string[]): boolean {
  return parseInstanceUri(owner) === undefined || vmUris.some((vmUri) => isSameResourceUri(owner, vmUri));
}

/** A VM that vanishes between read and write is no refusal, nor is a disk that reads still find. */
function asRetryable(error: ArmError): ArmError {
  return saysNotThere(error) ? ownError("NotFoundDuringFence", error.message) : error;
}
