import {
  type Bucket,
  type BucketLimit,
  fullBucket,
  MS_PER_MINUTE,
  refilled,
  spent,
  waitMs,
} from "../../core/azure/pace/token-bucket.ts";
import type { Result } from "../../core/failure/result.ts";
import { sharedReads } from "../../runtime/shared-reads.ts";
import type { ArmError, ArmVm } from "../arm/arm-api.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { readInstance, type VmTarget } from "./vm-update.ts";

/**
 * Reads of one VM that go without a pause, before the pace begins: the first proof reads the node's VM and
 * the disk's owner, and so do the proofs that arrive during its first read.
 */
const READS_AT_ONCE = 4;

type Read = Promise<Result<ArmVm, ArmError>>;

/**
 * Reads of VMs for proofs. One read answers all callers that asked for that VM before it was sent, and
 * no later ones: a proof must not rest on what Azure showed before the question. A VM is read by one
 * such read at a time, unless one hangs, and after four at the pace of `vmPollPace.minMs`, however many
 * disks wait for its proof. Each is as urgent as a failover, since one may come to wait for it.
 */
export class SharedVmReads {
  readonly #session: ArmSession;
  readonly #limit: BucketLimit;
  /** Only of VMs that were read recently. */
  readonly #buckets = new Map<string, Bucket>();

  /**
   * A read of the VM's model, never from a cache, that is sent after this call. Rejects with the signal's
   * reason.
   */
  readonly read: (vm: VmTarget, signal: AbortSignal) => Read;

  constructor(session: ArmSession) {
    this.#session = session;
    this.#limit = { burst: READS_AT_ONCE, perMinute: MS_PER_MINUTE / session.settings.vmPollPace.minMs };
    this.read = sharedReads({
      clock: session.clock,
      keyOf: ({ key }) => key,
      read: (vm, onSent, signal) => this.#readAtPace(vm, onSent, signal),
    });
  }

  /** Of how many VMs the pace is known. */
  get vmsPaced(): number {
    return this.#buckets.size;
  }

  async #readAtPace(vm: VmTarget, onSent: () => void, signal: AbortSignal): Read {
    // Also without a pause: callers that ask in a row share the read.
    await this.#session.clock.sleep(this.#waitMs(vm.key), signal);
    this.#spend(vm.key);
    return readInstance(this.#session, vm, { lane: "failover", onSent }, signal);
  }

  #waitMs(key: string): number {
    const nowMs = this.#session.clock.elapsedMs();
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? 0 : waitMs(bucket, this.#limit, { nowMs, urgency: "reserve" });
  }

  /** Forgets the VMs that may be read at once again. */
  #spend(key: string): void {
    const nowMs = this.#session.clock.elapsedMs();
    const bucket = this.#buckets.get(key) ?? fullBucket(this.#limit, nowMs);
    for (const [other, kept] of this.#buckets)
      if (refilled(kept, this.#limit, nowMs).tokens >= READS_AT_ONCE) this.#buckets.delete(other);
    this.#buckets.set(key, spent(bucket, this.#limit, nowMs));
  }
}
