import type { Clock } from "../../ports/clock.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";

interface UnschedulablePorts {
  readonly users: Pick<VolumeUsers, "cachedNode" | "onChange">;
  readonly clock: Pick<Clock, "elapsedMs">;
  readonly leaseHighWaterMark: Pick<LeaseHighWaterMark, "comingIncarnation">;
}

interface FirstSeen {
  /** On the clock's `elapsedMs`. */
  readonly sinceMs: number;
  /** The highest store incarnation known then. */
  readonly incarnation: number;
}

/**
 * For how long this process has seen nodes as unschedulable. Created once a process, and follows the nodes
 * from then on, also while another process leads. One that starts counts again, and so does each of them
 * after a rollback of the store: the backup may show a cordon that had ended. Both act later, never earlier.
 */
export class UnschedulableNodes {
  readonly #ports: UnschedulablePorts;
  readonly #firstSeen = new Map<string, FirstSeen>();

  constructor(ports: UnschedulablePorts) {
    this.#ports = ports;
    ports.users.onChange((nodeName, changed) => {
      if (changed === "node") this.forMs(nodeName);
    });
  }

  /** Milliseconds on this process's own clock; 0 where the node is schedulable, or gone. */
  forMs(nodeName: string): number {
    const { users, clock, leaseHighWaterMark } = this.#ports;
    if (!users.cachedNode(nodeName).isUnschedulable) {
      this.#firstSeen.delete(nodeName);
      return 0;
    }
    const nowMs = clock.elapsedMs();
    const incarnation = leaseHighWaterMark.comingIncarnation;
    const seen = this.#firstSeen.get(nodeName);
    if (seen?.incarnation === incarnation) return nowMs - seen.sinceMs;
    this.#firstSeen.set(nodeName, { sinceMs: nowMs, incarnation });
    return 0;
  }
}
