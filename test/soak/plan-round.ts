import type { Random } from "../../src/ports/random.ts";

/** What happens to the driver beside the moves of a round. */
export type Disturbance =
  /** The node's plug-in and its pods stop in the middle of what they do, and its pods fail over. */
  | { readonly kind: "freeze"; readonly nodeName: string }
  /** A process is killed, and started again. */
  | { readonly kind: "kill"; readonly processName: string; readonly afterMs: number }
  /** Azure answers a share of calls, or ends a share of operations, otherwise than it should. */
  | { readonly kind: "azure"; readonly fault: AzureFault }
  | { readonly kind: "backUp" }
  /** The object store is restored to the last backup: all changes since are lost. */
  | { readonly kind: "restore"; readonly afterMs: number }
  | { readonly kind: "cordon"; readonly nodeName: string };

/** How Azure fails: an effect of the emulator's fault rules. */
export type AzureFault = "throttles" | "drops answers" | "fails operations" | "fails operations late";

/** One round: disturbances, and pods that move, all at the same time. */
export interface Round {
  readonly disturbances: readonly Disturbance[];
  /** The node that each moving pod goes to, by the name of its volume. Those of a frozen node all move. */
  readonly moves: ReadonlyMap<string, string>;
}

/** What a round is drawn for. */
export interface Situation {
  readonly nodeNames: readonly string[];
  /** Processes that may be killed. */
  readonly processNames: readonly string[];
  readonly hasBackup: boolean;
  /** The node of each pod, by the name of its volume. */
  readonly places: ReadonlyMap<string, string>;
}

const FAULTS: readonly AzureFault[] = [
  "throttles",
  "drops answers",
  "fails operations",
  "fails operations late",
];
const FREEZE_SHARE = 0.4;
const KILL_SHARE = 0.5;
const AZURE_SHARE = 0.4;
const CORDON_SHARE = 0.25;
const BACK_UP_SHARE = 0.2;
const RESTORE_SHARE = 0.15;
const MOVE_SHARE = 0.6;
/** A kill or a restoration comes within the time that a move takes, in milliseconds. */
const WITHIN_MS = 1_500;

/**
 * Draws a round. At most one node is frozen, and no pod moves to a frozen or cordoned node, as a scheduler
 * would have it.
 */
export function planRound(random: Random, { nodeNames, processNames, hasBackup, places }: Situation): Round {
  const happens = (share: number): boolean => random.next() < share;
  const isBackedUp = happens(BACK_UP_SHARE);
  const isRestored = happens(RESTORE_SHARE) && hasBackup && !isBackedUp;
  const frozen = happens(FREEZE_SHARE) ? oneOf(random, nodeNames) : undefined;
  const cordoned = happens(CORDON_SHARE) ? oneOf(random, nodeNames) : undefined;
  const killed = happens(KILL_SHARE)
    ? oneOf(
        random,
        processNames.filter((name) => name !== frozen && (name !== "store" || !(isBackedUp || isRestored))),
      )
    : undefined;
  const fault = happens(AZURE_SHARE) ? oneOf(random, FAULTS) : undefined;
  const moves = new Map<string, string>();
  for (const [volumeName, nodeName] of places) {
    const targets = nodeNames.filter((name) => ![nodeName, frozen, cordoned].includes(name));
    const target = oneOf(random, targets);
    if ((nodeName === frozen || happens(MOVE_SHARE)) && target !== undefined) moves.set(volumeName, target);
  }
  const disturbances: Disturbance[] = [];
  if (frozen !== undefined) disturbances.push({ kind: "freeze", nodeName: frozen });
  if (cordoned !== undefined && cordoned !== frozen)
    disturbances.push({ kind: "cordon", nodeName: cordoned });
  if (killed !== undefined)
    disturbances.push({ kind: "kill", processName: killed, afterMs: random.next() * WITHIN_MS });
  if (fault !== undefined) disturbances.push({ kind: "azure", fault });
  if (isBackedUp) disturbances.push({ kind: "backUp" });
  if (isRestored) disturbances.push({ kind: "restore", afterMs: random.next() * WITHIN_MS });
  return { disturbances, moves };
}

/** How a round is reported, such as `node-b freezes, store is killed; 2 pods move`. */
export function describeRound({ disturbances, moves }: Round): string {
  const told = disturbances.map((disturbance) => {
    switch (disturbance.kind) {
      case "freeze":
        return `${disturbance.nodeName} freezes`;
      case "kill":
        return `${disturbance.processName} is killed after ${Math.round(disturbance.afterMs)} ms`;
      case "azure":
        return `Azure ${disturbance.fault}`;
      case "cordon":
        return `${disturbance.nodeName} is cordoned`;
      case "backUp":
        return "the store is backed up";
      case "restore":
        return `the store is restored after ${Math.round(disturbance.afterMs)} ms`;
    }
  });
  const moved = [...moves].map(([volumeName, nodeName]) => `${volumeName} to ${nodeName}`);
  return [...told, ...moved].join(", ") || "nothing happens";
}

function oneOf<T>(random: Random, choices: readonly T[]): T | undefined {
  return choices[Math.floor(random.next() * choices.length)];
}
