import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import * as z from "zod";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";
import { parseJson } from "../../core/primitives/parse-json.ts";
import type { StorageAnswer, StorageCall } from "./storage-call.ts";

/** How much of an unexpected output a failure quotes, in characters. */
const QUOTED_MAX = 500;

const idSchema = z.object({ id: z.number().int() });
const answerSchema = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), rows: z.array(z.unknown()) }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

/** One process that runs one call at a time. */
export interface Worker {
  /**
   * Sends a call and waits for its answer. Fails with `HostNotReady` where the process ends before, and where
   * it answers in another form.
   */
  readonly ask: (call: StorageCall) => Promise<Result<StorageAnswer>>;
  /** Whether its process can take a call: it has not ended. */
  readonly isAlive: () => boolean;
  /** Ends it after its call. */
  readonly end: () => void;
  /** Ends it at once. */
  readonly kill: () => void;
}

/**
 * Starts a process that reads a call a line and writes an answer a line. Whatever else it writes, such as a
 * warning of a cmdlet, is no answer: without the ids a warning would pass for one, and the answer itself for
 * that of the next call.
 */
export function startWorker(program: string, args: readonly string[]): Worker {
  const child = spawn(program, args, { stdio: "pipe" });
  let isAlive = true;
  let lastId = 0;
  let resolveAnswer: ((answered: Result<StorageAnswer>) => void) | undefined;
  let otherOutput = "";

  const answer = (answered: Result<StorageAnswer>): void => {
    const resolve = resolveAnswer;
    resolveAnswer = undefined;
    resolve?.(answered);
  };
  const note = (text: string): void => {
    otherOutput = (otherOutput + text).slice(-QUOTED_MAX);
  };
  const ended = (why: string): void => {
    isAlive = false;
    answer(hostNotReady(`${program} ended: ${why} ${otherOutput}`.trim()));
  };
  child.stderr.on("data", (chunk: Buffer) => note(chunk.toString("utf8")));
  child.on("error", (error) => ended(error.message));
  // A worker that has just ended: its exit reports it.
  child.stdin.on("error", () => {});
  child.on("close", (exitCode) => ended(`exit code ${exitCode}`));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const json = parseJson(line);
    if (idSchema.safeParse(json).data?.id === lastId) answer(readAnswer(json, line));
    else note(line);
  });
  return {
    ask: async (call) => {
      lastId += 1;
      otherOutput = "";
      keepAlive(child, true);
      const answered = await new Promise<Result<StorageAnswer>>((resolve) => {
        resolveAnswer = resolve;
        child.stdin.write(`${JSON.stringify({ id: lastId, ...call })}\n`);
      });
      keepAlive(child, false);
      return answered;
    },
    isAlive: () => isAlive,
    end: () => child.stdin.end(),
    kill: () => {
      isAlive = false;
      child.kill();
    },
  };
}

/** An idle worker does not keep this process from ending; its own end follows that of its standard input. */
function keepAlive(child: ChildProcessWithoutNullStreams, isBusy: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr].filter((stream) => stream instanceof Socket);
  for (const handle of [child, ...pipes])
    if (isBusy) handle.ref();
    else handle.unref();
}

function readAnswer(json: unknown, line: string): Result<StorageAnswer> {
  const parsed = answerSchema.safeParse(json);
  return parsed.success
    ? ok(parsed.data)
    : hostNotReady(`PowerShell answered something else: ${line.slice(0, QUOTED_MAX)}`);
}
