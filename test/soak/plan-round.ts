import type { Random } from "../../src/ports/random.ts";

/** What happens to the driver beside the moves of a round. */
export type Disturbance =
  /** The node's plug-in and its pods stop in the middle of what they do, and its pods fail over. */
  | { readonly kind: "freeze"; readonly nodeName: string }
  /** The node loses its power, and its pods fail over. It boots once they have. */
  | { readonly kind: "powerLoss"; readonly nodeName: string; readonly isSilent: boolean }
  /** The node loses its power and boots soon, and its pods start there again. */
  | {
      readonly kind: "reboot";
      readonly nodeName: string;
      readonly afterMs: number;
      readonly offMs: number;
    }
  /** A process is killed, and started again. */
  | { readonly kind: "kill"; readonly processName: string; readonly afterMs: number }
  /** Azure answers a share of calls, or ends a share of operations, otherwise than it should. */
  | { readonly kind: "azure"; readonly fault: AzureFault }
  | { readonly kind: "backUp" }
  /** The object store is restored to the last backup: all changes since are lost. */
  | { readonly kind: "restore"; readonly afterMs: number }
  | { readonly kind: "cordon"; readonly nodeName: string }
  /** The pod's disk and file system grow while it writes. */
  | { readonly kind: "grow"; readonly volumeName: string; readonly toGiB: number }
  /** A snapshot is taken while the pod writes or moves, and a larger copy of it is read in the end. */
  | { readonly kind: "snapshot"; readonly volumeName: string; readonly copyGiB: number };

/** How Azure fails: an effect of the emulator's fault rules. */
export type AzureFault = "throttles" | "drops answers" | "fails operations" | "fails operations late";

/** One round: disturbances, and pods that move, all at the same time. */
export interface Round {
  readonly disturbances: readonly Disturbance[];
  /** The node that each moving pod goes to, by the name of its volume. Those of a lost node all move. */
  readonly moves: ReadonlyMap<string, string>;
}

/** What a round is drawn for. */
export interface Situation {
  readonly nodeNames: readonly string[];
  /** Processes that may be killed. */
  readonly processNames: readonly string[];
  readonly hasBackup: boolean;
  readonly pods: readonly SituatedPod[];
}

/** Where a pod is and can be. */
export interface SituatedPod {
  readonly volumeName: string;
  readonly nodeName: string;
  /** The nodes to which Azure attaches its disk, its own included. */
  readonly reaches: readonly string[];
  readonly sizeGiB: number;
  /** Whether its disk and its file system can grow in use. */
  readonly grows: boolean;
}

const FAULTS: readonly AzureFault[] = [
  "throttles",
  "drops answers",
  "fails operations",
  "fails operations late",
];
const STRIKES = ["freeze", "powerLoss", "reboot"] as const;
const STRIKE_SHARE = 0.6;
/** Of the power losses after which pods fail over: Azure still reports the VM as running. */
const SILENT_SHARE = 0.5;
const GROW_SHARE = 0.3;
const SNAPSHOT_SHARE = 0.25;
const KILL_SHARE = 0.5;
const AZURE_SHARE = 0.4;
const CORDON_SHARE = 0.25;
const BACK_UP_SHARE = 0.2;
const RESTORE_SHARE = 0.15;
const MOVE_SHARE = 0.6;
/** A kill or a restoration comes within the time that a move takes, in milliseconds. */
const WITHIN_MS = 1_500;

/**
 * Draws a round. At most one node is frozen or loses its power. No pod moves to a lost or cordoned node, as a
 * scheduler would have it. A node that boots soon is none of these.
 */
export function planRound(random: Random, situation: Situation): Round {
  const { nodeNames, processNames, hasBackup, pods } = situation;
  const happens = (share: number): boolean => random.next() < share;
  const isBackedUp = happens(BACK_UP_SHARE);
  const isRestored = happens(RESTORE_SHARE) && hasBackup && !isBackedUp;
  const strike = happens(STRIKE_SHARE) ? oneOf(random, STRIKES) : undefined;
  const struck = strike === undefined ? undefined : oneOf(random, nodeNames);
  const lost = strike === "reboot" ? undefined : struck;
  const cordoned = happens(CORDON_SHARE) ? oneOf(random, nodeNames) : undefined;
  const killed = happens(KILL_SHARE)
    ? oneOf(
        random,
        processNames.filter((name) => name !== struck && (name !== "store" || !(isBackedUp || isRestored))),
      )
    : undefined;
  const fault = happens(AZURE_SHARE) ? oneOf(random, FAULTS) : undefined;
  const moves = new Map<string, string>();
  for (const { volumeName, nodeName, reaches } of pods) {
    const targets = reaches.filter((name) => ![nodeName, lost, cordoned].includes(name));
    const target = oneOf(random, targets);
    if ((nodeName === lost || happens(MOVE_SHARE)) && target !== undefined) moves.set(volumeName, target);
  }
  const grown = happens(GROW_SHARE)
    ? oneOf(
        random,
        pods.filter(({ grows }) => grows),
      )
    : undefined;
  // A node that stops while it has frozen a file system leaves its writer in a call that no signal ends.
  const copied = happens(SNAPSHOT_SHARE)
    ? oneOf(
        random,
        pods.filter(
          ({ volumeName, nodeName }) => nodeName !== struck && (moves.get(volumeName) ?? nodeName) !== struck,
        ),
      )
    : undefined;
  const within = (): number => random.next() * WITHIN_MS;
  const disturbances: Disturbance[] = [];
  if (struck !== undefined && strike === "freeze") disturbances.push({ kind: "freeze", nodeName: struck });
  if (struck !== undefined && strike === "powerLoss")
    disturbances.push({ kind: "powerLoss", nodeName: struck, isSilent: happens(SILENT_SHARE) });
  if (struck !== undefined && strike === "reboot")
    disturbances.push({ kind: "reboot", nodeName: struck, afterMs: within(), offMs: within() });
  if (cordoned !== undefined && cordoned !== lost) disturbances.push({ kind: "cordon", nodeName: cordoned });
  if (killed !== undefined) disturbances.push({ kind: "kill", processName: killed, afterMs: within() });
  if (fault !== undefined) disturbances.push({ kind: "azure", fault });
  if (grown !== undefined)
    disturbances.push({ kind: "grow", volumeName: grown.volumeName, toGiB: grown.sizeGiB + 1 });
  if (copied !== undefined)
    disturbances.push({ kind: "snapshot", volumeName: copied.volumeName, copyGiB: copied.sizeGiB + 2 });
  if (isBackedUp) disturbances.push({ kind: "backUp" });
  if (isRestored) disturbances.push({ kind: "restore", afterMs: within() });
  return { disturbances, moves };
}

/** How a round is reported, such as `node-b freezes, store is killed; 2 pods move`. */
export function describeRound({ disturbances, moves }: Round): string {
  const told = disturbances.map((disturbance) => {
    switch (disturbance.kind) {
      case "freeze":
        return `${disturbance.nodeName} freezes`;
      case "powerLoss":
        return `${disturbance.nodeName} loses its power${disturbance.isSilent ? ", unseen by Azure" : ""}`;
      case "reboot":
        return (
          `${disturbance.nodeName} loses its power after ${Math.round(disturbance.afterMs)} ms ` +
          `for ${Math.round(disturbance.offMs)} ms`
        );
      case "kill":
        return `${disturbance.processName} is killed after ${Math.round(disturbance.afterMs)} ms`;
      case "azure":
        return `Azure ${disturbance.fault}`;
      case "cordon":
        return `${disturbance.nodeName} is cordoned`;
      case "grow":
        return `${disturbance.volumeName} grows to ${disturbance.toGiB} GiB`;
      case "snapshot":
        return `${disturbance.volumeName} is copied`;
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
