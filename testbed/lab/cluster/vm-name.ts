/**
 * The name of a node's VM in the lab's Azure. It is never the node's: a driver that takes the one for the
 * other finds nothing.
 */
export function vmNameOf(nodeName: string): string {
  return `flex_${nodeName}`;
}
