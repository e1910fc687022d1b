import type { FaultContext } from "../fault-class.ts";

type Nodes = Pick<FaultContext, "world" | "nodeNames">;

/** New pods go nowhere. */
export function cordonAll(nodes: Nodes): void {
  cordon(nodes, () => true);
}

/** New pods go to this node or nowhere. */
export function cordonAllBut(nodes: Nodes, nodeName: string): void {
  cordon(nodes, (name) => name !== nodeName);
}

/** New pods go anywhere but to this node. */
export function cordonOnly(nodes: Nodes, nodeName: string): void {
  cordon(nodes, (name) => name === nodeName);
}

/** New pods go anywhere. */
export function uncordonAll(nodes: Nodes): void {
  cordon(nodes, () => false);
}

function cordon({ world, nodeNames }: Nodes, isCordoned: (nodeName: string) => boolean): void {
  for (const name of nodeNames) world.cluster.setUnschedulable(name, isCordoned(name));
}
