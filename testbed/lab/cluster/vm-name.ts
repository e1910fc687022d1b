/**
 * The name of a node's VM in the lab's Azure. It differs from the node's name, so that a driver that
 * confuses the two finds nothing.
 */
export function vmNameOf(nodeName: string): string {
  return `flex_${nodeName}`;
}
