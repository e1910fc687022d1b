/** The classes of faults, in the order of the list that they were taken from. */
export const faultNames = [
  "crash",
  "stale",
  "hidden",
  "watches",
  "conflicts",
  "leaders",
  "azure",
  "nodes",
  "disks",
  "haste",
  "scarcity",
  "lifecycle",
  "replicas",
  "mass",
  "loss",
] as const;

/** A class of faults. */
export type FaultName = (typeof faultNames)[number];
