import type { Result } from "../../core/failure/result.ts";
import { fail } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";

/** A command of a modelled host: takes its time, and then happens at once. */
interface ModelOperation {
  readonly line: string;
  readonly instanceNumber: number;
  readonly touches: readonly string[];
  readonly latencyMs: number;
  /** Numbers of devices that it has inherited open: no other device gets them while it is under way. */
  readonly heldNumbers: readonly string[];
  readonly act: () => Result<void>;
  /**
   * Its effect if it is interrupted after that share of its time, from 0 to 1; none if this is left
   * out.
   */
  readonly cutOff?: (doneShare: number) => void;
}

/** The commands of a machine that are under way, over all plug-in instances. */
export interface ModelOperations {
  /**
   * Runs a command after those of the same instance that touch the same things; it does not wait for an
   * earlier instance's commands, as on Linux. It continues when its caller leaves, as a child process
   * does; the same command again joins it.
   */
  readonly run: (operation: ModelOperation, signal: AbortSignal) => Promise<Result<void>>;
  readonly inFlight: () => readonly ModelOperation[];
  /** Ends the commands that `isKilled` selects, with their effect so far. */
  readonly kill: (isKilled: (operation: ModelOperation) => boolean) => void;
  /**
   * Stops the effect of the commands on a thing at its present state: the thing is taken away from
   * them, and they fail when they notice.
   */
  readonly cutOff: (touched: string) => void;
}

interface InFlight {
  readonly operation: ModelOperation;
  readonly killed: AbortController;
  readonly beganAtMs: number;
  readonly ended: Promise<Result<void>>;
}

const cancelled: Result<never> = fail({ kind: "Cancelled" });

export function createModelOperations(clock: Clock): ModelOperations {
  const inFlight = new Set<InFlight>();
  const conflictOf = ({ instanceNumber, touches }: ModelOperation): InFlight | undefined =>
    [...inFlight].find(
      ({ operation }) =>
        operation.instanceNumber === instanceNumber &&
        operation.touches.some((touched) => touches.includes(touched)),
    );

  const cutOff = ({ operation, beganAtMs, killed }: InFlight): void => {
    // Killed already, and not woken yet.
    if (killed.signal.aborted) return;
    operation.cutOff?.(Math.min(1, (clock.elapsedMs() - beganAtMs) / Math.max(1, operation.latencyMs)));
  };

  const begin = (operation: ModelOperation): InFlight => {
    const killed = new AbortController();
    const whenEnded = Promise.withResolvers<Result<void>>();
    const entry: InFlight = { operation, killed, beganAtMs: clock.elapsedMs(), ended: whenEnded.promise };
    inFlight.add(entry);
    const slept =
      operation.latencyMs === 0 ? Promise.resolve() : clock.sleep(operation.latencyMs, killed.signal);
    whenEnded.resolve(
      slept.then(
        () => {
          inFlight.delete(entry);
          return killed.signal.aborted ? cancelled : operation.act();
        },
        () => {
          inFlight.delete(entry);
          return cancelled;
        },
      ),
    );
    return entry;
  };

  return {
    run: async (operation, signal) => {
      for (let conflict = conflictOf(operation); conflict !== undefined; conflict = conflictOf(operation)) {
        const ended = await orAborted(conflict.ended, signal);
        if (signal.aborted) return cancelled;
        if (conflict.operation.line === operation.line) return ended;
      }
      return await orAborted(begin(operation).ended, signal);
    },
    inFlight: () => [...inFlight].map(({ operation }) => operation),
    kill: (isKilled) => {
      for (const entry of inFlight) {
        if (!isKilled(entry.operation)) continue;
        cutOff(entry);
        entry.killed.abort();
      }
    },
    cutOff: (touched) => {
      for (const entry of inFlight) if (entry.operation.touches.includes(touched)) cutOff(entry);
    },
  };
}

async function orAborted(ended: Promise<Result<void>>, signal: AbortSignal): Promise<Result<void>> {
  if (signal.aborted) return cancelled;
  const { promise, resolve } = Promise.withResolvers<Result<void>>();
  const onAbort = (): void => resolve(cancelled);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([ended, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
