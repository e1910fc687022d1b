import type { Random } from "../../src/ports/random.ts";
import type { FaultVariant } from "../faults/fault-class.ts";
import { faultClasses } from "../faults/fault-classes.ts";
import { drawnFaultNames, type FaultName } from "../faults/fault-names.ts";
import { between } from "../kubernetes/api/between.ts";
import { oneOf, shuffled } from "./dice.ts";
import type { Scenario, TimedFault } from "./scenario.ts";

/** Different classes of faults in a storm, and how often each strikes. */
const CLASSES = [3, 5] as const;
const STRIKES = [1, 3] as const;
/** The share of storms in which each fault of these strikes as well, whatever else goes wrong. */
const ASIDE_SHARE = 0.15;

/** What is drawn before anything happens. */
export type Shape = Pick<Scenario, "nodes" | "workloads" | "stormMs">;

type Variants = readonly (readonly [name: string, variant: FaultVariant])[];

/** The faults of a storm. `only`: these classes, and each of them. */
export function drawFaults(
  random: Random,
  shape: Shape,
  only: readonly FaultName[] | undefined,
): readonly TimedFault[] {
  const names = only ?? shuffled(random, drawnFaultNames).slice(0, between(random, CLASSES));
  return names.flatMap((fault) => {
    const variants = variantsOf(fault);
    if (variants.length === 0) return [];
    return Array.from({ length: between(random, STRIKES) }, () => drawFault(random, shape, fault, variants));
  });
}

/** Now and then something has a node's token, whatever else goes wrong. */
export function drawMalicious(random: Random, shape: Shape): readonly TimedFault[] {
  return drawAside(random, shape, "malicious", variantsOf("malicious"));
}

/** Now and then a VM lists a disk whose attach has failed, whatever else goes wrong. */
export function drawFailedAttaches(random: Random, shape: Shape): readonly TimedFault[] {
  return drawAside(random, shape, "azure", variantOf("azure", "failed-and-listed"));
}

/** Now and then a person works on the disks in Azure's portal, whatever else goes wrong. */
export function drawByHand(random: Random, shape: Shape): readonly TimedFault[] {
  return drawAside(random, shape, "disks", variantOf("disks", "detached-by-hand"));
}

function drawAside(
  random: Random,
  shape: Shape,
  fault: FaultName,
  variants: Variants,
): readonly TimedFault[] {
  if (random.next() >= ASIDE_SHARE || variants.length === 0) return [];
  return Array.from({ length: between(random, STRIKES) }, () => drawFault(random, shape, fault, variants));
}

function variantOf(fault: FaultName, name: string): Variants {
  return Object.entries(faultClasses[fault].variants).filter(([variant]) => variant === name);
}

/**
 * The faults beside those of a storm with the given classes: one fault of each further class but those in
 * `without`, until there are as many classes as in any storm.
 */
export function drawCompany(
  random: Random,
  shape: Shape,
  classes: ReadonlySet<FaultName>,
  without: readonly FaultName[],
): readonly TimedFault[] {
  const others = shuffled(
    random,
    drawnFaultNames.filter((name) => !classes.has(name) && !without.includes(name)),
  );
  return others.slice(0, Math.max(0, CLASSES[0] - classes.size)).map((fault) => {
    // A storm restores a backup, or deletes a volume, never both: a backup would bring the volume back.
    const variants = variantsOf(fault).filter(
      ([variant]) => !isRestore({ fault, variant }) && variant !== "short-life",
    );
    return drawFault(random, shape, fault, variants);
  });
}

/** Whether a fault puts a backup of the store back. */
export function isRestore({ fault, variant }: Pick<TimedFault, "fault" | "variant">): boolean {
  return fault === "loss" && variant.startsWith("restored");
}

/** All variants of a class that strike in storms that do not name them. */
function variantsOf(fault: FaultName): Variants {
  return Object.entries(faultClasses[fault].variants).filter(([, { isDirected }]) => isDirected !== true);
}

function drawFault(
  random: Random,
  { nodes, workloads, stormMs }: Shape,
  fault: FaultName,
  variants: Variants,
): TimedFault {
  const [variant, { forMs }] = oneOf(random, variants);
  const atMs = Math.floor(random.next() * stormMs);
  return {
    atMs,
    forMs: between(random, forMs),
    fault,
    variant,
    nodeName: oneOf(random, nodes).name,
    volumeName: oneOf(random, workloads).volumeName,
    dice: Math.floor(random.next() * 1_000) / 1_000,
  };
}
