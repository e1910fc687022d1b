import type { ModelMachine } from "../../src/adapters/model-host/model-machine.ts";
import type { Clock } from "../../src/ports/clock.ts";

/** One VM with its kernel, as the processes on it see it: node plug-in, kubelet, containers. */
export interface SimMachine {
  /** The node's name, as long as no other VM has taken it: the one under which its kubelet registers now. */
  readonly nodeName: string;
  /** Whether its kubelet registers, or has registered, under that name. */
  readonly isOrWas: (nodeName: string) => boolean;
  /** The resource id of its VM. */
  readonly instanceUri: string;
  /** The VM's GUID; another machine under the same name has a different one. */
  readonly vmGuid: string;
  /** 1 from the start, plus one after each reimage. What is kept on an earlier OS disk is gone. */
  readonly osDisk: () => number;
  /** `isBroken`: after an error it takes no change, until the machine boots again. */
  readonly rootDisk: { isBroken: boolean };
  /** Its devices, mounts and page cache. Cached writes go to the disk by themselves, some seconds later. */
  readonly kernel: ModelMachine;
  /** The clock of all processes on it: sleepers wake only while it runs. */
  readonly clock: Clock;
  /** `frozen`: nothing on it moves, and everything continues later. `off`: without power, or deleted. */
  readonly state: () => "running" | "frozen" | "off";
  /**
   * Aborted when this boot of the machine ends: power lost, rebooted or deleted. Every process on it ends
   * then. Each boot has its own.
   */
  readonly boot: () => AbortSignal;
  /**
   * Resolves while the machine runs; waits while it is frozen. The processes on it call this before each
   * external effect.
   */
  readonly passed: () => Promise<void>;
  /** 1 from the start, plus one after each boot. */
  readonly bootNumber: () => number;
  /** Calls `listener` when the machine has booted again. */
  readonly onBoot: (listener: () => void) => void;
}
