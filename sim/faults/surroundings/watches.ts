import { diceAgain, type FaultClass, processesOf } from "../fault-class.ts";

const BREAK_EVERY_MS = 3_000;
/**
 * Two weathers of five repeat events, so often. None of those of earlier regression seeds does, so that
 * these run as they did then.
 */
const REPEATED = 0.3;
const REPEATING_FROM = 0.6;

/** Watches end, begin too late, and deliver events twice or in another order. */
export const watches: FaultClass = {
  name: "watches",
  about:
    "watches break, resume from versions that are expired (410), deliver things again or twice, and " +
    "kinds overtake one another",
  variants: {
    break: {
      forMs: [10_000, 60_000],
      delaysNews: true,
      begin: (context, { forMs }) => {
        const processes = processesOf(context);
        for (let atMs = 0; atMs < forMs; atMs += BREAK_EVERY_MS) {
          context.later(atMs, () => {
            for (const { store } of processes) store.breakWatches();
          });
        }
        return () => undefined;
      },
    },
    gone: {
      forMs: [10_000, 60_000],
      delaysNews: true,
      begin: (context, { forMs }) => {
        const processes = processesOf(context);
        for (let atMs = 0; atMs < forMs; atMs += BREAK_EVERY_MS) {
          context.later(atMs, () => {
            context.world.store.forgetHistory();
            for (const { store } of processes) store.breakWatches();
          });
        }
        return () => undefined;
      },
    },
    weather: {
      forMs: [20_000, 90_000],
      delaysNews: true,
      begin: (context, { dice }) => {
        const processes = processesOf(context);
        const watchRepeated = diceAgain(dice, 6) < REPEATING_FROM ? 0 : REPEATED;
        for (const { store } of processes)
          store.setWeather({
            watchBroken: 0.05 + dice * 0.3,
            watchGone: 0.2,
            watchRepeated,
            watchDelayMs: [0, 3_000],
          });
        return () => {
          for (const { store } of processes) store.clearWeather();
        };
      },
    },
  },
};
