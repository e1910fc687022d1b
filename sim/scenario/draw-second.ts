import type { SeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { drawnFaultNames } from "../faults/fault-names.ts";
import { between } from "../kubernetes/api/between.ts";
import { oneOf } from "./dice.ts";
import { drawFaults, type Shape } from "./draw-faults.ts";
import { drawInstances } from "./draw-instances.ts";
import { drawActs, drawWorkload } from "./draw-users.ts";
import { inTime } from "./in-time.ts";
import type { ClusterScenario } from "./scenario.ts";

/** The share of storms in which another cluster with a driver of its own shares the resource group. */
const SECOND_SHARE = 0.125;
const NODES = [2, 3] as const;
const WORKLOADS = [1, 2] as const;
const MOVES = 4;
const OTHER_ACTS = [0, 2] as const;
/** What the driver knows is lost there, too: recovery is what could take the other cluster's disks. */
const LOSSES = "loss";

/** Now and then a second cluster, whatever else goes wrong. */
export function drawSecond(random: SeededRandom, stormMs: number): ClusterScenario | undefined {
  return random.next() < SECOND_SHARE ? drawSecondCluster(random, stormMs) : undefined;
}

/**
 * A small cluster. Its nodes have the names of the first one's; its volumes have names of their own, since
 * their disks lie in one resource group.
 */
export function drawSecondCluster(random: SeededRandom, stormMs: number): ClusterScenario {
  const [shape, acting, striking] = [random.fork("shape"), random.fork("acts"), random.fork("faults")];
  const nodes = drawInstances(
    random.fork("instances"),
    Array.from({ length: between(shape, NODES) }, (_, index) => ({
      name: `node-${"abc"[index] ?? index}`,
      zone: "1",
    })),
  );
  const workloads = Array.from({ length: between(shape, WORKLOADS) }, (_, index) =>
    drawWorkload(shape, `second-${index + 1}`),
  );
  const shapeOfAll: Shape = { nodes, workloads, stormMs };
  const other = oneOf(
    striking,
    drawnFaultNames.filter((name) => name !== LOSSES),
  );
  return {
    attach: shape.next() < 0.6 ? "kubernetes" : "driver",
    nodes,
    workloads,
    ...inTime(
      drawActs(acting, shapeOfAll, { moves: MOVES, others: OTHER_ACTS }),
      drawFaults(striking, shapeOfAll, [LOSSES, other]),
    ),
  };
}
