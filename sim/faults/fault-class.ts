import { invariant } from "../../src/core/failure/invariant.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { SimWorkload } from "../kubernetes/sim-cluster.ts";
import type { TimedFault, UserAct } from "../scenario/scenario.ts";
import type { SimWorld } from "../world.ts";
import type { FaultName } from "./fault-names.ts";

/** Where a fault strikes. */
export interface FaultContext {
  readonly world: SimWorld;
  /** The cluster that shares the resource group, if any. */
  readonly beside: SimWorld | undefined;
  readonly outside: OutsideEvents;
  /** Names of the nodes, in the order of the scenario. */
  readonly nodeNames: readonly string[];
  /** Does something later, as part of the fault; not after the end of the storm. */
  readonly later: (ms: number, act: () => void) => void;
  /**
   * Acts once `find` has found something, which it passes on; not after the end of the fault. It looks now,
   * and then every `everyMs`, or five times a second.
   */
  readonly when: <T>(find: () => T | false | undefined, act: (found: T) => void, everyMs?: number) => void;
  /**
   * The volume's pod may have lost its disk, or be about to lose its attachment, through another client,
   * which deletes the pod once the storm is over. Kubelet mounts nothing again under a running pod, and an
   * attachment in use is deleted when the pod has moved.
   */
  readonly toRestart: (volumeName: string) => void;
  /** A user creates a volume, and a pod of it from then on. */
  readonly create: (workload: SimWorkload) => void;
  /** Users and operators do that, as part of the fault. */
  readonly act: (act: UserAct) => void;
  /** The volume's user requests that size, if it is more than before. */
  readonly grow: (volumeName: string, sizeGiB: number) => void;
  /** The disk of a volume was destroyed: its workload can only be deleted. */
  readonly destroyed: (volumeName: string) => void;
}

/**
 * Begins a fault; the returned function ends it. A fault that is impossible now, because there is no such
 * disk yet or its node is off, does nothing.
 */
export type BeginFault = (context: FaultContext, fault: TimedFault) => () => void;

/** One kind of fault of a class. */
export interface FaultVariant {
  /** How long it lasts, in milliseconds. */
  readonly forMs: readonly [min: number, max: number];
  /** Strikes only in storms that name it: it targets one rule of the driver, with several faults at once. */
  readonly isDirected?: boolean;
  /**
   * While it lasts, controllers may learn late of a request, a pod or a node, or act late on what they
   * knew.
   */
  readonly delaysNews?: boolean;
  readonly begin: BeginFault;
}

/** A class of faults, one file each. */
export interface FaultClass {
  readonly name: FaultName;
  /** In one sentence, for `--help` and docs/assurance/simulation.md. */
  readonly about: string;
  readonly variants: Readonly<Record<string, FaultVariant>>;
}

/** For faults that end at once. */
export const overAtOnce = (): void => undefined;

/** One of `values`, by dice in [0, 1). */
export function pick<T>(values: readonly T[], dice: number): T {
  const picked = values[Math.floor(dice * values.length)];
  invariant(picked !== undefined, "nothing to pick from");
  return picked;
}

/** A further value derived from one: the same each time. */
export function diceAgain(dice: number, time: number): number {
  return (dice * (7919 * time + 104_729)) % 1;
}

/** The controller that leads, or the first one. */
export function leaderOf(world: SimWorld): SimWorld["controllers"][number] {
  const leader = world.controllers.find((controller) => controller.isLeading()) ?? world.controllers[0];
  invariant(leader !== undefined, "there is no controller");
  return leader;
}

/** The node on which the volume's pod is, or else `nodeName`: the fault does most harm there. */
export function nodeOfPod(world: SimWorld, { volumeName, nodeName }: TimedFault): string {
  return world.cluster.pods().find((pod) => pod.volumeName === volumeName)?.nodeName ?? nodeName;
}

/** All processes of the driver. */
export function processesOf(
  context: FaultContext,
): readonly (SimWorld["controllers"][number] | NonNullable<ReturnType<SimWorld["nodePlugin"]>>)[] {
  const plugins = context.nodeNames
    .map((name) => context.world.nodePlugin(name))
    .filter((plugin) => plugin !== undefined);
  return [...context.world.controllers, ...plugins];
}
