import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import type { Random } from "../../src/ports/random.ts";
import type { FaultName } from "../faults/fault-names.ts";
import { between } from "../kubernetes/api/between.ts";
import { oneOf } from "./dice.ts";
import { drawByHand, drawFailedAttaches, drawFaults, drawMalicious } from "./draw-faults.ts";
import { drawInstances } from "./draw-instances.ts";
import { drawSecond } from "./draw-second.ts";
import { drawActs, drawCopies, drawModifications, drawSnapshots, drawWorkload } from "./draw-users.ts";
import { hasReservations } from "./has-reservations.ts";
import { inTime } from "./in-time.ts";
import type { Scenario, TimedFault } from "./scenario.ts";

const NODES = [3, 5] as const;
const WORKLOADS = [4, 5] as const;
/**
 * Most storms are short: what goes wrong follows in quick succession. The long ones leave Kubernetes the
 * six minutes after which it takes a volume away by force.
 */
const STORMS_MS = [120_000, 120_000, 150_000, 180_000, 240_000, 420_000] as const;
const MOVES = 12;
const OTHER_ACTS = [3, 7] as const;

/**
 * How long replicas outlive the last request, in milliseconds: the default, which no storm outlasts, and
 * times that volumes are older than when their nodes fail.
 */
const PRUNE_REPLICAS_AFTER_MS = [300_000, 60_000, 20_000] as const;

/**
 * Heartbeats a second of all nodes together: the default, under which none is delayed here, and as few as
 * delay each by 30 to 50 seconds.
 */
const HEARTBEATS_PER_SECOND = [18, 18, 0.1] as const;

/** How long replicas stay on a cordoned node, in milliseconds: the default, at once, and for ever. */
const RELEASE_DRAINED_AFTER_MS = [30_000, 30_000, 0, 86_400_000] as const;

/**
 * The scenario of a seed: the same each time. `faults`: only these classes, and each of them;
 * `givenStormMs`: how long its storm takes.
 */
export function drawScenario(seed: number, faults?: readonly FaultName[], givenStormMs?: number): Scenario {
  const random = createSeededRandom(`scenario/${seed}`);
  const [shape, acting, striking] = [random.fork("shape"), random.fork("acts"), random.fork("faults")];
  const nodes = drawInstances(random.fork("instances"), drawNodes(shape));
  const workloads = Array.from({ length: between(shape, WORKLOADS) }, (_, index) =>
    drawWorkload(shape, `vol-${index + 1}`),
  );
  const stormMs = givenStormMs ?? oneOf(random.fork("storm"), STORMS_MS);
  const shapeOfAll = { nodes, workloads, stormMs };
  const besides = (): readonly TimedFault[] => [
    ...drawMalicious(random.fork("malicious"), shapeOfAll),
    ...drawByHand(random.fork("by-hand"), shapeOfAll),
    ...drawFailedAttaches(random.fork("failed-attaches"), shapeOfAll),
  ];
  const strikes = [...drawFaults(striking, shapeOfAll, faults), ...(faults === undefined ? besides() : [])];
  const settings = {
    pruneReplicasAfterMs: oneOf<number>(random.fork("collection"), PRUNE_REPLICAS_AFTER_MS),
    releaseDrainedAfterMs: oneOf<number>(random.fork("drained"), RELEASE_DRAINED_AFTER_MS),
    heartbeatsPerSecond: oneOf<number>(random.fork("heartbeats"), HEARTBEATS_PER_SECOND),
  };
  const second = faults === undefined ? drawSecond(random.fork("second"), stormMs) : undefined;
  return {
    seed,
    attach: shape.next() < 0.6 ? "kubernetes" : "driver",
    nodes,
    ...(hasReservations(seed) ? { reservations: true } : {}),
    settings,
    workloads,
    stormMs,
    ...inTime(
      [
        ...drawActs(acting, shapeOfAll, { moves: MOVES, others: OTHER_ACTS }),
        ...drawSnapshots(random.fork("snapshots"), shapeOfAll),
        ...drawModifications(random.fork("modifications"), shapeOfAll),
        ...drawCopies(random.fork("copies"), shapeOfAll),
      ],
      strikes,
    ),
    ...(second === undefined ? {} : { second }),
  };
}

function drawNodes(random: Random): Scenario["nodes"] {
  const count = between(random, NODES);
  // A zone needs a node for a pod to go to.
  const zones = count >= 4 && random.next() < 0.5 ? ["1", "2"] : ["1"];
  return Array.from({ length: count }, (_, index) => ({
    name: nodeNameAt(index),
    zone: zones[index % zones.length] ?? "1",
  }));
}

/** The name of a cluster's node, by its place among them, from 0. */
export function nodeNameAt(index: number): string {
  return `node-${"abcde"[index] ?? index}`;
}
