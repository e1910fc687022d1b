import type { ModelMachine } from "../../src/adapters/model-host/model-machine.ts";
import type { Clock } from "../../src/ports/clock.ts";

/** One VM with its kernel, as everything that runs on it sees it: node plug-in, kubelet, containers. */
export interface SimMachine {
  /** The node's, as long as no other VM has taken its name. */
  readonly nodeName: string;
  /** The resource id of its VM. */
  readonly instanceUri: string;
  /** The VM's GUID; another machine under the same name has another. */
  readonly vmGuid: string;
  /**
   * Its devices, mounts and page cache. What is written into the cache goes to the disk by itself, some
   * seconds later.
   */
  readonly kernel: ModelMachine;
  /** The clock of all that runs on it: sleepers wake only while it runs. */
  readonly clock: Clock;
  /** `frozen`: nothing on it moves, and all of it goes on later. `off`: without power, or deleted. */
  readonly state: () => "running" | "frozen" | "off";
  /**
   * Aborted when this boot of the machine ends: power lost, rebooted or deleted. Every process on it ends
   * then. Another one after each boot.
   */
  readonly boot: () => AbortSignal;
  /**
   * Resolves while the machine runs; waits as long as it is frozen. What ran on it passes here before each
   * thing that it does to the outside.
   */
  readonly passed: () => Promise<void>;
  /** Calls `listener` when the machine has booted again. */
  readonly onBoot: (listener: () => void) => void;
}
