/** A place in the queue of a semaphore. */
interface Ticket {
  /** Resolves when its turn has come. */
  readonly granted: Promise<void>;
  /** Frees the slot, or leaves the queue before its turn; later calls do nothing. */
  readonly leave: () => void;
}

/** Admits at most `slotsMax` holders at a time, in the order of arrival. */
export interface Semaphore {
  readonly enter: () => Ticket;
}

/** Creates a semaphore of `slotsMax` slots. */
export function createSemaphore(slotsMax: number): Semaphore {
  const holding = new Set<symbol>();
  const waiting = new Map<symbol, () => void>();
  const admit = (): void => {
    for (const [ticket, grant] of waiting) {
      if (holding.size >= slotsMax) return;
      waiting.delete(ticket);
      holding.add(ticket);
      grant();
    }
  };
  return {
    enter: () => {
      const ticket = Symbol("ticket");
      const granted = new Promise<void>((resolve) => {
        waiting.set(ticket, resolve);
      });
      admit();
      return {
        granted,
        leave: () => {
          waiting.delete(ticket);
          holding.delete(ticket);
          admit();
        },
      };
    },
  };
}
