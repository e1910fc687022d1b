import { rollingReimage } from "../directed/node/reimaged.ts";
import { diceAgain, type FaultClass, overAtOnce, pick } from "../fault-class.ts";
import { uncordonAll } from "./cordon.ts";
import { markOutOfService } from "./mark-out-of-service.ts";

const THIRD = 3;
const REPLACED_EVERY_MS = 60_000;
const DRAINED_FOR_MS = 25_000;

/** Many at once. */
export const mass: FaultClass = {
  name: "mass",
  about:
    "a third of the nodes fails at once, or all are replaced one after the other; all processes of a kind " +
    "are started again, or the API server is away",
  variants: {
    "third-frozen": {
      forMs: [10_000, 60_000],
      begin: ({ world, nodeNames }, { dice }) => {
        const struck = thirdOf(nodeNames, dice);
        for (const name of struck) world.azure.freeze(name);
        return () => {
          for (const name of struck) world.azure.thaw(name);
        };
      },
    },
    "third-without-power": {
      forMs: [60_000, 150_000],
      begin: (context, { dice }) => {
        const { world, nodeNames, later } = context;
        const struck = thirdOf(nodeNames, dice);
        const mark = (isOutOfService: boolean): void => {
          for (const name of struck) markOutOfService(context, name, isOutOfService);
        };
        for (const name of struck) world.azure.losePower(name, { isSilent: diceAgain(dice, 1) < 0.5 });
        later(15_000, () => mark(true));
        return () => {
          for (const name of struck) world.azure.powerOn(name);
          later(40_000, () => mark(false));
        };
      },
    },
    "rolling-replacement": {
      forMs: [180_000, 300_000],
      begin: (context) => {
        const { world, nodeNames, later } = context;
        for (const [index, name] of nodeNames.entries()) {
          later(index * REPLACED_EVERY_MS, () => world.cluster.drain(name));
          later(index * REPLACED_EVERY_MS + DRAINED_FOR_MS, () => world.azure.recreateVm(name));
          later((index + 1) * REPLACED_EVERY_MS, () => world.cluster.setUnschedulable(name, false));
        }
        return () => uncordonAll(context);
      },
    },
    "rolling-reimage": rollingReimage,
    "all-plugins-restart": {
      forMs: [2_000, 30_000],
      begin: ({ world, nodeNames }) => {
        const plugins = nodeNames.map((name) => world.nodePlugin(name));
        for (const plugin of plugins) plugin?.kill();
        return () => {
          for (const plugin of plugins) plugin?.start();
        };
      },
    },
    "all-sidecars-restart": {
      forMs: [1_000, 5_000],
      begin: ({ world }) => {
        world.cluster.restartSidecars();
        for (const controller of world.controllers) controller.kill();
        return () => {
          for (const controller of world.controllers) controller.start();
        };
      },
    },
    "controller-manager-restarts": {
      forMs: [20_000, 90_000],
      isDirected: true,
      delaysNews: true,
      begin: ({ world, later }, { forMs, dice }) => {
        const everyMs = pick([1_000, 4_000, 15_000], dice);
        for (let atMs = 0; atMs < forMs; atMs += everyMs)
          later(atMs, () => world.cluster.restartControllerManager());
        return overAtOnce;
      },
    },
    "api-away": {
      forMs: [10_000, 60_000],
      delaysNews: true,
      begin: (context) => {
        context.world.cluster.setApiReachable(false);
        return () => context.world.cluster.setApiReachable(true);
      },
    },
    "everybody-frozen": {
      forMs: [5_000, 30_000],
      begin: ({ world, nodeNames }) => {
        for (const name of nodeNames) world.azure.freeze(name);
        return () => {
          for (const name of nodeNames) world.azure.thaw(name);
        };
      },
    },
  },
};

/** A third of the nodes, rounded up, beginning anywhere. */
function thirdOf(nodeNames: readonly string[], dice: number): readonly string[] {
  const first = Math.floor(dice * nodeNames.length);
  const count = Math.ceil(nodeNames.length / THIRD);
  return Array.from({ length: count }, (_, at) => nodeNames[(first + at) % nodeNames.length] ?? "");
}
