import { LUNS_MAX } from "../../core/azure/choose-lun.ts";
import { dataDisksMaxOf, knownDataDisksMax } from "../../core/azure/data-disks-max.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { BoundedCache } from "../bounded-cache.ts";

/** Data disks by the size's name in lower case. */
type Sizes = ReadonlyMap<string, number>;

/** Sizes of VMs change with the years. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Locations of one subscription that a cluster may have VMs in. */
const LOCATIONS_MAX = 100;
/**
 * How long the question for sizes may delay a batch, in milliseconds; beyond it the built-in table
 * answers.
 */
const PATIENCE_MS = 2000;
/** How long Azure is not asked again after it did not answer. */
const RETRY_AFTER_MS = 300_000;

/**
 * How many data disks sizes of VMs take: Azure's own list, one for each location and kept for a day;
 * without it, the built-in table.
 */
export class VmSizes {
  readonly #session: ArmSession;
  readonly #lifetime: AbortSignal;
  readonly #lists: BoundedCache<Sizes>;
  /** Questions under way, shared by all callers until their answer. */
  readonly #loading = new Map<string, Promise<Sizes | undefined>>();
  readonly #failedAtMs = new Map<string, number>();

  constructor(session: ArmSession, lifetime: AbortSignal) {
    this.#session = session;
    this.#lifetime = lifetime;
    this.#lists = new BoundedCache({ clock: session.clock, entriesMax: LOCATIONS_MAX, maxAgeMs: MAX_AGE_MS });
  }

  /**
   * Data disks of a VM; undefined for a size that neither Azure nor the table knows. Waits two seconds at
   * most.
   */
  async dataDisksMax(vm: {
    readonly vmSize: string;
    readonly location: string;
  }): Promise<number | undefined> {
    const sizes = this.#lists.get(vm.location) ?? (await this.#loadOnce(vm.location));
    return sizes?.get(vm.vmSize.toLowerCase()) ?? knownDataDisksMax(vm.vmSize);
  }

  /** The same, with a guess for an unknown size. */
  async dataDisksMaxOrGuess(vm: { readonly vmSize: string; readonly location: string }): Promise<number> {
    return (await this.dataDisksMax(vm)) ?? dataDisksMaxOf(vm.vmSize);
  }

  async #loadOnce(location: string): Promise<Sizes | undefined> {
    const { clock } = this.#session;
    if (location === "" || clock.elapsedMs() - (this.#failedAtMs.get(location) ?? -Infinity) < RETRY_AFTER_MS)
      return undefined;
    const loading = this.#loading.get(location) ?? this.#load(location);
    this.#loading.set(location, loading);
    try {
      return await loading;
    } finally {
      this.#loading.delete(location);
    }
  }

  async #load(location: string): Promise<Sizes | undefined> {
    const over = new AbortController();
    const limited = AbortSignal.any([this.#lifetime, over.signal]);
    const watch = this.#session.clock.sleep(PATIENCE_MS, limited).then(
      () => over.abort(new Error("the list of VM sizes takes too long")),
      () => undefined,
    );
    try {
      const sizes = await this.#lists.read(
        location,
        () => this.#list(location, limited),
        (listed) => listed,
      );
      if (sizes === undefined) this.#noteFailure(location);
      return sizes;
    } catch (reason) {
      if (this.#lifetime.aborted || !over.signal.aborted) throw reason;
      this.#noteFailure(location);
      return undefined;
    } finally {
      over.abort();
      await watch;
    }
  }

  async #list(location: string, signal: AbortSignal): Promise<Sizes | undefined> {
    const listed = await this.#session.call(
      { group: "vmList", resource: undefined, lane: "primaryAttach" },
      (clientRequestId) => this.#session.arm.listVmSizes({ location, clientRequestId }, signal),
      signal,
    );
    if (!listed.ok) return undefined;
    return new Map(
      listed.value
        .filter(({ dataDisksMax }) => dataDisksMax > 0)
        .map(({ name, dataDisksMax }) => [name.toLowerCase(), Math.min(dataDisksMax, LUNS_MAX)]),
    );
  }

  #noteFailure(location: string): void {
    this.#failedAtMs.set(location, this.#session.clock.elapsedMs());
    const [oldest] = this.#failedAtMs.keys();
    if (this.#failedAtMs.size > LOCATIONS_MAX && oldest !== undefined) this.#failedAtMs.delete(oldest);
  }
}
