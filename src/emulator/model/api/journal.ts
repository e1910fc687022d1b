import type { ArmMethod } from "./arm-message.ts";
import type { Json } from "./json.ts";

/**
 * `arm`: calls that Azure would count. `poll`: reading an operation's state. `admin`: the emulator's own
 * API.
 */
export const CALL_KINDS = ["arm", "poll", "admin"] as const;

/** One call that the model has answered. */
export interface JournalEntry {
  /** 1, 2, 3 …: readers ask for the entries after the last one they have seen. */
  readonly sequence: number;
  readonly atMs: number;
  readonly kind: (typeof CALL_KINDS)[number];
  /** The operation's name in Azure's API description, such as `VirtualMachines_Update`. */
  readonly operation: string;
  readonly method: ArmMethod;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly clientRequestId?: string;
  readonly caller?: string;
  readonly requestId: string;
  readonly body?: Json;
  readonly status: number;
  readonly errorCode?: string;
  /** The long-running operation that the call started or joined. */
  readonly operationId?: string;
  /** The caller did not get the answer. */
  readonly dropped?: boolean;
  /** How long the caller waited for the answer, in real milliseconds; only if a server measured it. */
  readonly durationMs?: number;
}

export interface Journal {
  append(entry: Omit<JournalEntry, "sequence">): JournalEntry;
  /** Adds the duration, which only the server knows. */
  noteDuration(sequence: number, durationMs: number): void;
  /** The entries after a sequence number, oldest first. */
  since(sequence: number, limit?: number): readonly JournalEntry[];
  lastSequence(): number;
  clear(): void;
}

const LIMIT_DEFAULT = 10_000;

/** Keeps the last `entriesMax` calls. */
export function createJournal(entriesMax: number): Journal {
  let entries: JournalEntry[] = [];
  let last = 0;
  return {
    append: (entry) => {
      last += 1;
      const numbered = { sequence: last, ...entry };
      entries.push(numbered);
      // In bulk, so that a full journal does not move all entries at every call.
      if (entries.length > entriesMax * 2) entries = entries.slice(-entriesMax);
      return numbered;
    },
    noteDuration: (sequence, durationMs) => {
      const index = indexOf(entries, sequence);
      const entry = entries[index];
      if (entry !== undefined) entries[index] = { ...entry, durationMs };
    },
    since: (sequence, limit = LIMIT_DEFAULT) => {
      const start = Math.max(indexOf(entries, sequence + 1), entries.length - entriesMax, 0);
      return entries.slice(start, start + limit);
    },
    lastSequence: () => last,
    clear: () => {
      entries = [];
    },
  };
}

/** Sequence numbers have no gaps. */
function indexOf(entries: readonly JournalEntry[], sequence: number): number {
  const first = entries[0];
  return first === undefined ? 0 : sequence - first.sequence;
}
