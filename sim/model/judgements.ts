import { recallProtocol } from "./recall/recall-protocol.ts";
import { isInUse as isReclaimed, reclaimProtocol } from "./reclaim/reclaim-protocol.ts";
import { releaseProtocol } from "./release-check/release-protocol.ts";
import { reservationProtocol } from "./reservation/reservation-protocol.ts";
import { restoredStore } from "./restored-store/restored-store.ts";
import { explore, type StateSpace } from "./state-space/explore.ts";
import { findStuck } from "./state-space/find-stuck.ts";
import { writerProtocol } from "./writer-protocol/writer-protocol.ts";

/** One model's result for the code that it runs. */
export interface Judgement {
  readonly name: string;
  /**
   * What goes wrong within the first `statesMax` states, nearest first, and the shortest way there;
   * undefined if nothing does.
   */
  readonly whatIsWrong: (statesMax: number) => string | undefined;
}

/** A search for a dead end needs all states. */
const STATES_MAX = 5_000_000;

/**
 * The models of the protocols, as judges of a change of the code that they run. Each space is created for
 * its judgement: it caches the results of steps.
 */
export const judgements: readonly Judgement[] = [
  judgedBy("writer-protocol", () => writerProtocol(new Set())),
  judgedBy("restored-store", () => restoredStore(new Set(), { epochsMax: 1, incarnationsMax: 1 })),
  judgedBy("release-check", () => releaseProtocol(new Set(), { nodesMayBeLost: false })),
  judgedBy("reclaim", () => reclaimProtocol(new Set()), isReclaimed),
  judgedBy("recall", () => recallProtocol(new Set())),
  judgedBy("reservation", () => reservationProtocol(new Set())),
];

function judgedBy(name: string, space: () => StateSpace, isGoal?: (state: number) => boolean): Judgement {
  return {
    name,
    whatIsWrong: (statesMax) => {
      const explored = explore(space(), statesMax);
      if (explored.kind === "fault") return [...explored.path, explored.fault].join("; ");
      const stuck = isGoal === undefined ? undefined : findStuck(space(), isGoal, STATES_MAX);
      return stuck?.kind === "stuck" ? [...stuck.path, "nothing leads on"].join("; ") : undefined;
    },
  };
}
