/**
 * What sidecars and kubelet take for work that may go on, or may have been done (csi-lib-utils,
 * csi_client.go). Any other code says that nothing was done, and nothing goes on.
 */
export function mayHaveHappened(code: string): boolean {
  return ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"].includes(code);
}
