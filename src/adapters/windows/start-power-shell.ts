import { describeFailure } from "../../core/failure/describe-failure.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import { waitWithin } from "../linux/command/wait-within.ts";
import { startWorker, type Worker } from "./start-worker.ts";
import { describeCall, type PowerShell, type StorageCall } from "./storage-call.ts";
import { type CallKind, callKind, createWorkerPlaces } from "./worker-places.ts";
import { WORKER_SCRIPT } from "./worker-script.ts";

const MINUTE_MS = 60_000;
/**
 * How long a call may take, in milliseconds, the start of its worker included: it may hang for ever, as where
 * Windows' management service does. Then a query's worker is ended. A change is left running, and its worker
 * is set aside: the next call gets another one.
 */
const CALL_LIMITS_MS: Readonly<Record<CallKind, number>> = {
  query: MINUTE_MS,
  change: 10 * MINUTE_MS,
  longChange: 60 * MINUTE_MS,
};
/** While this many changes hang, no further one starts: each keeps a process of about 100 MB. */
const HANGING_MAX = 4;
/** Most idle workers that are kept. */
const IDLE_MAX = 4;

/** Settings of the pool. */
export interface PowerShellOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What runs the script; default: Windows' PowerShell. */
  readonly command?: (script: string) => readonly string[];
  /** Default: 60,000 for a query, 600,000 for a change, 3,600,000 for one that may take long. */
  readonly limitsMs?: Readonly<Record<CallKind, number>>;
}

/**
 * Starts a pool of PowerShell workers. The first one starts with the pool and lives as long: by it a later
 * instance sees that this one is alive. Throws where it can't be started.
 */
export async function startPowerShell(options: PowerShellOptions): Promise<PowerShell> {
  const { clock, logger, command = windowsPowerShell, limitsMs = CALL_LIMITS_MS } = options;
  const [program = "", ...args] = command(WORKER_SCRIPT);
  const places = createWorkerPlaces();
  /** The last one is taken first: as few as possible are started. */
  const idle: Worker[] = [];
  const busy = new Set<Worker>();
  /** The changes that have exceeded their limit. */
  const hanging = new Set<StorageCall>();
  let oldest: Worker | undefined;
  let isClosed = false;

  const takeWorker = (): Worker => {
    let worker = idle.pop();
    while (worker?.isAlive() === false) worker = idle.pop();
    worker ??= startWorker(program, args);
    if (oldest?.isAlive() !== true) oldest = worker;
    busy.add(worker);
    return worker;
  };
  const giveBack = (worker: Worker): void => {
    busy.delete(worker);
    if (!worker.isAlive()) return;
    idle.push(worker);
    if (idle.length <= IDLE_MAX) return;
    // The oldest one stays: by it a later instance knows this one.
    const surplus = idle.findIndex((each) => each !== oldest);
    idle.splice(surplus, 1)[0]?.end();
  };
  const why = (kind: CallKind): string | undefined => {
    if (isClosed) return "the plug-in ends: PowerShell takes no call";
    if (kind === "query" || hanging.size < HANGING_MAX) return undefined;
    const changes = [...hanging].map(describeCall).join("; ");
    return `${hanging.size} changes of PowerShell hang: drain this node and restart its VM: ${changes}`;
  };
  const call: PowerShell["call"] = async (request) => {
    const kind = callKind(request.cmdlet);
    const limitMs = limitsMs[kind];
    const place = await places.take(kind);
    if (!place.ok) return place;
    const detail = why(kind);
    if (detail !== undefined) {
      places.giveBack(kind);
      return hostNotReady(detail);
    }
    const worker = takeWorker();
    const answer = worker.ask(request);
    const waited = await waitWithin(answer, limitMs, clock, new AbortController().signal);
    if (waited.kind === "done") {
      giveBack(worker);
      places.giveBack(kind);
      return waited.value;
    }
    if (kind === "query") {
      worker.kill();
      giveBack(worker);
      places.giveBack(kind);
      const late = `PowerShell has not answered ${request.cmdlet} in ${limitMs / 1000} s`;
      return hostNotReady(late);
    }
    hanging.add(request);
    logger.warn("a change of PowerShell hangs", { change: describeCall(request), limitMs });
    places.giveBack(kind);
    const answered = await answer;
    hanging.delete(request);
    logger.info("a change of PowerShell that hung has ended", { change: describeCall(request) });
    giveBack(worker);
    return answered;
  };
  const first = await call({ cmdlet: "Get-Item", parameters: { LiteralPath: "." }, select: ["Name"] });
  if (!first.ok) throw new Error(describeFailure(first.failure));
  return {
    call,
    close: () => {
      isClosed = true;
      for (const worker of [...idle, ...busy]) worker.end();
    },
  };
}

/**
 * The script is an argument, not a file: other users of a machine may write to many of its folders, and would
 * run as this process does. The list of processes shows it. PowerShell is started by its full path: an image
 * made on Linux may have a `PATH` without its folder, and Windows looks in the process's own folder first.
 */
export function windowsPowerShell(
  script: string,
  systemRoot: string = process.env["SystemRoot"] ?? "C:\\Windows",
): readonly string[] {
  const program = `${systemRoot}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`;
  const options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"];
  return [program, ...options, "-Command", script];
}
