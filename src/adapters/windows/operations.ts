import type { Result } from "../../core/failure/result.ts";
import { fail } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { waitWithin } from "../linux/command/wait-within.ts";

/** What an operation is, for others that wait for it or report it. */
interface Operation {
  readonly line: string;
  /** The devices and paths that it uses. */
  readonly keys: readonly string[];
  readonly limitMs: number;
}

/** Work on disks and paths that outlives its caller: a cmdlet that was sent can't be called back. */
export interface Operations {
  /**
   * Runs `act` once every earlier operation on one of `keys` has ended. Its caller waits until it has
   * ended, at most until `signal` is aborted (`Cancelled`) or the time is over (`HostCommandTimedOut`, which
   * names the operations that it waited for). One that has not begun by then never begins.
   */
  readonly run: <T>(
    operation: Operation,
    act: () => Promise<Result<T>>,
    signal: AbortSignal,
  ) => Promise<Result<T>>;
  /** The operations on one of `keys` that have not ended. */
  readonly inFlightOn: (keys: readonly string[]) => readonly string[];
}

/** Operations of one instance: none is running. */
export function createOperations(clock: Clock): Operations {
  const inFlight = new Set<{
    readonly line: string;
    readonly keys: readonly string[];
    readonly ended: Promise<void>;
  }>();
  const on = (keys: readonly string[]) =>
    [...inFlight].filter((operation) => operation.keys.some((key) => keys.includes(key)));
  return {
    run: async <T>(
      { line, keys, limitMs }: Operation,
      act: () => Promise<Result<T>>,
      signal: AbortSignal,
    ) => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      const earlier = on(keys);
      let hasBegun = false;
      let hasCallerLeft = false;
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const operation = { line, keys, ended };
      inFlight.add(operation);
      const work = async (): Promise<Result<T>> => {
        await Promise.all(earlier.map((each) => each.ended));
        if (hasCallerLeft) return fail({ kind: "Cancelled" });
        hasBegun = true;
        try {
          return await act();
        } finally {
          leave();
        }
      };
      const leave = (): void => {
        inFlight.delete(operation);
        end();
      };
      const waited = await waitWithin(work(), limitMs, clock, signal);
      if (waited.kind === "done") return waited.value;
      hasCallerLeft = true;
      // What waited for it waits for the earlier ones itself.
      if (!hasBegun) leave();
      const blocking = earlier.filter((each) => inFlight.has(each)).map((each) => each.line);
      const command = blocking.length === 0 ? line : `${line}, which waits for: ${blocking.join("; ")}`;
      return waited.kind === "cancelled"
        ? fail({ kind: "Cancelled" })
        : fail({ kind: "HostCommandTimedOut", command, timeoutMs: limitMs });
    },
    inFlightOn: (keys) => on(keys).map(({ line }) => line),
  };
}
