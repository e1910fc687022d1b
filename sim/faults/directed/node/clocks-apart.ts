import { diceAgain, type FaultVariant, pick, processesOf } from "../../fault-class.ts";

/**
 * How far a machine's wall clock may be ahead of the true time, in milliseconds: little with time
 * synchronisation, and much without.
 */
const AHEAD_MS = [-3_600_000, -300_000, -20_000, 0, 0, 20_000, 300_000, 3_600_000] as const;

/** The machines' wall clocks differ: each reads the others' timestamps by its own clock. */
export const clocksApart: FaultVariant = {
  forMs: [60_000, 240_000],
  isDirected: true,
  begin: (context, { dice }) => {
    const processes = processesOf(context);
    for (const [index, process] of processes.entries())
      process.setWallClockAhead(pick(AHEAD_MS, diceAgain(dice, index + 1)));
    return () => {
      for (const process of processes) process.setWallClockAhead(0);
    };
  },
};
