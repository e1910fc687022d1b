import { LUNS_MAX } from "../../core/azure/choose-luns.ts";
import { dataDisksMaxOf, knownDataDisksMax } from "../../core/azure/data-disks-max.ts";
import { putNewest } from "../../core/primitives/put-newest.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { BoundedCache } from "../bounded-cache.ts";

/** Data disks by the size's name in lower case. */
type Sizes = ReadonlyMap<string, number>;

/** What decides how many data disks a VM takes. */
interface SizedVm {
  readonly vmSize: string;
  readonly location: string;
}

/** Sizes of VMs change with the years. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Locations of one subscription that a cluster may have VMs in. */
const LOCATIONS_MAX = 100;
/**
 * How long the question for sizes may delay a caller, in milliseconds; beyond it the built-in table answers,
 * and the list, of several megabytes, still arrives for the next caller.
 */
const PATIENCE_MS = 2000;
/** How long no caller waits for a list again that did not come, in milliseconds. */
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

  /** Data disks by Azure's list; undefined where it can't be had in two seconds, or lacks the size. */
  async listedDataDisksMax({ vmSize, location }: SizedVm): Promise<number | undefined> {
    const sizes = this.#lists.get(location) ?? (await this.#loadOnce(location));
    return sizes?.get(vmSize.toLowerCase());
  }

  /**
   * Data disks of a VM; undefined for a size that neither Azure nor the table knows. Waits two seconds at
   * most.
   */
  async dataDisksMax(vm: SizedVm): Promise<number | undefined> {
    return (await this.listedDataDisksMax(vm)) ?? knownDataDisksMax(vm.vmSize);
  }

  /** The same, with a guess for an unknown size. */
  async dataDisksMaxOrGuess(vm: SizedVm): Promise<number> {
    return (await this.dataDisksMax(vm)) ?? dataDisksMaxOf(vm.vmSize);
  }

  /** Waits for the list as long as a caller may be delayed. */
  async #loadOnce(location: string): Promise<Sizes | undefined> {
    const { clock } = this.#session;
    if (location === "" || clock.elapsedMs() - (this.#failedAtMs.get(location) ?? -Infinity) < RETRY_AFTER_MS)
      return undefined;
    const loading = this.#loading.get(location) ?? this.#load(location);
    const over = new AbortController();
    const late = clock.sleep(PATIENCE_MS, AbortSignal.any([this.#lifetime, over.signal])).then(
      () => this.#recordFailure(location),
      () => undefined,
    );
    try {
      return await Promise.race([loading, late]);
    } finally {
      over.abort();
    }
  }

  /** Loads the list for everyone who asks before it has arrived. */
  #load(location: string): Promise<Sizes | undefined> {
    const loading = this.#lists
      .read(
        location,
        () => this.#list(location),
        (listed) => listed,
      )
      .then(
        (sizes) => sizes ?? this.#recordFailure(location),
        () => undefined,
      )
      .finally(() => this.#loading.delete(location));
    this.#loading.set(location, loading);
    return loading;
  }

  async #list(location: string): Promise<Sizes | undefined> {
    const listed = await this.#session.call(
      { group: "vmList", resource: location, lane: "primaryAttach" },
      (clientRequestId, nextPage) =>
        this.#session.arm.listVmSizes({ location, clientRequestId, nextPage }, this.#lifetime),
      this.#lifetime,
    );
    if (!listed.ok) return undefined;
    return new Map(
      listed.value.map(({ name, dataDisksMax }) => [name.toLowerCase(), Math.min(dataDisksMax, LUNS_MAX)]),
    );
  }

  #recordFailure(location: string): undefined {
    putNewest(this.#failedAtMs, location, this.#session.clock.elapsedMs(), LOCATIONS_MAX);
    return undefined;
  }
}
