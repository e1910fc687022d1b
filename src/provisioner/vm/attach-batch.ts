import { LUNS_MAX } from "../../core/azure/choose-luns.ts";
import { parseArmId } from "../../core/azure/ids/arm-id.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { type Lane, mostUrgentLane } from "../../core/azure/lane.ts";
import { pollDelayMs } from "../../core/azure/pace/poll-delay.ts";
import { sizeClassOf } from "../../core/azure/pace/spaced-poll-delay.ts";
import { splitBatch } from "../../core/azure/plan-batch.ts";
import { type RequestOutcome, planVmUpdate } from "../../core/azure/plan-vm-update.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { ArmDataDisk, ArmError, ArmVm } from "../arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { classOf, isWorthRetrying, saysNotThere } from "../arm/error-table.ts";
import { namesDisk } from "../arm/names-disk.ts";
import type { OperationLikeness } from "../arm/operation-poller.ts";
import { isTerminal } from "../arm/provisioning-state.ts";
import { RetryBudget } from "../arm/retry-budget.ts";
import { diskKeyOf } from "../disk/disk-key.ts";
import { diskOwners } from "../disk/disk-owners.ts";
import { missingDisks, withoutMissing } from "../disk/missing-disks.ts";
import { checkForeignDetaches, checkPreconditions, isAllowed, mayForce } from "./check-preconditions.ts";
import type { Latecomers } from "./group-commit.ts";
import type { UpdatesUnderWay } from "./updates-under-way.ts";
import type { VmAnswer, VmRequest } from "./vm-request.ts";
import type { VmSizes } from "./vm-sizes.ts";
import {
  type VmTarget,
  type VmUpdate,
  detachingEntry,
  isDeletedWithVm,
  readVm,
  updateVm,
} from "./vm-update.ts";

/** Updates that keep a disk from its VM's deletion are tried so often: those of other clients conflict. */
const KEEP_TRIES_MAX = 3;

/**
 * Successful updates that a batch can need: complete a stuck detach, detach disks, attach disks in
 * their place.
 */
const SUCCESSES_MAX = 3;

/** A request with what the plan made of it. */
interface Planned {
  readonly request: VmRequest;
  readonly outcome: RequestOutcome;
}

interface FailedUpdate {
  readonly writers: readonly VmRequest[];
  readonly error: ArmError;
}

/** The collaborators of attaches and detaches of one VM. */
export interface AttachBatchContext {
  readonly session: ArmSession;
  readonly vm: VmTarget;
  readonly sizes: VmSizes;
  readonly underWay: UpdatesUnderWay;
}

/**
 * Attaches and detaches of one VM that share updates. Each round reads the VM, answers the requests that its
 * model already satisfies, checks `precondition` for the rest and writes the rest in one conditional
 * update; the next round's read shows the outcome. So a lost answer, a changed ETag, a conflict, a
 * preemption and a failed operation all end the same way: by reading again, since the operation may
 * have done its work for some disks or all. Requests that arrive before the first write join it.
 *
 * An entry that a failed update leaves without its disk is taken out: Azure tries it again with every
 * later update, which then fails too. A detach that hangs gets less time than other operations: the next
 * round forces it, since Azure lets nothing else reach the VM until then; for an attach only if
 * `forcePrecondition` allows it.
 */
export class AttachBatch {
  readonly #context: AttachBatchContext;
  readonly #session: ArmSession;
  readonly #vm: VmTarget;
  #batch: readonly VmRequest[];
  readonly #lifetime: AbortSignal;
  readonly #retries: RetryBudget;
  /** Disks whose regular detach has taken too long. */
  readonly #overdue = new Set<string>();
  #inFlightSinceMs: number | undefined;
  #hasWritten = false;
  #successes = 0;
  #failed: FailedUpdate | undefined;
  /** Attaches of this and other batches whose disks a failed update was the first to list. */
  readonly #entered: Set<VmRequest>;
  /** Listed disks that do not exist, and that Azure has refused updates for: later ones leave them out. */
  readonly #missing = new Set<string>();
  /** Detaches whose disks named the VM, though its list no longer had them. */
  readonly #disputed = new Set<VmRequest>();
  /** How often Azure was asked to keep the disks of attaches when it deletes the VM. */
  readonly #keepTries = new Map<VmRequest, number>();
  /** What the last update has carried out, according to Azure, until a read shows it. */
  #succeeded: readonly Planned[] = [];

  constructor(
    context: AttachBatchContext,
    batch: readonly VmRequest[],
    lifetime: AbortSignal,
    entered: ReadonlySet<VmRequest> = new Set(),
  ) {
    const { session, vm } = context;
    this.#context = context;
    this.#session = session;
    this.#vm = vm;
    this.#batch = batch;
    this.#entered = new Set(entered);
    this.#lifetime = lifetime;
    this.#retries = new RetryBudget(session, vm, lifetime);
  }

  /** All requests have ended when it returns; latecomers join only the first write. */
  async run(latecomers?: Latecomers): Promise<void> {
    for (let open = this.#open(); open.length > 0; open = this.#open())
      await this.#round(open, this.#hasWritten ? undefined : latecomers);
  }

  #open(): readonly VmRequest[] {
    return this.#batch.filter((request) => !request.isSettled);
  }

  async #round(open: readonly VmRequest[], latecomers: Latecomers | undefined): Promise<void> {
    const lane = mostUrgentLane(open.map((request) => request.lane)) ?? "prune";
    const succeeded = this.#succeeded;
    this.#succeeded = [];
    const patience = succeeded.some(attachesOne) ? "none" : undefined;
    const read = await readVm(this.#session, this.#vm, { lane, patience }, this.#lifetime);
    if (!read.ok && succeeded.some(attachesOne) && classOf(read.failure) === "throttled")
      return settleAttaches(succeeded);
    if (!read.ok && saysNotThere(read.failure)) return settleAll(open, ok({ kind: "instanceGone" }));
    if (!read.ok) return this.#retries.backOffOrFail(read.failure, open, lane);
    if (await this.#waitForOther(read.value, open, lane)) return;
    if (await this.#keepDisks(read.value, open, lane)) return;

    const late = (await latecomers?.take(open)) ?? [];
    const { toWrite, unanswered } = await settleFromModel(
      this.#context,
      { model: read.value, open, late, disputed: this.#disputed },
      this.#lifetime,
    );
    this.#batch = [...this.#batch, ...late.filter((request) => !unanswered.includes(request))];
    latecomers?.putBack(unanswered);
    if (await this.#isolateFailed(read.value, lane)) return;
    const enteredBefore = [...this.#entered].filter((request) => !this.#batch.includes(request));
    const neverAttachedKeys = await neverAttached(
      this.#session,
      { model: read.value, attaches: enteredBefore },
      this.#lifetime,
    );
    const permitted = await this.#withoutUnforced(await checkPreconditions(toWrite));
    const allowed = await checkForeignDetaches(permitted, { model: read.value, ownKeysOf: keysOfDetaches });
    const writeLane = mostUrgentLane(allowed.map(({ request }) => request.lane)) ?? lane;
    if (allowed.length > 0) await this.#write(read.value, allowed, { neverAttachedKeys, lane: writeLane });
    // What is left waits for a slot or for a disk's detach, which others carry out.
    else if (this.#open().length > 0)
      await this.#retries.backOffOrFail(
        ownError("DiskStillDetaching", `a disk is still being detached from VM ${this.#vm.name}`),
        open,
        lane,
      );
  }

  /**
   * Lets Azure keep the disks that the VM lists already, and that it would delete with the VM: another client
   * attached them so (https://learn.microsoft.com/azure/virtual-machines/delete). Never beside a detach, which
   * any update would carry out, and only where `precondition` allows a write. What a repetition may change is
   * tried `KEEP_TRIES_MAX` times. Where Azure still refuses it, the attach answers `deletedWithVm`.
   */
  async #keepDisks(model: ArmVm, open: readonly VmRequest[], lane: Lane): Promise<boolean> {
    if (model.provisioningState !== "Succeeded") return false;
    if (model.dataDisks.some((entry) => entry.toBeDetached === true)) return false;
    const listed = new Set(model.dataDisks.filter(isDeletedWithVm).map(diskKeyOf));
    const toKeep: VmRequest[] = [];
    for (const request of open)
      if (
        request.kind === "attach" &&
        listed.has(request.diskKey) &&
        request.spec.node.vmId.toLowerCase() === model.vmId &&
        (this.#keepTries.get(request) ?? 0) < KEEP_TRIES_MAX &&
        (await isAllowed(request))
      )
        toKeep.push(request);
    if (toKeep.length === 0) return false;
    const keptKeys = new Set(toKeep.map(({ diskKey }) => diskKey));
    const present = withoutMissing(model, this.#missing);
    const dataDisks = present.dataDisks.map((entry) =>
      keptKeys.has(diskKeyOf(entry)) ? { ...entry, deleteOption: "Detach" } : entry,
    );
    const { inFlightPatienceMs: maxMs } = this.#session.settings;
    const written = await this.#update(model, { dataDisks, lane, maxMs });
    const mayRepeat =
      !written.ok &&
      classOf(written.failure) !== "throttled" &&
      (isWorthRetrying(written.failure) || (await this.#findMissing(written.failure, present, lane)));
    for (const request of toKeep)
      this.#keepTries.set(request, mayRepeat ? (this.#keepTries.get(request) ?? 0) + 1 : KEEP_TRIES_MAX);
    // The next read shows whether the entries have changed.
    return true;
  }

  /**
   * Without the attaches to a VM that detaches the disk too slowly, where force is not allowed: they
   * keep waiting.
   */
  async #withoutUnforced(allowed: readonly Planned[]): Promise<readonly Planned[]> {
    const unforced = new Set<VmRequest>();
    for (const { request } of allowed)
      if (this.#overdue.has(request.diskKey) && !(await mayForce(request))) unforced.add(request);
    for (const { diskKey } of unforced) this.#overdue.delete(diskKey);
    return allowed.filter(({ request }) => !unforced.has(request));
  }

  /**
   * Waits, within a limit, for an update that others or an earlier instance left in flight; it neither
   * repeats nor disturbs it. Only a detach that hangs is forced: if none of its disks is being detached
   * any more, Azure works on something else, and nothing is forced.
   */
  async #waitForOther(model: ArmVm, open: readonly VmRequest[], lane: Lane): Promise<boolean> {
    const { underWay } = this.#context;
    underWay.observe(model);
    // The mark of an own detach that has ended is no sign of one under way.
    if (!isTerminal(model.provisioningState))
      await underWay.pollOwn((own) =>
        this.#session.isRunning(own, { resource: this.#vm.key, lane }, this.#lifetime),
      );
    const leavingKeys = underWay.leaving(model);
    if (isTerminal(model.provisioningState) || leavingKeys.some((diskKey) => this.#overdue.has(diskKey))) {
      this.#inFlightSinceMs = undefined;
      return false;
    }
    this.#overdue.clear();
    const { clock, settings } = this.#session;
    this.#inFlightSinceMs ??= clock.elapsedMs();
    const elapsedMs = clock.elapsedMs() - this.#inFlightSinceMs;
    const hanging = open.filter((request) => leavingKeys.includes(request.diskKey));
    const leftMs = (hanging.length > 0 ? settings.detachPatienceMs : settings.inFlightPatienceMs) - elapsedMs;
    if (leftMs <= 0) {
      for (const request of hanging) this.#overdue.add(request.diskKey);
      return false;
    }
    const waitedMs = Math.max(elapsedMs, underWay.waitedMs(open));
    const delayMs = pollDelayMs(settings.vmPollPace, { elapsedMs: waitedMs, retryAfterMs: undefined });
    await this.#session.untilNextLook({ lane, delayMs, maxMs: leftMs }, this.#lifetime);
    return true;
  }

  async #write(
    model: ArmVm,
    allowed: readonly Planned[],
    { neverAttachedKeys, lane }: { readonly neverAttachedKeys: ReadonlySet<string>; readonly lane: Lane },
  ): Promise<void> {
    this.#hasWritten = true;
    const off = new Set([...neverAttachedKeys, ...keysOf(allowed.filter(takesOff))]);
    const listed = withoutMissing(model, this.#missing);
    const dataDisks = listWith(listed, allowed, { off, overdue: this.#overdue });
    const regular = allowed.filter(
      (planned) => takesOff(planned) && !this.#overdue.has(planned.request.diskKey),
    );
    const { detachPatienceMs, operationMaxMs } = this.#session.settings;
    const maxMs = regular.length > 0 ? detachPatienceMs : operationMaxMs;
    const likeness = likenessOf(allowed, this.#overdue);
    const written = await this.#update(model, { dataDisks, lane, maxMs, likeness });
    this.#inFlightSinceMs = undefined;
    if (written.ok) {
      this.#successes++;
      this.#succeeded = allowed;
      if (this.#successes <= SUCCESSES_MAX) return;
      await this.#retries.backOffOrFail(
        ownError(
          "UpdateWithoutEffect",
          `updates of VM ${this.#vm.name} succeed, but its disks do not change`,
        ),
        this.#open(),
        lane,
      );
    } else if (written.failure.code === ownErrorCodes.stillRunning && regular.length > 0) {
      for (const { request } of regular) this.#overdue.add(request.diskKey);
    } else if (isWorthRetrying(written.failure)) {
      await this.#retries.backOffOrFail(written.failure, this.#open(), lane);
    } else if (!(await this.#findMissing(written.failure, listed, lane))) {
      for (const { request, outcome } of allowed) if (outcome.kind === "attach") this.#entered.add(request);
      this.#failed = { writers: allowed.map(({ request }) => request), error: written.failure };
    }
  }

  /** Whether a refused update has shown listed disks that do not exist, and that no request attaches. */
  async #findMissing(error: ArmError, { dataDisks }: ArmVm, lane: Lane): Promise<boolean> {
    const isToAttach = (diskKey: string): boolean =>
      this.#open().some((request) => request.kind === "attach" && request.diskKey === diskKey);
    const entries = dataDisks.filter((entry) => !isToAttach(diskKeyOf(entry)));
    const missing = await missingDisks(this.#session, { error, entries, lane }, this.#lifetime);
    for (const diskKey of missing) this.#missing.add(diskKey);
    return missing.length > 0;
  }

  /**
   * After a failed update, and a read that showed which requests it satisfied all the same: the disk at
   * fault must not fail the others, so parts are tried by themselves, unless no write of the VM is allowed.
   */
  async #isolateFailed(model: ArmVm, lane: Lane): Promise<boolean> {
    const failed = this.#failed;
    this.#failed = undefined;
    const writers = failed?.writers.filter((request) => !request.isSettled) ?? [];
    const [only, ...others] = writers;
    if (failed === undefined || only === undefined) return false;
    if (concernsWholeVm(failed.error, writers)) {
      for (const request of writers) request.settleFailed(failed.error);
    } else if (others.length === 0) {
      if (this.#entered.has(only)) await this.#takeOut(model, only, lane);
      only.settleFailed(failed.error);
    } else {
      for (const part of splitBatch(writers, ({ spec }) => namesDisk(failed.error, spec.diskUri)))
        await new AttachBatch(this.#context, part, this.#lifetime, this.#entered).run();
    }
    return true;
  }

  /** Takes the entry of a failed attach out. If that fails too, the disk's next attach or detach does. */
  async #takeOut(model: ArmVm, request: VmRequest, lane: Lane): Promise<void> {
    const off = await neverAttached(this.#session, { model, attaches: [request] }, this.#lifetime);
    if (off.size === 0) return;
    const permitted = await checkPreconditions([{ request }]);
    if ((await checkForeignDetaches(permitted, { model, ownKeysOf: () => new Set() })).length === 0) return;
    const listed = withoutMissing(model, this.#missing);
    const dataDisks = listWith(listed, [], { off, overdue: this.#overdue });
    await this.#update(model, { dataDisks, lane, maxMs: this.#session.settings.detachPatienceMs });
  }

  /** Writes the whole list of data disks, on the condition that the VM is as in `model`. */
  #update(
    { etag: ifMatch }: ArmVm,
    { dataDisks, ...how }: Pick<VmUpdate, "lane" | "maxMs" | "likeness"> & Pick<ArmVm, "dataDisks">,
  ): ReturnType<typeof updateVm> {
    const { underWay } = this.#context;
    const update = { vm: this.#vm, ifMatch, change: { dataDisks }, underWay, ...how };
    return updateVm(this.#session, update, this.#lifetime);
  }
}

/**
 * Which disks of these attaches the VM lists without having them: a failed update was the first to list
 * them, and each disk, read after `model`, names other owners or none. Where its read fails, the disk may be
 * attached, and its entry stays.
 */
async function neverAttached(
  session: ArmSession,
  { model, attaches }: { readonly model: ArmVm; readonly attaches: readonly VmRequest[] },
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  if (model.provisioningState !== "Failed") return new Set();
  const listed = new Set(model.dataDisks.filter((entry) => entry.toBeDetached !== true).map(diskKeyOf));
  const open = attaches.filter(({ isSettled, diskKey }) => !isSettled && listed.has(diskKey));
  const named = await Promise.all(open.map((request) => isNamedByDisk(session, { request, model }, signal)));
  return new Set(open.filter((_, index) => named[index] === false).map(({ diskKey }) => diskKey));
}

/**
 * Answers the requests that the model already satisfies; returns those that need a write. The model was
 * read before the `late` requests came, so it answers none of them: it only lets them take part in the
 * write, which Azure refuses if the VM has changed. The others of them are `unanswered`.
 */
async function settleFromModel(
  { session, sizes }: AttachBatchContext,
  {
    model,
    open,
    late,
    disputed,
  }: {
    readonly model: ArmVm;
    readonly open: readonly VmRequest[];
    readonly late: readonly VmRequest[];
    readonly disputed: Set<VmRequest>;
  },
  signal: AbortSignal,
): Promise<{ readonly toWrite: readonly Planned[]; readonly unanswered: readonly VmRequest[] }> {
  const present = [...open, ...late].filter((request) => {
    if (request.spec.node.vmId.toLowerCase() === model.vmId) return true;
    if (!late.includes(request)) request.settle(ok({ kind: "instanceReplaced", vmId: model.vmId }));
    return false;
  });
  const unanswered = late.filter((request) => !present.includes(request));
  // For an unknown size, Azure itself refuses too many disks.
  const dataDisksMax = (await sizes.dataDisksMax(model)) ?? LUNS_MAX;
  const planned = planVmUpdate({
    entries: model.dataDisks.map((entry) => ({
      diskKey: diskKeyOf(entry),
      lun: entry.lun,
      toBeDetached: entry.toBeDetached === true,
    })),
    reservedLuns: present.flatMap((request) => request.spec.reservedLuns?.() ?? []),
    dataDisksMax,
    requests: present.map((request) => ({
      kind: request.kind === "attach" ? ("attach" as const) : ("detach" as const),
      diskKey: request.diskKey,
      formerLun: formerLunOf(request.spec),
      request,
    })),
  });
  const hasSucceeded = model.provisioningState === "Succeeded";
  const isNamed = (request: VmRequest): Promise<boolean | undefined> =>
    isNamedByDisk(session, { request, model }, signal);
  const toWrite: Planned[] = [];
  for (const {
    diskRequest: { request },
    outcome,
  } of planned) {
    if (late.includes(request)) {
      if (outcome.kind === "attach" || outcome.kind === "detach") toWrite.push({ request, outcome });
      else unanswered.push(request);
    } else if (outcome.kind === "attached") {
      if (hasSucceeded || (await isNamed(request)) === true)
        request.settle(ok(attachedIn(model, request, outcome.lun)));
      else toWrite.push({ request, outcome });
    } else if (outcome.kind === "detached") {
      if ((hasSucceeded && !disputed.has(request)) || (await isNamed(request)) === false)
        request.settle(ok({ kind: "detached" }));
      else {
        disputed.add(request);
        if (!hasSucceeded) toWrite.push({ request, outcome });
      }
    } else if (outcome.kind === "noFreeLun")
      request.settle(
        fail({ kind: "NoFreeLun", nodeName: request.spec.node.nodeName, lunsMax: dataDisksMax }),
      );
    else if (outcome.kind !== "later") toWrite.push({ request, outcome });
  }
  return { toWrite, unanswered };
}

/** Not where its node looks for another disk, too: a restored backup may have made one of the two. */
function formerLunOf({ formerLun, reservedLuns }: VmRequest["spec"]): number | undefined {
  if (formerLun === undefined) return undefined;
  return reservedLuns?.().includes(formerLun) === true ? undefined : formerLun;
}

function attachedIn({ dataDisks }: ArmVm, { diskKey }: VmRequest, lun: number): VmAnswer {
  const isDeleted = dataDisks.some((entry) => diskKeyOf(entry) === diskKey && isDeletedWithVm(entry));
  return { kind: "attached", lun, ...(isDeleted ? { deletedWithVm: true } : {}) };
}

/**
 * Whether the request's disk names the VM as an owner; undefined where its read fails. A VM whose last
 * operation did not succeed may list a disk that never reached it: then the disk decides.
 */
async function isNamedByDisk(
  session: ArmSession,
  { request, model }: { readonly request: VmRequest; readonly model: ArmVm },
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const owners = await diskOwners(session, { diskUri: request.spec.diskUri, lane: request.lane }, signal);
  return owners.ok ? owners.value.some((owner) => isSameResourceUri(owner, model.id)) : undefined;
}

/**
 * The whole target list of data disks: ARM detaches what a list leaves out, so every entry that was
 * read is in it.
 */
function listWith(
  model: ArmVm,
  planned: readonly Planned[],
  { off, overdue }: { readonly off: ReadonlySet<string>; readonly overdue: ReadonlySet<string> },
): readonly ArmDataDisk[] {
  const kept = model.dataDisks.map((entry) =>
    off.has(diskKeyOf(entry)) ? detachingEntry(entry, { force: overdue.has(diskKeyOf(entry)) }) : entry,
  );
  const added = planned.flatMap(({ request, outcome }) =>
    outcome.kind === "attach" ? [attachingEntry(request, outcome.lun)] : [],
  );
  return [...kept, ...added];
}

function keysOf(planned: readonly Planned[]): readonly string[] {
  return planned.map(({ request }) => request.diskKey);
}

/** A refused detach is not its own: the disk stays for its user. */
function keysOfDetaches(planned: readonly Planned[]): ReadonlySet<string> {
  return new Set(keysOf(planned.filter(({ request }) => request.kind === "detach")));
}

function takesOff({ outcome }: Planned): boolean {
  return outcome.kind === "detach" || outcome.kind === "finishDetach";
}

function attachesOne({ request, outcome }: Planned): boolean {
  return outcome.kind === "attach" && !request.isSettled;
}

/**
 * Answers attaches by their operation's success alone, where other clients have used up the reads of the
 * VM: a pod waits, and its node identifies the disk before it mounts it. Detaches wait for the read.
 */
function settleAttaches(succeeded: readonly Planned[]): void {
  for (const { request, outcome } of succeeded)
    if (outcome.kind === "attach") request.settle(ok({ kind: "attached", lun: outcome.lun }));
}

/** A detach takes longer than an attach of the same update, and one by force longest. */
function likenessOf(planned: readonly Planned[], overdue: ReadonlySet<string>): OperationLikeness {
  const sizeClass = sizeClassOf(planned.length);
  const off = planned.filter(takesOff);
  if (off.some(({ request }) => overdue.has(request.diskKey))) return `vmForceDetach/${sizeClass}`;
  return off.length > 0 ? `vmDetach/${sizeClass}` : `vmAttach/${sizeClass}`;
}

function attachingEntry(request: VmRequest, lun: number): ArmDataDisk {
  const name = parseArmId(request.spec.diskUri)?.name;
  return {
    lun,
    ...(name === undefined ? {} : { name }),
    createOption: "Attach",
    caching: request.spec.cachingMode,
    ...(request.spec.writeAccelerator === true ? { writeAcceleratorEnabled: true } : {}),
    managedDisk: { id: request.spec.diskUri },
    toBeDetached: false,
  };
}

/**
 * Whether Azure refuses each write of the VM: for a missing permission, a policy or a lock. A linked
 * permission is one for a disk.
 */
function concernsWholeVm(error: ArmError, writers: readonly VmRequest[]): boolean {
  const isOfVm = classOf(error) === "unauthorized" || /^ScopeLocked$/i.test(error.code);
  const isOfDisk = /^LinkedAuthorizationFailed$/i.test(error.code);
  return isOfVm && !isOfDisk && !writers.some((request) => namesDisk(error, request.spec.diskUri));
}

function settleAll(requests: readonly VmRequest[], answer: Parameters<VmRequest["settle"]>[0]): void {
  for (const request of requests) request.settle(answer);
}
