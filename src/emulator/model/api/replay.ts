import { type ComputeModelOptions, createComputeModel } from "../compute-model.ts";
import type { ArmRequest } from "./arm-message.ts";
import type { JournalEntry } from "./journal.ts";

/** A call that the replay answered differently. */
export interface Divergence {
  readonly recorded: JournalEntry;
  readonly replayed: JournalEntry | undefined;
}

/**
 * Sends a whole journal, from its first entry on, to a fresh model of the same seed, settings and set-up,
 * each call at its recorded time. Returns the first call that is answered differently. Exact without a data
 * plane. Fault rules and settings are replayed if they are part of the set-up or were sent through the
 * admin API.
 */
export function replayJournal(
  entries: readonly JournalEntry[],
  options: Omit<ComputeModelOptions, "clock"> & { readonly startedAtMs: number },
): Divergence | undefined {
  let nowMs = options.startedAtMs;
  const model = createComputeModel({ ...options, clock: { nowMs: () => nowMs } });
  for (const recorded of entries) {
    nowMs = recorded.atMs;
    const answer = model.handle(requestOf(recorded));
    const replayed = model.journal.since(answer.sequence - 1, 1)[0];
    const same =
      replayed?.status === recorded.status &&
      replayed.requestId === recorded.requestId &&
      replayed.operationId === recorded.operationId;
    if (!same || replayed.errorCode !== recorded.errorCode) return { recorded, replayed };
  }
  return undefined;
}

function requestOf(entry: JournalEntry): ArmRequest {
  const { method, path, query, ifMatch, ifNoneMatch, clientRequestId, caller, body } = entry;
  return {
    method,
    path,
    query,
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(clientRequestId === undefined ? {} : { clientRequestId }),
    ...(caller === undefined ? {} : { caller }),
    ...(body === undefined ? {} : { body }),
  };
}
