/** A node as seen by a controller that has just started. */
export interface KnownNode {
  readonly nodeName: string;
  /**
   * `reported`: it sent a heartbeat after the controller read the Lease, so it has compared its counter with
   * the store. `new`: it was created since, and remembers nothing. `silent`: it was watched for long
   * enough without a heartbeat.
   */
  readonly state: "reported" | "new" | "silent" | "awaited";
  /** It reports a rollback, and no rebuild has begun since. */
  readonly reportsRollback: boolean;
}

/** What a controller that remembers nothing of the store may do with its records. */
export type GracePeriodVerdict =
  | { readonly kind: "trusts" }
  | { readonly kind: "waits"; readonly awaited: readonly string[] }
  /** No node is left that could detect a rollback: every record has to be rebuilt. */
  | { readonly kind: "rebuilds" };

/**
 * Whether the store may have been rolled back before this controller started. It can't know, but each
 * node keeps a counter that only it writes. Once one node has reported, silent ones are not waited for:
 * they trust nothing themselves before they have compared.
 */
export function evaluateGracePeriod(nodes: readonly KnownNode[]): GracePeriodVerdict {
  const awaited = nodes
    .filter(({ state, reportsRollback }) => state === "awaited" || reportsRollback)
    .map(({ nodeName }) => nodeName);
  if (awaited.length > 0) return { kind: "waits", awaited };
  const older = nodes.filter(({ state }) => state !== "new");
  return older.length === 0 || older.some(({ state }) => state === "reported")
    ? { kind: "trusts" }
    : { kind: "rebuilds" };
}
