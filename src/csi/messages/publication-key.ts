/**
 * What publish and unpublish lock: a volume on one node. Another node's request must be recorded while
 * this one is being released; the writer record guards the rest.
 */
export function publicationKey(request: { readonly volumeId: string; readonly nodeId: string }): string {
  return `${request.volumeId} on ${request.nodeId}`;
}
