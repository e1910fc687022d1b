import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";

/** Most workers at a time: each is a process of about 100 MB. */
const WORKERS_MAX = 4;
/** Most calls that wait for a worker. */
const WAITING_MAX = 1_000;

/** How long a call may keep its worker. */
export type CallKind = "query" | "change" | "longChange";

/** Cmdlets that may take minutes, and a repair hours. */
const longCmdlets = new Set(["Format-Volume", "Repair-Volume", "Resize-Partition"]);

/** What kinds of calls may take together: one worker is left to each further kind. */
const limits: Readonly<Record<CallKind, { readonly kinds: readonly CallKind[]; readonly callsMax: number }>> =
  {
    longChange: { kinds: ["longChange"], callsMax: WORKERS_MAX - 2 },
    change: { kinds: ["longChange", "change"], callsMax: WORKERS_MAX - 1 },
    query: { kinds: ["longChange", "change", "query"], callsMax: WORKERS_MAX },
  };

/** The kind of a cmdlet. A rescan changes no disk: it may be ended like a query. */
export function callKind(cmdlet: string): CallKind {
  if (longCmdlets.has(cmdlet)) return "longChange";
  return cmdlet.startsWith("Get-") || cmdlet === "Update-HostStorageCache" ? "query" : "change";
}

/** The places for calls: changes leave one to queries, and long changes a further one to the others. */
export interface WorkerPlaces {
  /** Waits for a place, in order among calls of its kind. Fails with `HostNotReady` where too many wait. */
  readonly take: (kind: CallKind) => Promise<Result<void>>;
  readonly giveBack: (kind: CallKind) => void;
}

/** Places of which none is taken. */
export function createWorkerPlaces(): WorkerPlaces {
  const running: CallKind[] = [];
  const waiting: { readonly kind: CallKind; readonly start: () => void }[] = [];
  const isBelow = ({ kinds, callsMax }: (typeof limits)[CallKind]): boolean =>
    running.filter((kind) => kinds.includes(kind)).length < callsMax;
  const hasRoom = (kind: CallKind): boolean =>
    Object.values(limits).every((limit) => !limit.kinds.includes(kind) || isBelow(limit));
  return {
    take: async (kind) => {
      if (hasRoom(kind)) {
        running.push(kind);
        return ok(undefined);
      }
      if (waiting.length >= WAITING_MAX)
        return hostNotReady(`${WAITING_MAX} calls of PowerShell wait for a worker`);
      await new Promise<void>((start) => waiting.push({ kind, start }));
      return ok(undefined);
    },
    giveBack: (kind) => {
      running.splice(running.indexOf(kind), 1);
      const next = waiting.findIndex((each) => hasRoom(each.kind));
      for (const { kind: started, start } of next < 0 ? [] : waiting.splice(next, 1)) {
        running.push(started);
        start();
      }
    },
  };
}
