import type { Clock } from "../../ports/clock.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";

interface UnschedulablePorts {
  readonly users: Pick<VolumeUsers, "cachedNode" | "onChange">;
  readonly clock: Pick<Clock, "elapsedMs">;
}

/**
 * For how long this process has seen nodes as unschedulable. Created once a process, and follows the nodes
 * from then on, also while another process leads. One that starts counts again: it acts later, never earlier.
 */
export class UnschedulableNodes {
  readonly #ports: UnschedulablePorts;
  /** When each of them was first seen so, on the clock's `elapsedMs`. */
  readonly #sinceMs = new Map<string, number>();

  constructor(ports: UnschedulablePorts) {
    this.#ports = ports;
    ports.users.onChange((nodeName, changed) => {
      if (changed === "node") this.forMs(nodeName);
    });
  }

  /** Milliseconds on this process's own clock; 0 where the node is schedulable, or gone. */
  forMs(nodeName: string): number {
    const { users, clock } = this.#ports;
    if (!users.cachedNode(nodeName).isUnschedulable) {
      this.#sinceMs.delete(nodeName);
      return 0;
    }
    const nowMs = clock.elapsedMs();
    const sinceMs = this.#sinceMs.get(nodeName) ?? nowMs;
    this.#sinceMs.set(nodeName, sinceMs);
    return nowMs - sinceMs;
  }
}
