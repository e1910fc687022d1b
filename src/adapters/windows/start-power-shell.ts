import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as z from "zod";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { parseJson } from "../../core/primitives/parse-json.ts";
import type { PowerShell, StorageAnswer, StorageCall } from "./storage-call.ts";
import { WORKER_FILE, WORKER_SCRIPT } from "./worker-script.ts";

/** Most workers at a time: each is a process of about 100 MB, and a format keeps one busy for minutes. */
const WORKERS_MAX = 4;
/** How much of an unexpected output a failure quotes, in characters. */
const QUOTED_MAX = 500;

const answerSchema = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), rows: z.array(z.unknown()) }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

/** One place for a worker: its process is started when it is first needed, and again after it has ended. */
interface Slot {
  readonly call: (call: StorageCall) => Promise<Result<StorageAnswer, Failure>>;
  readonly end: () => void;
}

/**
 * Starts a pool of PowerShell workers, whose script is written to `directory`. The first worker starts with
 * the pool and lives as long: by it a later instance sees that this one is alive. `command`: for tests.
 */
export async function startPowerShell(options: {
  readonly directory: string;
  readonly command?: (scriptPath: string) => readonly string[];
}): Promise<PowerShell> {
  await mkdir(options.directory, { recursive: true });
  const scriptPath = join(options.directory, WORKER_FILE);
  await writeFile(scriptPath, WORKER_SCRIPT);
  const [program = "", ...args] = (options.command ?? windowsPowerShell)(scriptPath);
  const slots = Array.from({ length: WORKERS_MAX }, () => createSlot(program, args));
  const free = [...slots];
  const waiting: ((slot: Slot) => void)[] = [];

  const take = (): Promise<Slot> => {
    const slot = free.shift();
    return slot === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(slot);
  };
  const giveBack = (slot: Slot): void => {
    const next = waiting.shift();
    if (next === undefined) free.unshift(slot);
    else next(slot);
  };
  const call: PowerShell["call"] = async (request) => {
    const slot = await take();
    const answered = await slot.call(request);
    giveBack(slot);
    return answered;
  };
  const first = await call({ cmdlet: "Get-Item", parameters: { LiteralPath: scriptPath }, select: ["Name"] });
  if (!first.ok) throw new Error(describeFailure(first.failure));
  return {
    call,
    close: () => {
      for (const slot of slots) slot.end();
    },
  };
}

/** A script file instead of an encoded command: the list of processes shows its name. */
function windowsPowerShell(scriptPath: string): readonly string[] {
  const options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"];
  return ["powershell.exe", ...options, "-File", scriptPath];
}

function createSlot(program: string, args: readonly string[]): Slot {
  let child: ChildProcessWithoutNullStreams | undefined;
  let answer: ((line: Result<string, Failure>) => void) | undefined;

  const start = (): ChildProcessWithoutNullStreams => {
    const started = spawn(program, args, { stdio: "pipe" });
    let errors = "";
    started.stderr.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString("utf8")).slice(-QUOTED_MAX);
    });
    const ended = (why: string): void => {
      if (child === started) child = undefined;
      answer?.(fail({ kind: "HostNotReady", detail: `${program} ended: ${why} ${errors}`.trim() }));
    };
    started.on("error", (error) => ended(error.message));
    // A worker that has just ended: its exit reports it.
    started.stdin.on("error", () => {});
    started.on("close", (exitCode) => ended(`exit code ${exitCode}`));
    createInterface({ input: started.stdout }).on("line", (line) => answer?.(ok(line)));
    return started;
  };
  return {
    call: async (request) => {
      const worker = (child ??= start());
      const { stdin } = worker;
      keepAlive(worker, true);
      const line = await new Promise<Result<string, Failure>>((resolve) => {
        answer = resolve;
        stdin.write(`${JSON.stringify(request)}\n`);
      });
      answer = undefined;
      keepAlive(worker, false);
      return line.ok ? readAnswer(line.value) : line;
    },
    end: () => child?.stdin.end(),
  };
}

/** An idle worker does not keep this process from ending; its own end follows that of its standard input. */
function keepAlive(child: ChildProcessWithoutNullStreams, isBusy: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr].filter((stream) => stream instanceof Socket);
  for (const handle of [child, ...pipes])
    if (isBusy) handle.ref();
    else handle.unref();
}

function readAnswer(line: string): Result<StorageAnswer, Failure> {
  const parsed = answerSchema.safeParse(parseJson(line));
  return parsed.success
    ? ok(parsed.data)
    : fail({
        kind: "HostNotReady",
        detail: `PowerShell answered something else: ${line.slice(0, QUOTED_MAX)}`,
      });
}
