import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { saysOutOfReach } from "../../../core/node/parse-shown-files.ts";
import { commandFailed } from "./command-failed.ts";
import type { CommandRunner } from "./command-runner.ts";
import type { CommandTimeLimits } from "./command-time-limits.ts";

/** The parts of the host that a search of its processes needs. */
export interface SearchedHost {
  readonly procRoot: string;
  readonly runner: CommandRunner;
  readonly limits: CommandTimeLimits;
}

/** A device, as of `ShownFile`, that a process has open or mapped. */
export interface DeviceInProcess {
  readonly pid: number;
  readonly device: string;
}

/** How many files one command is asked about. */
export const FILES_AT_ONCE = 4096;

/** A process may have a million mappings, where the node allows so many (`vm.max_map_count`). */
const outputBytesMax = 64 * 1024 * 1024;

/** What a command says of a process, descriptor or mapping that has gone, or that it may not inspect. */
const passed = /: (?:No such file or directory|No such process|Permission denied)$/;

/** What a program shows of files in /proc, several of them in one command. */
export interface Question<Item> {
  readonly program: string;
  readonly args: readonly string[];
  readonly fileOf: (item: Item) => string;
  readonly pidOf: (item: Item) => number;
  /** What a process does that does not show it in time. */
  readonly whatIsLate: string;
}

/**
 * The lines and messages that a program shows of these; nothing is asked of none. Where the command does not
 * end in time, each of them is asked for alone, to name the process.
 */
export async function askAbout<Item>(
  host: SearchedHost,
  question: Question<Item>,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const [first] = items;
  if (first === undefined) return ok([]);
  // A command that hung on one of them may be stuck in the kernel still, and so would be the next one.
  const stuck = items.find((item) =>
    host.runner.isStuck(question.program, [...question.args, question.fileOf(item)]),
  );
  if (stuck !== undefined) return await refuseLate(host, question, stuck);
  const lines = await linesOf(host, question, items, signal);
  if (!lines.ok) return lines;
  if (lines.value !== undefined) return ok(lines.value);
  if (items.length === 1) return await refuseLate(host, question, first);
  const each: (readonly string[])[] = [];
  for (const item of items) {
    const ofOne = await askAbout(host, question, [item], signal);
    if (!ofOne.ok) return ofOne;
    each.push(ofOne.value);
  }
  return ok(each.flat());
}

/** Undefined: the command did not end in time, or its output is not whole. */
async function linesOf<Item>(
  host: SearchedHost,
  { program, args, fileOf }: Question<Item>,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<Result<readonly string[] | undefined>> {
  const exit = await host.runner.run(
    {
      program,
      args: [...args, ...items.map(fileOf)],
      pool: "search",
      limitMs: host.limits.mapsMs,
      outputBytesMax,
      touches: [],
      changes: false,
    },
    signal,
  );
  // A failure without the names of thousands of files.
  if (!exit.ok && exit.failure.kind === "HostCommandFailed")
    return commandFailed({ program, args }, { ...exit.failure, stdout: Buffer.alloc(0) });
  if (!exit.ok) return exit.failure.kind === "HostCommandTimedOut" ? ok(undefined) : exit;
  const { exitCode, stdout, stderr } = exit.value;
  const messages = stderr.split("\n").filter((line) => line !== "");
  const unexpected = messages.find((line) => !passed.test(line) && !saysOutOfReach(line));
  if (exitCode === null || unexpected !== undefined)
    return commandFailed({ program, args }, { ...exit.value, stderr: unexpected ?? stderr });
  return ok(
    stdout.length < outputBytesMax ? [...stdout.toString("latin1").split("\n"), ...messages] : undefined,
  );
}

async function refuseLate<Item>(
  host: SearchedHost,
  { pidOf, whatIsLate }: Question<Item>,
  item: Item,
): Promise<Result<never>> {
  return await refuse(host, pidOf(item), `does not show within ${host.limits.mapsMs} ms ${whatIsLate}`);
}

/** Names the process for which a search has no answer. */
export async function refuse(host: SearchedHost, pid: number, what: string): Promise<Result<never>> {
  const name = await readFile(join(host.procRoot, `${pid}/comm`), "utf8").catch(() => "");
  return hostNotReady(`process ${pid} (${name.trim()}) ${what}`);
}

/** The items, so many at a time. */
export function* inPartsOf<T>(size: number, items: readonly T[]): Generator<readonly T[]> {
  for (let first = 0; first < items.length; first += size) yield items.slice(first, first + size);
}
