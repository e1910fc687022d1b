import type { Random } from "../../src/ports/random.ts";

/** What happens to a node. */
export type Strike =
  /** Its plug-in and its pods stop in the middle of what they do, and its pods fail over. */
  | ({ readonly kind: "freeze" } & Loss)
  /** It loses its power, and its pods fail over. It boots once they have. */
  | ({ readonly kind: "powerLoss"; readonly isSilent: boolean } & Loss)
  /** It loses its power and boots soon, and its pods start there again. */
  | {
      readonly kind: "reboot";
      readonly nodeName: string;
      readonly afterMs: number;
      readonly offMs: number;
    };

/** How a node is lost. */
interface Loss {
  readonly nodeName: string;
  /** The volume that is copied, of a pod on the node: it is lost once it has frozen its file system. */
  readonly freezing: string | undefined;
}

/** What happens to the driver beside the moves of a round. */
export type Disturbance =
  | Strike
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
/** Of the rounds, those that strike a node, and of these the ones that strike another. */
const STRIKE_SHARES = [0.6, 0.3];
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
/** A kill, a reboot or a restoration comes within the time that a move takes, in milliseconds. */
const WITHIN_MS = 1_500;

/**
 * Draws a round. At most two nodes are struck. No pod moves to a lost or cordoned node, as a scheduler would
 * have it; a node that boots soon is none of these. Each pod has a node left in its reach.
 */
export function planRound(random: Random, situation: Situation): Round {
  const { nodeNames, processNames, hasBackup, pods } = situation;
  const happens = (share: number): boolean => random.next() < share;
  const isBackedUp = happens(BACK_UP_SHARE);
  const isRestored = happens(RESTORE_SHARE) && hasBackup && !isBackedUp;
  /** A node that may be missing beside these. */
  const another = (missing: readonly string[]): string | undefined =>
    oneOf(
      random,
      nodeNames.filter(
        (name) =>
          !missing.includes(name) &&
          pods.every(({ reaches }) => reaches.some((near) => near !== name && !missing.includes(near))),
      ),
    );
  const copied = happens(SNAPSHOT_SHARE) ? oneOf(random, pods) : undefined;
  const strikes: Strike[] = [];
  const struck: string[] = [];
  for (const share of STRIKE_SHARES) {
    const nodeName = happens(share) ? another(struck) : undefined;
    if (nodeName === undefined) break;
    struck.push(nodeName);
    strikes.push(drawStrike(random, nodeName, copied));
  }
  const lost = strikes.filter(({ kind }) => kind !== "reboot").map(({ nodeName }) => nodeName);
  const cordoned = happens(CORDON_SHARE) ? another(lost) : undefined;
  const killed = happens(KILL_SHARE)
    ? oneOf(
        random,
        processNames.filter(
          (name) => !struck.includes(name) && (name !== "store" || !(isBackedUp || isRestored)),
        ),
      )
    : undefined;
  const fault = happens(AZURE_SHARE) ? oneOf(random, FAULTS) : undefined;
  const moves = new Map<string, string>();
  for (const { volumeName, nodeName, reaches } of pods) {
    const targets = reaches.filter((name) => ![nodeName, cordoned, ...lost].includes(name));
    const target = oneOf(random, targets);
    if ((lost.includes(nodeName) || happens(MOVE_SHARE)) && target !== undefined)
      moves.set(volumeName, target);
  }
  const grown = happens(GROW_SHARE)
    ? oneOf(
        random,
        pods.filter(({ grows }) => grows),
      )
    : undefined;
  const disturbances: Disturbance[] = [...strikes];
  if (cordoned !== undefined) disturbances.push({ kind: "cordon", nodeName: cordoned });
  if (killed !== undefined) disturbances.push({ kind: "kill", processName: killed, afterMs: within(random) });
  if (fault !== undefined) disturbances.push({ kind: "azure", fault });
  if (grown !== undefined)
    disturbances.push({ kind: "grow", volumeName: grown.volumeName, toGiB: grown.sizeGiB + 1 });
  if (copied !== undefined)
    disturbances.push({ kind: "snapshot", volumeName: copied.volumeName, copyGiB: copied.sizeGiB + 2 });
  if (isBackedUp) disturbances.push({ kind: "backUp" });
  if (isRestored) disturbances.push({ kind: "restore", afterMs: within(random) });
  return { disturbances, moves };
}

/** A round, and what it was drawn for. */
export interface PlannedRound {
  readonly situation: Situation;
  readonly round: Round;
}

/** Draws round after round, each for what the one before leaves. They depend on nothing but the dice. */
export function* planRounds(random: Random, first: Situation): Generator<PlannedRound, never> {
  let situation = first;
  for (;;) {
    const round = planRound(random, situation);
    yield { situation, round };
    situation = after(situation, round);
  }
}

function after(situation: Situation, { disturbances, moves }: Round): Situation {
  const grown = new Map<string, number>();
  for (const each of disturbances) if (each.kind === "grow") grown.set(each.volumeName, each.toGiB);
  return {
    ...situation,
    hasBackup: situation.hasBackup || disturbances.some(({ kind }) => kind === "backUp"),
    pods: situation.pods.map((pod) => ({
      ...pod,
      nodeName: moves.get(pod.volumeName) ?? pod.nodeName,
      sizeGiB: grown.get(pod.volumeName) ?? pod.sizeGiB,
    })),
  };
}

function drawStrike(random: Random, nodeName: string, copied: SituatedPod | undefined): Strike {
  const freezing = copied?.nodeName === nodeName ? copied.volumeName : undefined;
  const kind = oneOf(random, STRIKES) ?? "freeze";
  switch (kind) {
    case "freeze":
      return { kind, nodeName, freezing };
    case "powerLoss":
      return { kind, nodeName, freezing, isSilent: random.next() < SILENT_SHARE };
    case "reboot":
      return { kind, nodeName, afterMs: within(random), offMs: within(random) };
  }
}

function within(random: Random): number {
  return Math.round(random.next() * WITHIN_MS);
}

/** How a round is reported, such as `node-b freezes, store is killed; 2 pods move`. */
export function describeRound({ disturbances, moves }: Round): string {
  const told = disturbances.map((disturbance) => {
    switch (disturbance.kind) {
      case "freeze":
        return `${disturbance.nodeName} freezes${whenFrozen(disturbance)}`;
      case "powerLoss":
        return (
          `${disturbance.nodeName} loses its power${whenFrozen(disturbance)}` +
          (disturbance.isSilent ? ", unseen by Azure" : "")
        );
      case "reboot":
        return (
          `${disturbance.nodeName} loses its power after ${disturbance.afterMs} ms ` +
          `for ${disturbance.offMs} ms`
        );
      case "kill":
        return `${disturbance.processName} is killed after ${disturbance.afterMs} ms`;
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
        return `the store is restored after ${disturbance.afterMs} ms`;
    }
  });
  const moved = [...moves].map(([volumeName, nodeName]) => `${volumeName} to ${nodeName}`);
  return [...told, ...moved].join(", ") || "nothing happens";
}

function whenFrozen({ freezing }: Loss): string {
  return freezing === undefined ? "" : ` when it has frozen ${freezing}`;
}

function oneOf<T>(random: Random, choices: readonly T[]): T | undefined {
  return choices[Math.floor(random.next() * choices.length)];
}
