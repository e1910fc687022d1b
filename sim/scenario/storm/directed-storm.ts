import { createSeededRandom, type SeededRandom } from "../../../src/adapters/virtual/seeded-random.ts";
import type { VolumeSettings } from "../../../src/core/attachment/observed-volume.ts";
import { invariant } from "../../../src/core/failure/invariant.ts";
import type { Random } from "../../../src/ports/random.ts";
import type { InstanceKind } from "../../azure/vm-names.ts";
import { pick } from "../../faults/fault-class.ts";
import { faultClasses } from "../../faults/fault-classes.ts";
import { type FaultName, faultNames } from "../../faults/fault-names.ts";
import type { SimWorkload } from "../../kubernetes/sim-cluster.ts";
import { drawCompany } from "../draw-faults.ts";
import { drawScenario, nodeNameAt } from "../draw-scenario.ts";
import { drawSecondCluster } from "../draw-second.ts";
import { FREEZE_SECONDS } from "../draw-users.ts";
import { inTime } from "../in-time.ts";
import type { ClusterScenario, Scenario, TimedAct, TimedFault, UserAct } from "../scenario.ts";

/** How often each fault variant, as `class/variant`, strikes. */
type Strikes = Readonly<Record<string, number>>;

/**
 * A storm that makes straight for one place: what strikes there, how often, and in which cluster. All that
 * it leaves open is drawn as for any other seed; so is what keeps its strikes company where they are of
 * fewer classes than any storm has.
 */
export interface DirectedStorm {
  /** Fault variants as `class/variant`, and how often each strikes, spread over the storm. */
  readonly strikes: Strikes;
  /** A second cluster shares the resource group, and these strike there. Default: there is none. */
  readonly second?: Strikes;
  /** Classes that do not keep these strikes company. Default: any may. */
  readonly without?: readonly FaultName[];
  /** The way in. */
  readonly attach?: Scenario["attach"];
  /** Only so many nodes, all in one zone. */
  readonly nodesMax?: number;
  /** As many nodes as these, in these zones; empty: in none. Default: as drawn. */
  readonly nodeZones?: readonly [string, string, string, ...string[]];
  /** What all nodes run on. Default: as drawn. */
  readonly instance?: InstanceKind;
  /** The size of all VMs, which says how many data disks each takes. */
  readonly vmSize?: string;
  /**
   * Nodes do not say which VM they are (`spec.providerID`), and controllers trust what node plug-ins
   * report. A kubelet that makes its Node again says it. Default: Nodes say so.
   */
  readonly hasUnnamedVms?: true;
  /** Whether nodes reserve disks. Default: as drawn. */
  readonly reservations?: boolean;
  /** Of the controllers. Default: as drawn. */
  readonly settings?: Partial<VolumeSettings>;
  /** What all volumes have in common. */
  readonly workload?: Partial<Omit<SimWorkload, "volumeName">>;
  /** What is different about the first volume, which every strike is about then. */
  readonly victim?: Partial<Omit<SimWorkload, "volumeName">>;
  /** So many snapshots of frozen file systems are taken, spread as the strikes are. Default: as drawn. */
  readonly frozenSnapshots?: number;
  /** Once everything is at rest, a node is drained, and stays so. */
  readonly drainsAtRest?: true;
  /** Once everything is at rest, users delete all volumes and snapshots. */
  readonly deletesAll?: true;
  /** Everything has to come to rest before pods are moved in the calm, too. */
  readonly restsFirst?: true;
  /** Users do nothing but what the faults have them do, and take those snapshots. */
  readonly isQuiet?: boolean;
  /** How long it takes, in milliseconds. Default: six minutes. */
  readonly stormMs?: number;
  /**
   * From the storm's beginning until the last strike, in milliseconds, for strikes that take long. Default:
   * all but its last half minute.
   */
  readonly lastStrikeMs?: number;
}

const STORM_MS = 360_000;
const LAST_STRIKE_BEFORE_END_MS = 30_000;

/** The scenario of a seed in a directed storm: the same each time. */
export function drawDirected(seed: number, storm: DirectedStorm): Scenario {
  const { second: _, reservations, ...drawn } = drawScenario(seed, undefined, storm.stormMs ?? STORM_MS);
  const random = createSeededRandom(`directed/${seed}`);
  const nodes = nodesOf(drawn.nodes, storm);
  const workloads = drawn.workloads.map((workload, index) => ({
    ...workload,
    ...storm.workload,
    ...(index === 0 ? storm.victim : {}),
  }));
  const names = workloads
    .slice(0, storm.victim === undefined ? workloads.length : 1)
    .map(({ volumeName }) => volumeName);
  const isKnown = (nodeName: string): boolean => nodes.some(({ name }) => name === nodeName);
  const lastMs = storm.lastStrikeMs ?? drawn.stormMs - LAST_STRIKE_BEFORE_END_MS;
  const faults = drawStrikes(random, storm.strikes, { nodes, names, lastMs });
  // A random stream of its own: the storm itself does not depend on the additional faults.
  const company = drawCompany(
    random.fork("company"),
    { nodes, workloads, stormMs: drawn.stormMs },
    new Set(faults.map(({ fault }) => fault)),
    storm.without ?? [],
  );
  const second =
    storm.second === undefined
      ? {}
      : {
          second: drawDirectedSecond(random.fork("second"), storm.second, { stormMs: drawn.stormMs, lastMs }),
        };
  const acts = [
    ...(storm.isQuiet === true
      ? []
      : drawn.acts
          .filter(({ act }) => !isCopy(act) && (act.kind !== "drain" || isKnown(act.nodeName)))
          .map((timed) => ({ ...timed, act: withoutFreezeOfRaw(timed.act, workloads) }))),
    ...drawFrozenSnapshots(random.fork("frozen-snapshots"), storm.frozenSnapshots ?? 0, { names, lastMs }),
  ];
  return {
    ...drawn,
    attach: storm.attach ?? drawn.attach,
    nodes,
    ...(storm.vmSize === undefined ? {} : { vmSize: storm.vmSize }),
    ...(storm.hasUnnamedVms === undefined ? {} : { hasUnnamedVms: storm.hasUnnamedVms }),
    ...((storm.reservations ?? reservations) === true ? { reservations: true } : {}),
    settings: { ...drawn.settings, ...storm.settings },
    ...(storm.restsFirst === undefined ? {} : { restsFirst: storm.restsFirst }),
    ...(storm.drainsAtRest === undefined ? {} : { drainsAtRest: storm.drainsAtRest }),
    ...(storm.deletesAll === undefined ? {} : { deletesAll: storm.deletesAll }),
    workloads,
    ...inTime(acts, [...faults, ...company]),
    ...second,
  };
}

/** The nodes of a storm, of those drawn. It draws nothing: a storm that states none has those of its seed. */
function nodesOf(
  drawn: Scenario["nodes"],
  { instance, nodesMax, nodeZones }: DirectedStorm,
): Scenario["nodes"] {
  const given = drawn.map((node) => (instance === undefined ? node : { ...node, instance }));
  if (nodeZones !== undefined)
    return nodeZones.map((zone, at) => {
      const like = given[at % given.length];
      return { ...like, name: nodeNameAt(at), zone };
    });
  return nodesMax === undefined ? given : given.slice(0, nodesMax).map((node) => ({ ...node, zone: "1" }));
}

/** Copies have a storm of their own: in others they would use up the places of other disks. */
function isCopy({ kind }: UserAct): boolean {
  return kind === "restore" || kind === "clone";
}

/** A storm may make a volume raw that was drawn with a file system: no user freezes it then. */
function withoutFreezeOfRaw(act: UserAct, workloads: Scenario["workloads"]): UserAct {
  if (act.kind !== "snapshot" || act.freezeSeconds === undefined) return act;
  const isRaw = workloads.some(
    ({ volumeName, access }) => volumeName === act.volumeName && access === "block",
  );
  const { freezeSeconds: _, ...plain } = act;
  return isRaw ? plain : act;
}

/** They outlive the storm: at rest each of them has to be what was answered. */
function drawFrozenSnapshots(
  random: Random,
  count: number,
  { names, lastMs }: { readonly names: readonly string[]; readonly lastMs: number },
): readonly TimedAct[] {
  return Array.from({ length: count }, (_, index): TimedAct => ({
    atMs: Math.floor(((index + random.next()) / count) * lastMs),
    act: {
      kind: "snapshot",
      volumeName: pick(names, random.next()),
      name: `frozen-snapshot-${index + 1}`,
      freezeSeconds: FREEZE_SECONDS,
    },
  }));
}

function drawStrikes(
  random: Random,
  strikes: Strikes,
  {
    nodes,
    names,
    lastMs,
  }: { readonly nodes: Scenario["nodes"]; readonly names: readonly string[]; readonly lastMs: number },
): readonly TimedFault[] {
  return Object.entries(strikes).flatMap(([strike, times]) => {
    const { fault, variant, forMs } = variantOf(strike);
    return Array.from({ length: times }, (_, time): TimedFault => {
      const [least, most] = forMs;
      return {
        // One after the other: what strikes at once hides what each does.
        atMs: Math.floor(((time + random.next()) / times) * lastMs),
        forMs: Math.floor(least + random.next() * (most - least)),
        fault,
        variant,
        nodeName: pick(nodes, random.next()).name,
        volumeName: pick(names, random.next()),
        dice: Math.floor(random.next() * 1_000) / 1_000,
      };
    });
  });
}

/** The second cluster as any storm draws it, but for what strikes there. */
function drawDirectedSecond(
  random: SeededRandom,
  strikes: Strikes,
  { stormMs, lastMs }: { readonly stormMs: number; readonly lastMs: number },
): ClusterScenario {
  const drawn = drawSecondCluster(random, stormMs);
  const names = drawn.workloads.map(({ volumeName }) => volumeName);
  return {
    ...drawn,
    ...inTime(
      drawn.acts,
      drawStrikes(random.fork("strikes"), strikes, { nodes: drawn.nodes, names, lastMs }),
    ),
  };
}

/** The variant that a strike names. Throws where there is none. */
export function variantOf(
  strike: string,
): Pick<TimedFault, "fault" | "variant"> & { readonly forMs: readonly [number, number] } {
  const [className = "", variant = ""] = strike.split("/");
  const fault = faultNames.find((known) => known === className);
  const found = fault === undefined ? undefined : faultClasses[fault].variants[variant];
  invariant(fault !== undefined && found !== undefined, `there is no fault ${strike}`);
  return { fault, variant, forMs: found.forMs };
}
