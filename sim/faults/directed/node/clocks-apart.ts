import { diceAgain, type FaultVariant, pick, processesOf } from "../../fault-class.ts";

/**
 * How far a machine's wall clock may be ahead of the true time, in milliseconds: none is far off where time
 * is kept, and some is where it is not.
 */
const AHEAD_MS = [-3_600_000, -300_000, -20_000, 0, 0, 20_000, 300_000, 3_600_000] as const;

/**
 * No two machines agree what time it is, each for itself: what one writes down, another reads by its own
 * clock.
 */
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
