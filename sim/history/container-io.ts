import type { SimMachine } from "../azure/sim-machine.ts";

/** A container that a kubelet has started with a volume. */
export interface RunningContainer {
  readonly volumeName: string;
  readonly podName: string;
  readonly podUid: string;
  readonly machine: SimMachine;
  /** Where its volume is: a folder, or the file of a raw device. */
  readonly path: string;
  readonly access: "mount" | "block";
}

/**
 * What containers do with their volumes. The kubelet's model tells it of each container; what it does
 * between, on the machine's own clock, is a database's work: it reads what is there, checks it against
 * every write that was ever acknowledged, and appends and syncs records until it is stopped, or its machine
 * ends.
 */
export interface ContainerIo {
  /**
   * Begins the container's work. Resolves when its work has ended: as it was told to, or since its disk
   * answers errors (it then exits, and kubelet starts it anew).
   */
  run(container: RunningContainer, stop: AbortSignal): Promise<"stopped" | "failed">;
}
