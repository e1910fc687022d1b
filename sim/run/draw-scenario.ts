import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import type { Random } from "../../src/ports/random.ts";
import type { FaultName } from "../faults/fault-names.ts";
import { between } from "../kubernetes/api/between.ts";
import type { SimWorkload } from "../kubernetes/sim-cluster.ts";
import { oneOf } from "./dice.ts";
import { drawByHand, drawFaults, drawMalicious, isRestore, type Shape } from "./draw-faults.ts";
import type { Scenario, TimedAct, TimedFault } from "./scenario.ts";

const NODES = [3, 5] as const;
const WORKLOADS = [4, 5] as const;
/** Most storms are short: what goes wrong follows in quick succession. The long ones leave Kubernetes the six minutes after which it takes a volume away by force. */
const STORMS_MS = [120_000, 120_000, 150_000, 180_000, 240_000, 420_000] as const;
const MOVES = 12;
const OTHER_ACTS = [3, 7] as const;
const UNTIL_AGAIN_MS = 20_000;
/** Users do the last of what they do this long before the storm ends, in milliseconds. */
const LAST_ACT_BEFORE_END_MS = 20_000;

/** How long replicas outlive the last request, in milliseconds: the default, which no storm outlasts, and times that volumes are older than when their nodes fail. */
const COLLECT_REPLICAS_AFTER_MS = [300_000, 60_000, 20_000] as const;

/** The scenario of a seed: the same each time. `faults`: only these classes, and each of them; `givenStormMs`: how long its storm takes. */
export function drawScenario(seed: number, faults?: readonly FaultName[], givenStormMs?: number): Scenario {
  const random = createSeededRandom(`scenario/${seed}`);
  const [shape, acting, striking] = [random.fork("shape"), random.fork("acts"), random.fork("faults")];
  const nodes = drawNodes(shape);
  const workloads = Array.from({ length: between(shape, WORKLOADS) }, (_, index) => drawWorkload(shape, `vol-${index + 1}`));
  const stormMs = givenStormMs ?? oneOf(random.fork("storm"), STORMS_MS);
  const shapeOfAll = { nodes, workloads, stormMs };
  const besides = (): readonly TimedFault[] => [...drawMalicious(random.fork("malicious"), shapeOfAll), ...drawByHand(random.fork("by-hand"), shapeOfAll)];
  const strikes = [...drawFaults(striking, shapeOfAll, faults), ...(faults === undefined ? besides() : [])];
  const collectReplicasAfterMs: number = oneOf(random.fork("collection"), COLLECT_REPLICAS_AFTER_MS);
  // A backup brings back what was deleted since, and nobody tells the driver: whoever restores one deletes those objects by hand.
  const isRestored = strikes.some(isRestore);
  return {
    seed,
    attach: shape.next() < 0.6 ? "kubernetes" : "driver",
    nodes,
    collectReplicasAfterMs,
    workloads,
    stormMs,
    acts: byTime(drawActs(acting, { nodes, workloads, stormMs }).filter(({ act }) => !isRestored || (act.kind !== "delete" && act.kind !== "apply"))),
    faults: byTime(strikes.filter(({ variant }) => !isRestored || variant !== "short-life")),
  };
}

function drawNodes(random: Random): Scenario["nodes"] {
  const count = between(random, NODES);
  // A zone needs a node for a pod to go to.
  const zones = count >= 4 && random.next() < 0.5 ? ["1", "2"] : ["1"];
  return Array.from({ length: count }, (_, index) => ({ name: `node-${"abcde"[index] ?? index}`, zone: zones[index % zones.length] ?? "1" }));
}

function drawWorkload(random: Random, volumeName: string): SimWorkload {
  const dice = random.next();
  const [maxShares, replicas] = dice < 0.25 ? [1, 0] : dice < 0.8 ? [2, 1] : [3, random.next() < 0.5 ? 1 : 2];
  return {
    volumeName,
    sizeGiB: oneOf(random, [4, 16, 64]),
    skuName: random.next() < 0.25 ? "Premium_ZRS" : "Premium_LRS",
    maxShares,
    replicas,
    access: random.next() < 0.2 ? "block" : "mount",
  };
}

function drawActs(random: Random, { nodes, workloads, stormMs }: Shape): readonly TimedAct[] {
  const any = (): SimWorkload => oneOf(random, workloads);
  const time = (): number => Math.floor(random.next() * (stormMs - LAST_ACT_BEFORE_END_MS));
  const moves = Array.from({ length: MOVES }, (_, index): TimedAct => {
    const { volumeName } = workloads[index % workloads.length] ?? any();
    return { atMs: time(), act: { kind: "move", volumeName, isForced: random.next() < 0.2 } };
  });
  const others = Array.from({ length: between(random, OTHER_ACTS) }, (_, index): readonly TimedAct[] => {
    const { volumeName, sizeGiB } = any();
    const atMs = time();
    switch (oneOf(random, ["restart", "scale", "drain", "grow", "delete"] as const)) {
      case "restart":
        return [{ atMs, act: { kind: "restart", volumeName, isForced: random.next() < 0.3 } }];
      case "scale":
        return [
          { atMs, act: { kind: "scale", volumeName, pods: 0 } },
          { atMs: atMs + between(random, [500, UNTIL_AGAIN_MS]), act: { kind: "scale", volumeName, pods: 1 } },
        ];
      case "drain":
        return [{ atMs, act: { kind: "drain", nodeName: oneOf(random, nodes).name } }];
      case "grow":
        return [{ atMs, act: { kind: "grow", volumeName, sizeGiB: sizeGiB * 2 } }];
      case "delete":
        return [
          { atMs, act: { kind: "delete", volumeName } },
          { atMs: atMs + between(random, [0, UNTIL_AGAIN_MS]), act: { kind: "apply", workload: drawWorkload(random, `${volumeName}-${index}`) } },
        ];
    }
  });
  return [...moves, ...others.flat()];
}

function byTime<T extends { readonly atMs: number }>(timed: readonly T[]): readonly T[] {
  return timed.toSorted((left, right) => left.atMs - right.atMs);
}
