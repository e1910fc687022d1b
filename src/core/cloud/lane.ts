/** Why an attach or detach is asked for, the most urgent first. */
const lanes = ["failover", "primaryAttach", "detach", "replicaAttach", "collection"] as const;

/** One of the lanes; earlier lanes go first when a VM's update budget runs low. */
export type Lane = (typeof lanes)[number];

/** Lanes that may use the share of a budget that is kept back for them: what frees a volume must not wait for what spreads it. */
const lanesWithReserve: readonly Lane[] = ["failover", "detach"];

/** Orders lanes: negative if `left` goes first. */
export function compareLanes(left: Lane, right: Lane): number {
  return lanes.indexOf(left) - lanes.indexOf(right);
}

/** Whether the reserved share of a budget is for this lane, too. */
export function mayUseReserve(lane: Lane): boolean {
  return lanesWithReserve.includes(lane);
}

/** The most urgent of some lanes; undefined of none. */
export function mostUrgentLane(candidates: readonly Lane[]): Lane | undefined {
  return lanes.find((lane) => candidates.includes(lane));
}
