import { killedWhileDeleting } from "../directed/detach/killed-while-deleting.ts";
import { killedWhileSending } from "../directed/detach/killed-while-sending.ts";
import { pausedWhileCreating } from "../directed/failover/paused-while-creating.ts";
import { clocksApart } from "../directed/node/clocks-apart.ts";
import { diceAgain, type FaultClass, leaderOf, pick } from "../fault-class.ts";

/** Steps that a leader decides on an earlier read. */
const decidedSteps = [
  "grant",
  "revoke",
  "withdraw",
  "request",
  "recall",
  "begin-fence",
  "fence",
  "end-fence",
  "attach",
  "detach",
] as const;
/** Shorter and longer than a Lease allows, in milliseconds. */
const STANDS_STILL_MS = [1_500, 7_000, 9_000, 40_000] as const;
const STRIKES_MAX = 3;

/** Two controllers that both believe they lead, and clocks that disagree. */
export const leaders: FaultClass = {
  name: "leaders",
  about:
    "two controllers lead at once, a leader is paused and resumes, is cut off from the store or from " +
    "Azure, clocks run fast, slow, or jump",
  variants: {
    paused: {
      forMs: [8_000, 90_000],
      delaysNews: true,
      begin: ({ world }) => {
        const leader = leaderOf(world);
        leader.pause();
        return () => leader.resume();
      },
    },
    "paused-at-step": {
      forMs: [30_000, 120_000],
      delaysNews: true,
      begin: ({ world, later }, { dice }) => {
        const takenBack = world.controllers.flatMap((controller) =>
          Array.from({ length: STRIKES_MAX }, (_, at) =>
            controller.strikeAt(
              { step: pick(decidedSteps, diceAgain(dice, at)), nth: 1, moment: "before" },
              () => {
                controller.pause();
                later(pick(STANDS_STILL_MS, diceAgain(dice, STRIKES_MAX + at)), () => controller.resume());
              },
            ),
          ),
        );
        return () => {
          for (const takeBack of takenBack) takeBack();
          for (const controller of world.controllers) controller.resume();
        };
      },
    },
    "paused-for-minutes": {
      forMs: [100_000, 280_000],
      isDirected: true,
      delaysNews: true,
      begin: ({ world }, { dice }) => {
        const step = pick(decidedSteps, dice);
        const takenBack = world.controllers.map((controller) =>
          controller.strikeAt({ step, nth: 1, moment: "before" }, () => {
            for (const takeBack of takenBack) takeBack();
            controller.pause();
          }),
        );
        return () => {
          for (const takeBack of takenBack) takeBack();
          for (const controller of world.controllers) controller.resume();
        };
      },
    },
    "paused-again-and-again": {
      forMs: [20_000, 90_000],
      delaysNews: true,
      begin: ({ world, later }, { forMs }) => {
        for (let atMs = 0; atMs < forMs; atMs += 20_000) {
          later(atMs, () => {
            const leader = leaderOf(world);
            leader.pause();
            later(16_000, () => leader.resume());
          });
        }
        return () => {
          for (const controller of world.controllers) controller.resume();
        };
      },
    },
    "killed-while-sending": killedWhileSending,
    "killed-while-deleting": killedWhileDeleting,
    "paused-while-creating": pausedWhileCreating,
    "cut-from-store": {
      forMs: [5_000, 60_000],
      delaysNews: true,
      begin: ({ world }) => {
        const leader = leaderOf(world);
        leader.store.setReachable(false);
        return () => leader.store.setReachable(true);
      },
    },
    "cut-from-azure": {
      forMs: [5_000, 60_000],
      begin: ({ world }) => {
        const leader = leaderOf(world);
        leader.setAzureReachable(false);
        return () => leader.setAzureReachable(true);
      },
    },
    "clock-rate": {
      forMs: [30_000, 120_000],
      begin: ({ world }, { dice }) => {
        const leader = leaderOf(world);
        leader.setClockRate(pick([0.9, 0.95, 1.05, 1.1], dice));
        return () => leader.setClockRate(1);
      },
    },
    "clocks-apart": clocksApart,
    "clock-jump": {
      forMs: [1_000, 60_000],
      begin: ({ world }, { dice }) => {
        const ms = pick([-3_600_000, -60_000, 60_000, 3_600_000], dice);
        world.clock.jumpWallClock(ms);
        return () => world.clock.jumpWallClock(-ms);
      },
    },
  },
};
