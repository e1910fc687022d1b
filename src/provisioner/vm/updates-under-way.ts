import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ArmError, ArmOperation, ArmOperationEnd, ArmVm } from "../arm/arm-api.ts";
import { isOperationFailure } from "../arm/error-table.ts";
import { isTerminal } from "../arm/provisioning-state.ts";
import { diskKeyOf } from "../disk/disk-key.ts";
import type { VmRequest } from "./vm-request.ts";

/** An update of this process that Azure has accepted. */
export interface OwnUpdate {
  readonly operation: ArmOperation;
  /** The VM's ETag before it. */
  readonly ifMatch: string;
  /** The disks that it detaches. */
  readonly takesOff: ReadonlySet<string>;
}

/** Asks Azure whether an operation runs; undefined: Azure does not say. */
export type PollOperation = (operation: ArmOperation) => Promise<boolean | undefined>;

/**
 * What is known of the operation that Azure works on at one VM. A data disk's `toBeDetached` shows that
 * a detach was begun, and stays after one that failed: once seen on a VM at rest, it is no sign of a
 * detach under way.
 */
export class UpdatesUnderWay {
  readonly #clock: Clock;
  #vmId: string | undefined;
  /** Updates of this process whose end was not seen. */
  readonly #unended = new Set<OwnUpdate>();
  /** Those of them whose end is still awaited. */
  readonly #waitedFor = new Set<OwnUpdate>();
  /** Disks whose detach was begun, and has ended without effect. */
  readonly #leftBehind = new Set<string>();
  /** Since when a detach of each disk may be under way, by the clock's `elapsedMs`. */
  readonly #leavingSinceMs = new Map<string, number>();
  /** The ETag that nothing moved, and until when no write tries to, by the clock's `elapsedMs`. */
  #etagPause: { readonly etag: string; readonly untilMs: number } | undefined;
  /** The ETag that the last read showed. */
  #lastEtag: string | undefined;
  /** Since when each request has waited for the operation under way, by the clock's `elapsedMs`. */
  readonly #waitingSinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether nothing is known that later work on the VM could need. */
  get isEmpty(): boolean {
    return (
      this.#unended.size === 0 &&
      this.#leftBehind.size === 0 &&
      this.#leavingSinceMs.size === 0 &&
      this.#waitingSinceMs.size === 0 &&
      !this.isEtagPaused
    );
  }

  /** Whether an operation under way may be an update of this process, whose end was not seen. */
  get mayBeOwn(): boolean {
    return this.#unended.size > 0;
  }

  /** Whether nothing is to be written to the VM now merely to move its ETag. */
  get isEtagPaused(): boolean {
    return this.#etagPause !== undefined && this.#etagPause.untilMs > this.#clock.elapsedMs();
  }

  /** Learns that no write moves this ETag of the VM, which none is to try for `pauseMs`. */
  pauseEtag(etag: string, pauseMs: number): void {
    this.#etagPause = { etag, untilMs: this.#clock.elapsedMs() + pauseMs };
  }

  /** Counts an update as under way until its end is seen, also after `wait` has given up waiting for it. */
  async during(
    update: OwnUpdate,
    wait: () => Promise<Result<ArmOperationEnd, ArmError>>,
  ): Promise<Result<ArmOperationEnd, ArmError>> {
    this.#unended.add(update);
    this.#waitedFor.add(update);
    for (const diskKey of update.takesOff) {
      this.#leftBehind.delete(diskKey);
      this.#leavingSinceMs.set(diskKey, this.#clock.elapsedMs());
    }
    try {
      const ended = await wait();
      if (ended.ok || isOperationFailure(ended.failure)) this.#recordEnd(update);
      return ended;
    } finally {
      this.#waitedFor.delete(update);
    }
  }

  /** Takes in a read of the VM; each is to be observed, in order. */
  observe(model: ArmVm): void {
    const isAtRest = isTerminal(model.provisioningState);
    if (this.#vmId !== undefined && this.#vmId !== model.vmId) this.#forgetVm();
    this.#vmId = model.vmId;
    if (isAtRest || this.#lastEtag !== model.etag) this.#waitingSinceMs.clear();
    this.#lastEtag = model.etag;
    // Something moves it after all: reads had lagged behind the writes, or another client has changed the VM.
    if (this.#etagPause?.etag !== model.etag) this.#etagPause = undefined;
    // A read may be older than the awaited update: then it shows the ETag before it.
    if (isAtRest)
      for (const update of [...this.#unended])
        if (model.etag !== update.ifMatch || !this.#waitedFor.has(update)) this.#recordEnd(update);
    const marked = new Set(model.dataDisks.filter((entry) => entry.toBeDetached === true).map(diskKeyOf));
    for (const known of [this.#leftBehind, this.#leavingSinceMs])
      for (const diskKey of known.keys()) if (!marked.has(diskKey)) known.delete(diskKey);
    if (isAtRest && this.#unended.size === 0) for (const diskKey of marked) this.#markLeftBehind(diskKey);
    for (const diskKey of this.leaving(model))
      if (!this.#leavingSinceMs.has(diskKey)) this.#leavingSinceMs.set(diskKey, this.#clock.elapsedMs());
  }

  /**
   * Polls the updates of this process whose end was not seen; returns whether Azure works on one of
   * them. After a read of the VM that shows an operation, that operation is then this process's: Azure
   * works on one write of a VM at a time. False also if Azure refuses to answer polls.
   */
  async pollOwn(poll: PollOperation): Promise<boolean> {
    for (const update of [...this.#unended].toReversed()) {
      const isRunning = await poll(update.operation);
      if (isRunning === true) return true;
      if (isRunning === false) this.#recordEnd(update);
    }
    return false;
  }

  /** The disks that may be under a detach. */
  leaving(model: ArmVm): readonly string[] {
    return model.dataDisks.flatMap((entry) =>
      entry.toBeDetached === true && !this.#leftBehind.has(diskKeyOf(entry)) ? [diskKeyOf(entry)] : [],
    );
  }

  /**
   * For how long, in milliseconds, a detach of some of `diskKeys` may have been under way; undefined: none
   * is.
   */
  leavingForMs(model: ArmVm, diskKeys: ReadonlySet<string>): number | undefined {
    const nowMs = this.#clock.elapsedMs();
    const agesMs = this.leaving(model).flatMap((diskKey) =>
      diskKeys.has(diskKey) ? [nowMs - (this.#leavingSinceMs.get(diskKey) ?? nowMs)] : [],
    );
    return agesMs.length === 0 ? undefined : Math.min(...agesMs);
  }

  /**
   * Counts requests as waiting for the operation that the last read shows; returns for how long, in
   * milliseconds, the one that came last has waited. A request that is repeated because its batch gave up
   * continues its wait while the VM is seen with the same ETag, and not at rest.
   */
  waitedMs(requests: readonly Pick<VmRequest, "kind" | "diskKey">[]): number {
    const nowMs = this.#clock.elapsedMs();
    const waitsMs = requests.map(({ kind, diskKey }) => {
      const key = `${kind} ${diskKey}`;
      const sinceMs = this.#waitingSinceMs.get(key) ?? nowMs;
      this.#waitingSinceMs.set(key, sinceMs);
      return nowMs - sinceMs;
    });
    return Math.min(...waitsMs);
  }

  #recordEnd(update: OwnUpdate): void {
    if (!this.#unended.delete(update)) return;
    for (const diskKey of update.takesOff)
      if (![...this.#unended].some(({ takesOff }) => takesOff.has(diskKey))) this.#markLeftBehind(diskKey);
  }

  #markLeftBehind(diskKey: string): void {
    this.#leftBehind.add(diskKey);
    this.#leavingSinceMs.delete(diskKey);
  }

  #forgetVm(): void {
    this.#etagPause = undefined;
    this.#leftBehind.clear();
    this.#leavingSinceMs.clear();
    this.#waitingSinceMs.clear();
  }
}
