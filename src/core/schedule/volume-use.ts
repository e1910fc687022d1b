/**
 * The users of a volume on a node. `areWaiting`: by the orchestrator, no container of any user has ever
 * run; left out where it does not know. `unknown`: it can't be asked now, and why, where that is known;
 * never treated as unused.
 */
export type VolumeUse =
  | { readonly kind: "used"; readonly users: readonly string[]; readonly areWaiting?: true }
  | { readonly kind: "unused" }
  | { readonly kind: "unknown"; readonly because?: string };

/** Whether, by the orchestrator, no container of any user of the volume has ever run on the node. */
export function hasNoContainer(use: VolumeUse): boolean {
  return use.kind === "unused" || (use.kind === "used" && use.areWaiting === true);
}
