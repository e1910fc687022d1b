import type { ArmVm } from "./arm-api.ts";
import { diskKeyOf } from "./disk-key.ts";
import { isTerminal } from "./provisioning-state.ts";

/** Whose operation Azure works on: of this process, perhaps a detach that an earlier process began, or of others. */
export type Whose = "own" | "perhapsOwn" | "others";

/**
 * What is known of the operation that Azure works on at one VM. A data disk's `toBeDetached` says that a detach was begun, and stays after one that failed: it is
 * no sign of a detach under way once it was seen while nothing was.
 */
export class UpdatesUnderWay {
  #count = 0;
  /** Disks whose detach was begun, and has ended without taking them off. */
  readonly #leftBehind = new Set<string>();

  /** Counts an update as under way for as long as its end is waited for. */
  async during<T>(wait: () => Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await wait();
    } finally {
      this.#count--;
    }
  }

  /** Learns from each read of the VM. */
  saw(model: ArmVm): void {
    const marked = new Set(model.dataDisks.filter((entry) => entry.toBeDetached === true).map(diskKeyOf));
    for (const diskKey of this.#leftBehind) if (!marked.has(diskKey)) this.#leftBehind.delete(diskKey);
    if (this.#count === 0 && isTerminal(model.provisioningState)) for (const diskKey of marked) this.#leftBehind.add(diskKey);
  }

  /** Azure has taken up an update that takes these disks off, and may go on with it when its end is no longer waited for. */
  hasBegun(diskKeys: Iterable<string>): void {
    for (const diskKey of diskKeys) this.#leftBehind.delete(diskKey);
  }

  /** Azure has ended an update that was to take these disks off. */
  hasEnded(diskKeys: Iterable<string>): void {
    for (const diskKey of diskKeys) this.#leftBehind.add(diskKey);
  }

  /** The disks of which a detach may be under way. */
  leaving(model: ArmVm): readonly string[] {
    return model.dataDisks.flatMap((entry) => (entry.toBeDetached === true && !this.#leftBehind.has(diskKeyOf(entry)) ? [diskKeyOf(entry)] : []));
  }

  /** Whose operation may be under way, where some of `diskKeys` are to come off. */
  whose(model: ArmVm, diskKeys: ReadonlySet<string>): Whose {
    if (this.#count > 0) return "own";
    return this.leaving(model).some((diskKey) => diskKeys.has(diskKey)) ? "perhapsOwn" : "others";
  }
}
