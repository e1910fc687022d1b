/** The classes of faults, in the order of the list from which they were taken. */
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
 * Those from which the classes of a storm are drawn. The others are drawn beside them, each with its own
 * random stream, so that existing seeds keep their scenarios.
 */
export const drawnFaultNames: readonly FaultName[] = faultNames.filter((name) => name !== "malicious");

/** A class of faults. */
export type FaultName = (typeof faultNames)[number];
