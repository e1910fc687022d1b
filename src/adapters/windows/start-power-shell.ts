import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { waitWithin } from "../linux/command/wait-within.ts";
import { startWorker, type Worker } from "./start-worker.ts";
import type { PowerShell, StorageAnswer, StorageCall } from "./storage-call.ts";
import { callKind, createWorkerPlaces } from "./worker-places.ts";
import { WORKER_SCRIPT } from "./worker-script.ts";

/**
 * How long a query may take, in milliseconds, the start of its worker included, before its worker is ended:
 * it may hang for ever, as where Windows' management service does. A change is left running.
 */
const QUERY_LIMIT_MS = 60_000;

/** Settings of the pool. */
export interface PowerShellOptions {
  readonly clock: Clock;
  /** What runs the script; default: Windows' PowerShell. */
  readonly command?: (script: string) => readonly string[];
  /** Default 60,000. */
  readonly queryLimitMs?: number;
}

/**
 * Starts a pool of PowerShell workers. The first one starts with the pool and lives as long: by it a later
 * instance sees that this one is alive. Throws where it can't be started.
 */
export async function startPowerShell(options: PowerShellOptions): Promise<PowerShell> {
  const { clock, command = windowsPowerShell, queryLimitMs = QUERY_LIMIT_MS } = options;
  const [program = "", ...args] = command(WORKER_SCRIPT);
  const places = createWorkerPlaces();
  /** The last one is taken first: as few as possible are started. */
  const idle: Worker[] = [];
  const busy = new Set<Worker>();
  let isClosed = false;

  const ask = async (worker: Worker, request: StorageCall): Promise<Result<StorageAnswer, Failure>> => {
    const answer = worker.ask(request);
    if (callKind(request.cmdlet) !== "query") return answer;
    const waited = await waitWithin(answer, queryLimitMs, clock, new AbortController().signal);
    if (waited.kind === "done") return waited.value;
    worker.kill();
    const detail = `PowerShell has not answered ${request.cmdlet} in ${queryLimitMs / 1000} s`;
    return fail({ kind: "HostNotReady", detail });
  };
  const askNext = async (request: StorageCall): Promise<Result<StorageAnswer, Failure>> => {
    let worker = idle.pop();
    while (worker?.isAlive() === false) worker = idle.pop();
    worker ??= startWorker(program, args);
    busy.add(worker);
    const answered = await ask(worker, request);
    busy.delete(worker);
    if (worker.isAlive()) idle.push(worker);
    return answered;
  };
  const call: PowerShell["call"] = async (request) => {
    const kind = callKind(request.cmdlet);
    const place = await places.take(kind);
    if (!place.ok) return place;
    const answered: Result<StorageAnswer, Failure> = isClosed
      ? fail({ kind: "HostNotReady", detail: "the plug-in ends: PowerShell takes no call" })
      : await askNext(request);
    places.giveBack(kind);
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
 * run as this process does. The list of processes shows it.
 */
export function windowsPowerShell(script: string): readonly string[] {
  const options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"];
  return ["powershell.exe", ...options, "-Command", script];
}
