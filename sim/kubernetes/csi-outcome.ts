/**
 * The codes that sidecars and kubelet treat as work that may continue, or may have been done
 * (csi-lib-utils, csi_client.go). Any other code means that nothing was done and nothing continues.
 */
export function mayHaveHappened(code: string): boolean {
  return ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"].includes(code);
}
