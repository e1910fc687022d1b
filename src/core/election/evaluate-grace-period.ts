/** A node as a controller that has just started knows it. */
export interface KnownNode {
  readonly nodeName: string;
  /**
   * `heard`: it has beaten since the controller read the Lease, and so has compared what it remembers with
   * the store. `born`: it was made since, and remembers nothing. `silent`: it was watched for long enough
   * without a beat.
   */
  readonly state: "heard" | "born" | "silent" | "awaited";
  /** It says that the store went back, and no sweep has come since. */
  readonly hasReported: boolean;
}

/** What a controller that remembers nothing of the store may do with its records. */
export type GracePeriod =
  | { readonly kind: "trusts" }
  | { readonly kind: "waits"; readonly awaited: readonly string[] }
  /** Nobody is left who could tell whether the store went back: every record has to be proven anew. */
  | { readonly kind: "sweeps" };

/**
 * Whether the store may have gone back before this controller started: it can't know, but each node keeps a
 * counter that only it writes. Those that are silent are not waited for without an end, as long as one was
 * heard; they trust nothing themselves before they have compared.
 */
export function evaluateGracePeriod(nodes: readonly KnownNode[]): GracePeriod {
  const awaited = nodes
    .filter(({ state, hasReported }) => state === "awaited" || hasReported)
    .map(({ nodeName }) => nodeName);
  if (awaited.length > 0) return { kind: "waits", awaited };
  const elders = nodes.filter(({ state }) => state !== "born");
  return elders.length === 0 || elders.some(({ state }) => state === "heard")
    ? { kind: "trusts" }
    : { kind: "sweeps" };
}
