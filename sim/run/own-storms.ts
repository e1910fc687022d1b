import type { DirectedStorm } from "./directed-storm.ts";

/** Storms of what the seeds of old know nothing of: among the variants that any storm draws from, each of these would make another scenario of every seed. */
export const ownStorms: Readonly<Record<string, DirectedStorm>> = {
  "stale-deletes": {
    strikes: { "stale/before-delete": 4, "lifecycle/short-life": 2, "haste/hunted": 2, "replicas/standby-objects-deleted": 2, "crash/controller-at-step": 1 },
  },
  growth: {
    strikes: {
      "lifecycle/grown-while-moving": 6,
      "nodes/freeze-and-mark": 1,
      "crash/plugin-at-step": 1,
      "crash/controller-at-step": 1,
      "azure/answers-lost": 1,
    },
  },
  // Of one share: Azure lets nobody grow a shared disk that is attached.
  "wrong-size": {
    workload: { maxShares: 1, replicas: 0 },
    strikes: { "disks/grown-outside": 6, "haste/hunted": 2, "nodes/freeze-and-mark": 1, "crash/plugin-at-step": 1, "crash/controller-at-step": 1 },
  },
};
