import { laggingServer } from "../directed/control-plane/lagging-server.ts";
import { staleBeforeDelete } from "../directed/detach/stale-before-delete.ts";
import { type FaultClass, leaderOf, nodeOfPod, pick, processesOf } from "../fault-class.ts";

/** Caches grow stale: a process sees an earlier state, and decides on that. */
export const stale: FaultClass = {
  name: "stale",
  about:
    "caches grow stale: watches of the object store or of Kubernetes deliver nothing for a while, also " +
    "right after what leads to a deletion, or everything late; parts of Kubernetes start at an API server " +
    "that is behind, and list the past",
  variants: {
    "leader-hears-nothing": {
      forMs: [5_000, 60_000],
      delaysNews: true,
      begin: ({ world }) => {
        const leader = leaderOf(world);
        leader.store.holdWatches(true);
        return () => leader.store.holdWatches(false);
      },
    },
    "plugin-hears-nothing": {
      forMs: [5_000, 60_000],
      begin: (context, fault) => {
        const plugin = context.world.nodePlugin(nodeOfPod(context.world, fault));
        plugin?.store.holdWatches(true);
        return () => plugin?.store.holdWatches(false);
      },
    },
    "everybody-hears-late": {
      forMs: [20_000, 120_000],
      delaysNews: true,
      begin: (context, fault) => {
        const processes = processesOf(context);
        const longestMs = pick([2_000, 10_000, 30_000], fault.dice);
        for (const { store } of processes) store.setWeather({ watchDelayMs: [0, longestMs] });
        return () => {
          for (const { store } of processes) store.clearWeather();
        };
      },
    },
    "before-delete": staleBeforeDelete,
    "lagging-server": laggingServer,
    "cluster-view-held": {
      forMs: [10_000, 60_000],
      delaysNews: true,
      begin: ({ world }) => {
        const { name } = leaderOf(world);
        world.cluster.holdView(name, true);
        return () => world.cluster.holdView(name, false);
      },
    },
    "cluster-view-late": {
      forMs: [20_000, 120_000],
      delaysNews: true,
      begin: ({ world }, { dice }) => {
        const longestMs = pick([3_000, 10_000, 30_000], dice);
        for (const { name } of world.controllers) world.cluster.setViewDelay(name, [0, longestMs]);
        return () => {
          for (const { name } of world.controllers) world.cluster.setViewDelay(name, [0, 200]);
        };
      },
    },
  },
};
