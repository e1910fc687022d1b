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
  /** Containers on other nodes write it at once. */
  readonly isShared: boolean;
}

/**
 * What containers do with their volumes. The kubelet's model calls it for each container. The container
 * then works like a database, on the machine's own clock: it reads what is there, compares it with every
 * write that was ever acknowledged, and appends and syncs records until it is stopped, or its machine
 * ends. Containers that share a volume write to places of their own: one that was thought dead may be alive.
 */
export interface ContainerIo {
  /**
   * Begins the container's work. Resolves when its work has ended: on request, or because its disk returns
   * errors (it then exits, and kubelet restarts it).
   */
  run(container: RunningContainer, stop: AbortSignal): Promise<"stopped" | "failed">;
}
