import { parseArmId } from "../../../core/azure/arm-id.ts";
import { resourceUriKey } from "../../../core/azure/disk-uri.ts";
import { type Lane, mostUrgentLane } from "../../../core/azure/lane.ts";
import { splitBatch } from "../../../core/azure/plan-batch.ts";
import { pollDelayMs } from "../../../core/azure/poll-delay.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { ArmError, ArmVm } from "../../arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../../arm/arm-error.ts";
import type { ArmSession } from "../../arm/arm-session.ts";
import { classOf, isWorthRetrying, saysDiskMissed, saysNotThere, toFailure } from "../../arm/error-table.ts";
import { isTerminal } from "../../arm/provisioning-state.ts";
import { RetryBudget } from "../../arm/retry-budget.ts";
import { askCarryOut, askForForce, checkPreconditions } from "../check-preconditions.ts";
import type { Latecomers } from "../group-commit.ts";
import type { UpdatesUnderWay } from "../updates-under-way.ts";
import type { VmRequest } from "../vm-request.ts";
import type { VmSizes } from "../vm-sizes.ts";
import { type VmTarget, readVm, updateVm } from "../vm-update.ts";
import type { FailedAttaches } from "./failed-attaches.ts";
import { findLeftovers, type Leftovers } from "./find-leftovers.ts";
import { likenessOf, listWith, type Planned, takesOff } from "./planned-list.ts";
import { settleFromModel } from "./settle-from-model.ts";

/**
 * Successful updates that a batch can need: complete a stuck detach, detach disks, attach disks in
 * their place.
 */
const SUCCESSES_MAX = 3;

/** An update that Azure has refused or failed. */
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
  readonly failedAttaches: FailedAttaches;
}

/**
 * Attaches and detaches of one VM that share updates. Each round reads the VM, answers the requests that its
 * model already satisfies, checks `precondition` for the rest and writes the rest in one conditional
 * update; the next round's read shows the outcome. So a lost answer, a changed ETag, a conflict, a
 * preemption and a failed operation all end the same way: by reading again, since the operation may
 * have done its work for some disks or all. An entry that a failed update leaves without its disk is
 * taken out, at once or with any later update: Azure tries it again with every update, which then fails
 * too. A detach that hangs gets less time than other operations: the next round forces it, since Azure
 * lets nothing else reach the VM until then; for an attach only if `forcePrecondition` allows it.
 * Requests that arrive before the first write join it.
 */
export class AttachBatch {
  readonly #context: AttachBatchContext;
  readonly #session: ArmSession;
  readonly #vm: VmTarget;
  #batch: readonly VmRequest[];
  readonly #lifetime: AbortSignal;
  readonly #troubles: RetryBudget;
  /** Disks whose regular detach has taken too long. */
  readonly #overdue = new Set<string>();
  #inFlightSinceMs: number | undefined;
  #hasWritten = false;
  #successes = 0;
  #failed: FailedUpdate | undefined;
  /** Disks without whose entries an update was sent. */
  readonly #triedWithout = new Set<string>();
  /** What the last update has carried out, according to Azure, until a read shows it. */
  #succeeded: readonly Planned[] = [];

  constructor(context: AttachBatchContext, batch: readonly VmRequest[], lifetime: AbortSignal) {
    const { session, vm } = context;
    this.#context = context;
    this.#session = session;
    this.#vm = vm;
    this.#batch = batch;
    this.#lifetime = lifetime;
    this.#troubles = new RetryBudget(session, vm, lifetime);
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
    const lane = mostUrgentLane(open.map((request) => request.lane)) ?? "collection";
    const succeeded = this.#succeeded;
    this.#succeeded = [];
    const patience = succeeded.some(attachesOne) ? ({ patience: "none" } as const) : {};
    const read = await readVm(this.#session, this.#vm, { lane, ...patience }, this.#lifetime);
    if (!read.ok && succeeded.some(attachesOne) && classOf(read.failure) === "throttled")
      return settleAttaches(succeeded);
    if (!read.ok && saysNotThere(read.failure)) return settleAll(open, ok({ kind: "instanceGone" }));
    if (!read.ok) return this.#troubles.endure(read.failure, open, lane);
    this.#context.failedAttaches.saw(read.value);
    if (await this.#waitedForOther(read.value, open, lane)) return;

    const late = (await latecomers?.take(open)) ?? [];
    const asks = { model: read.value, open, late };
    const { toWrite, unanswered } = await settleFromModel(this.#context, asks, this.#lifetime);
    this.#batch = [...this.#batch, ...late.filter((request) => !unanswered.includes(request))];
    latecomers?.putBack(unanswered);
    const leftovers = await this.#leftovers(read.value, { lane, spared: this.#open() });
    if (await this.#isolated(read.value, leftovers, lane)) return;
    const asked = await this.#withoutUnforced(await checkPreconditions(toWrite));
    // A refused detach is not its own: the disk stays for its user.
    const ownKeys = new Set([
      ...asked.filter(({ request }) => request.kind === "detach").map(({ request }) => request.diskKey),
      ...keysOf(leftovers),
    ]);
    const allowed = await askCarryOut(asked, { model: read.value, ownKeys });
    const writeLane = mostUrgentLane(allowed.map(({ request }) => request.lane)) ?? lane;
    if (allowed.length > 0) await this.#write(read.value, allowed, { leftovers, lane: writeLane });
    // What is left waits for a slot or for a disk's detach, which others carry out.
    else if (this.#open().length > 0)
      await this.#troubles.endure(
        ownError("DiskStillDetaching", `a disk is still being detached from VM ${this.#vm.name}`),
        open,
        lane,
      );
  }

  /**
   * Without the attaches to a VM that detaches the disk too slowly, where force is not allowed: they
   * keep waiting.
   */
  async #withoutUnforced(allowed: readonly Planned[]): Promise<readonly Planned[]> {
    const unforced = new Set<VmRequest>();
    for (const { request } of allowed)
      if (this.#overdue.has(request.diskKey) && !(await askForForce(request))) unforced.add(request);
    for (const { diskKey } of unforced) this.#overdue.delete(diskKey);
    return allowed.filter(({ request }) => !unforced.has(request));
  }

  /**
   * Waits, within a limit, for an update that others or an earlier instance left in flight; it neither
   * repeats nor disturbs it. Only a detach that hangs is forced: if none of its disks is being detached
   * any more, Azure works on something else, and nothing is forced.
   */
  async #waitedForOther(model: ArmVm, open: readonly VmRequest[], lane: Lane): Promise<boolean> {
    const { underWay } = this.#context;
    underWay.saw(model);
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
    if (elapsedMs >= (hanging.length > 0 ? settings.detachPatienceMs : settings.inFlightPatienceMs)) {
      for (const request of hanging) this.#overdue.add(request.diskKey);
      return false;
    }
    const waitedMs = Math.max(elapsedMs, underWay.waitedMs(open));
    const delayMs = pollDelayMs(settings.vmPollPace, { elapsedMs: waitedMs, retryAfterMs: undefined });
    await clock.sleep(delayMs, this.#lifetime);
    return true;
  }

  async #write(
    model: ArmVm,
    allowed: readonly Planned[],
    { leftovers, lane }: { readonly leftovers: Leftovers; readonly lane: Lane },
  ): Promise<void> {
    this.#hasWritten = true;
    for (const diskKey of keysOf(leftovers)) this.#triedWithout.add(diskKey);
    const change = { dataDisks: listWith(model, allowed, { leftovers, overdue: this.#overdue }) };
    const regular = allowed.filter(
      (planned) => takesOff(planned) && !this.#overdue.has(planned.request.diskKey),
    );
    const maxMs =
      regular.length > 0 ? this.#session.settings.detachPatienceMs : this.#session.settings.operationMaxMs;
    const written = await updateVm(
      this.#session,
      {
        vm: this.#vm,
        ifMatch: model.etag,
        change,
        lane,
        maxMs,
        likeness: likenessOf(allowed, this.#overdue),
        underWay: this.#context.underWay,
      },
      this.#lifetime,
    );
    this.#inFlightSinceMs = undefined;
    if (written.ok) {
      this.#successes++;
      this.#succeeded = allowed;
      for (const { request } of allowed)
        if (request.kind === "attach") this.#context.failedAttaches.attached(request.diskKey);
      if (this.#successes <= SUCCESSES_MAX) return;
      await this.#troubles.endure(
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
      await this.#troubles.endure(written.failure, this.#open(), lane);
    } else {
      this.#suspect(model, allowed, written.failure);
      this.#failed = { writers: allowed.map(({ request }) => request), error: written.failure };
    }
  }

  /** Notes which entries the failed update may have left, and which one Azure names as the cause. */
  #suspect(model: ArmVm, sent: readonly Planned[], error: ArmError): void {
    const { failedAttaches } = this.#context;
    for (const { request, outcome } of sent)
      if (outcome.kind === "attach" || outcome.kind === "attached")
        failedAttaches.attachFailed(request, { wasListed: outcome.kind === "attached" });
    if (!saysDiskMissed(error)) return;
    for (const entry of model.dataDisks)
      if (isNamedBy(error, entry.managedDisk?.id ?? "")) failedAttaches.diskMissed(entry);
  }

  /** The entries that the next update is to be without; not those that the `spared` are to attach. */
  #leftovers(
    model: ArmVm,
    { lane, spared }: { readonly lane: Lane; readonly spared: readonly VmRequest[] },
  ): Promise<Leftovers> {
    const { failedAttaches } = this.#context;
    const wanted = new Set(spared.filter(({ kind }) => kind === "attach").map(({ diskKey }) => diskKey));
    const suspects = failedAttaches.suspects.filter(({ diskKey }) => !wanted.has(diskKey));
    return findLeftovers(this.#session, { model, failedAttaches, suspects, lane }, this.#lifetime);
  }

  /**
   * After a failed update, and a read that showed which requests it satisfied all the same: the disk at
   * fault must not fail the others. Where that is an entry which none of the requests is about, they are
   * sent again without it. Otherwise parts are tried by themselves.
   */
  async #isolated(model: ArmVm, leftovers: Leftovers, lane: Lane): Promise<boolean> {
    const failed = this.#failed;
    this.#failed = undefined;
    const writers = failed?.writers.filter((request) => !request.isSettled) ?? [];
    const [only, ...others] = writers;
    if (failed === undefined || only === undefined) return false;
    if (keysOf(leftovers).some((diskKey) => !this.#triedWithout.has(diskKey))) return false;
    if (others.length === 0) {
      if (only.kind === "attach") await this.#takeOut(model, only, lane);
      only.settle(fail(failureOf(failed.error, only)));
    } else {
      for (const part of splitBatch(writers, (request) => isNamedBy(failed.error, request.spec.diskUri)))
        await new AttachBatch(this.#context, part, this.#lifetime).run();
    }
    return true;
  }

  /** Takes the entry of a failed attach out. If that fails too, the next update of the VM does. */
  async #takeOut(model: ArmVm, request: VmRequest, lane: Lane): Promise<void> {
    const leftovers = await this.#leftovers(model, { lane, spared: [] });
    const keys = keysOf(leftovers);
    if (keys.length === 0) return;
    const asked = await checkPreconditions([{ request }]);
    if ((await askCarryOut(asked, { model, ownKeys: new Set(keys) })).length === 0) return;
    await updateVm(
      this.#session,
      {
        vm: this.#vm,
        ifMatch: model.etag,
        change: { dataDisks: listWith(model, [], { leftovers, overdue: this.#overdue }) },
        lane,
        maxMs: this.#session.settings.detachPatienceMs,
        underWay: this.#context.underWay,
      },
      this.#lifetime,
    );
  }
}

function keysOf({ takenOff, leftOut }: Leftovers): readonly string[] {
  return [...takenOff, ...leftOut];
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

/** What a request gets to know of a failed update. A disk that Azure misses may be that of another entry. */
function failureOf(error: ArmError, { spec: { diskUri, node } }: VmRequest): Failure {
  const isOther = saysDiskMissed(error) && !isNamedBy(error, diskUri);
  return toFailure(error, { nodeName: node.nodeName, ...(isOther ? {} : { diskUri }) });
}

/** Whether Azure's message names this disk: `Disk 'pvc-1' …`, or its whole id. */
function isNamedBy(error: ArmError, diskUri: string): boolean {
  const words = [error.message, ...error.details.map((detail) => detail.message)]
    .join(" ")
    .toLowerCase()
    .split(/[\s'",()]+/)
    .map((word) => word.replace(/\.$/, ""));
  const name = parseArmId(diskUri)?.name.toLowerCase();
  return words.some((word) => word === name || word === resourceUriKey(diskUri));
}

function settleAll(requests: readonly VmRequest[], answer: Parameters<VmRequest["settle"]>[0]): void {
  for (const request of requests) request.settle(answer);
}
