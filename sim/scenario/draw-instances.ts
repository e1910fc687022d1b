import type { Random } from "../../src/ports/random.ts";
import { type InstanceKind, instanceKinds } from "../azure/vm-names.ts";
import { oneOf } from "./dice.ts";
import type { Scenario } from "./scenario.ts";

/** What the nodes of a cluster run on: all on one kind, as AKS' node pools do, or each on another. */
const CLUSTERS = ["vm", "uniform", "mixed"] as const satisfies readonly (InstanceKind | "mixed")[];

/** The same nodes, each on an instance of some kind. */
export function drawInstances(random: Random, nodes: Scenario["nodes"]): Scenario["nodes"] {
  const cluster = oneOf(random, CLUSTERS);
  return nodes.map((node) => ({
    ...node,
    instance: cluster === "mixed" ? oneOf(random, instanceKinds) : cluster,
  }));
}
