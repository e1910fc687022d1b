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
  "malicious",
] as const;

/**
 * Those that the classes of a storm are drawn from. The others are drawn beside them, each by dice of its
 * own: seeds stay the scenarios that they were.
 */
export const drawnFaultNames: readonly FaultName[] = faultNames.filter((name) => name !== "malicious");

/** A class of faults. */
export type FaultName = (typeof faultNames)[number];
