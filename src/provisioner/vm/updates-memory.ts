import { putNewest } from "../../core/primitives/put-newest.ts";
import type { Clock } from "../../ports/clock.ts";
import { UpdatesUnderWay } from "./updates-under-way.ts";

/**
 * VMs without work that are remembered: more than a cluster has with a failed detach, and a few hundred
 * bytes each.
 */
const VMS_REMEMBERED_MAX = 1_000;

/**
 * What is known of the updates of VMs without work. A mark that a failed detach has left behind is kept
 * until the VM is seen without it: a process that has forgotten it would take it for a detach under
 * way. So is since when requests have waited for an operation there: repeated, they continue to read the VM
 * rarely. At the limit, the VM that has had no work for longest is forgotten.
 */
export class UpdatesMemory {
  readonly #clock: Clock;
  readonly #kept = new Map<string, UpdatesUnderWay>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Returns what is known of a VM, to the work that begins there. */
  take(vmKey: string): UpdatesUnderWay {
    const kept = this.#kept.get(vmKey);
    this.#kept.delete(vmKey);
    return kept ?? new UpdatesUnderWay(this.#clock);
  }

  /** Keeps what is known of a VM whose work has ended. */
  keep(vmKey: string, underWay: UpdatesUnderWay): void {
    if (!underWay.isEmpty) putNewest(this.#kept, vmKey, underWay, VMS_REMEMBERED_MAX);
  }
}
