import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import {
  mappedFilesArgs,
  parseMappedFiles,
  parseSharedMappings,
  saysOutOfReach,
  sharedMappingsArgs,
} from "../../../core/node/parse-shared-mappings.ts";
import type { SharedMapping } from "../../../core/node/parse-shared-mappings.ts";
import type { HostContext } from "../host-context.ts";
import { commandFailed } from "./command-failed.ts";
import { addNumbersThatMayHang } from "./processes.ts";

/** The parts of the host that the search needs. */
export type SearchedHost = Pick<HostContext, "procRoot" | "runner" | "limits">;

/** How many processes, and how many of their mappings, one command reads. */
const processesAtOnce = 128;
const mappingsAtOnce = 4096;

/** A process may have a million mappings, where the node allows so many (`vm.max_map_count`). */
const outputBytesMax = 64 * 1024 * 1024;

/** What a command says of a process or mapping that has gone, or that it may not inspect. */
const passed = /: (?:No such file or directory|No such process|Permission denied)$/;

/** What a program shows of files in /proc, several of them in one command. */
interface Question<Item> {
  readonly program: string;
  readonly args: readonly string[];
  readonly fileOf: (item: Item) => string;
  readonly pidOf: (item: Item) => number;
}

/** What was found of some mappings. */
interface Looked {
  readonly mappings: readonly SharedMapping[];
  /** By `placeOf`: the number of the block device, if it is one. Of a mapping that has gone, nothing. */
  readonly files: ReadonlyMap<string, string | undefined>;
}

/**
 * Those of these processes that share memory with a block device with one of these numbers: they may write to
 * it after they have closed it. What a process has mapped may be locked for as long as it waits for a disk or
 * a server; so commands read it, which can be killed. Fails with `HostNotReady` where a process does not show
 * it in time.
 */
export async function processesWithMappedDevice(
  host: SearchedHost,
  ids: readonly number[],
  numbers: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Result<readonly number[], Failure>> {
  const pids = new Set<number>();
  const unshown: SharedMapping[] = [];
  for await (const looked of lookAtMappings(host, ids, signal)) {
    if (!looked.ok) return looked;
    for (const pid of pidsWith(looked.value, numbers)) pids.add(pid);
    unshown.push(...unshownOf(looked.value));
  }
  // These have gone by now; or have other addresses, as when a process maps the page beside one.
  const files = new Set(unshown.map(fileIn));
  const shownNow = new Set<string>();
  const unshownNow: SharedMapping[] = [];
  for await (const looked of lookAtMappings(host, pidsOf(unshown), signal)) {
    if (!looked.ok) return looked;
    for (const pid of pidsWith(looked.value, numbers)) pids.add(pid);
    const again = looked.value.mappings.filter((mapping) => files.has(fileIn(mapping)));
    for (const mapping of again)
      if (looked.value.files.has(placeOf(mapping))) shownNow.add(fileIn(mapping));
      else unshownNow.push(mapping);
  }
  // A file that a process has mapped in several places is known by one of them.
  const unknown = unshownNow.find((mapping) => !shownNow.has(fileIn(mapping)));
  return unknown === undefined
    ? ok([...pids])
    : refuse(host, unknown.pid, "keeps changing what it has mapped");
}

/** The shared mappings of these processes, without those on which a look may hang. */
async function* lookAtMappings(
  host: SearchedHost,
  ids: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<Result<Looked, Failure>> {
  const maps: Question<number> = {
    program: "grep",
    args: sharedMappingsArgs,
    fileOf: (id) => join(host.procRoot, `${id}/maps`),
    pidOf: (id) => id,
  };
  const mappedFiles: Question<SharedMapping> = {
    program: "stat",
    args: mappedFilesArgs,
    fileOf: ({ pid, range }) => join(host.procRoot, `${pid}/map_files/${range}`),
    pidOf: ({ pid }) => pid,
  };
  const mayHang = { namespaces: new Set<string>(), numbers: new Set<string>() };
  for (const some of inPartsOf(processesAtOnce, ids)) {
    const listed = await ask(host, maps, some, signal);
    if (!listed.ok) {
      yield listed;
      return;
    }
    for (const lines of inPartsOf(mappingsAtOnce, listed.value)) {
      const all = parseSharedMappings(lines);
      await addNumbersThatMayHang(mayHang, host.procRoot, pidsOf(all));
      const mappings = all.filter(({ fileSystem }) => !mayHang.numbers.has(fileSystem));
      const shown = await ask(host, mappedFiles, mappings, signal);
      if (!shown.ok) {
        yield shown;
        return;
      }
      const files = parseMappedFiles(shown.value).map((file) => [placeOf(file), file.majorMinor] as const);
      yield ok({ mappings, files: new Map(files) });
    }
  }
}

/**
 * The lines and messages that a program shows of these; nothing is asked of none. Where the command does not
 * end in time, each of them is asked for alone, to name the process.
 */
async function ask<Item>(
  host: SearchedHost,
  question: Question<Item>,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<Result<readonly string[], Failure>> {
  const [first] = items;
  if (first === undefined) return ok([]);
  const lines = await linesOf(host, question, items, signal);
  if (!lines.ok) return lines;
  if (lines.value !== undefined) return ok(lines.value);
  if (items.length === 1)
    return refuse(
      host,
      question.pidOf(first),
      `does not show within ${host.limits.mapsMs} ms what it has mapped`,
    );
  const each: (readonly string[])[] = [];
  for (const item of items) {
    const ofOne = await ask(host, question, [item], signal);
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
): Promise<Result<readonly string[] | undefined, Failure>> {
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

async function refuse(host: SearchedHost, pid: number, what: string): Promise<Result<never, Failure>> {
  const name = await readFile(join(host.procRoot, `${pid}/comm`), "utf8").catch(() => "");
  return fail({ kind: "HostNotReady", detail: `process ${pid} (${name.trim()}) ${what}` });
}

function pidsWith({ mappings, files }: Looked, numbers: ReadonlySet<string>): readonly number[] {
  return pidsOf(mappings.filter((mapping) => numbers.has(files.get(placeOf(mapping)) ?? "")));
}

function unshownOf({ mappings, files }: Looked): readonly SharedMapping[] {
  return mappings.filter((mapping) => !files.has(placeOf(mapping)));
}

function placeOf({ pid, range }: Pick<SharedMapping, "pid" | "range">): string {
  return `${pid} ${range}`;
}

/** A file that a process has mapped, maybe in several places. */
function fileIn({ pid, fileSystem, inode }: SharedMapping): string {
  return `${pid} ${fileSystem} ${inode}`;
}

function pidsOf(mappings: readonly SharedMapping[]): readonly number[] {
  return [...new Set(mappings.map(({ pid }) => pid))];
}

function* inPartsOf<T>(size: number, items: readonly T[]): Generator<readonly T[]> {
  for (let first = 0; first < items.length; first += size) yield items.slice(first, first + size);
}
