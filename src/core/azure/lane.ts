import type { Urgency } from "./pace/token-bucket.ts";

/** Why a call is made, the most urgent first. No other call waits for a disk's tags, so they come last. */
const lanes = ["failover", "primaryAttach", "detach", "replicaAttach", "prune", "tag"] as const;

/** One of the lanes; earlier lanes go first when a VM's update budget runs low. */
export type Lane = (typeof lanes)[number];

/** How much of a budget each lane may use: calls that free a volume don't wait for those of replicas. */
export const urgencies: Readonly<Record<Lane, Urgency>> = {
  failover: "now",
  primaryAttach: "normal",
  detach: "reserve",
  replicaAttach: "normal",
  prune: "normal",
  tag: "last",
};

/**
 * Whether a read of a VM goes even if other clients have used up that VM's reads: Azure may refuse it, and
 * then says for how long. A pod waits for such reads. Without them, a client that reads the VM all the time
 * would delay every attach.
 */
export function ignoresOtherClients(lane: Lane): boolean {
  return lane === "failover" || lane === "primaryAttach" || lane === "detach";
}

/**
 * What a call adds to its lane's turn in a line of calls, in which the lowest turn goes first: while calls of
 * both wait, a lane has one for each 16 of a lane that is a step more urgent. A failover hardly waits, and no
 * lane is starved, though a tag beside steady failovers may need several tries.
 */
export const turnCosts: Readonly<Record<Lane, number>> = {
  failover: 1,
  primaryAttach: 16,
  detach: 16,
  replicaAttach: 256,
  prune: 256,
  tag: 4096,
};

/** Orders lanes: negative if `left` goes first. */
export function compareLanes(left: Lane, right: Lane): number {
  return lanes.indexOf(left) - lanes.indexOf(right);
}

/** The most urgent of some lanes; undefined of none. */
export function mostUrgentLane(candidates: readonly Lane[]): Lane | undefined {
  return lanes.find((lane) => candidates.includes(lane));
}
