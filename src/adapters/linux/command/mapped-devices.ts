import { join } from "node:path";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { parseSharedMappings, sharedMappingsArgs } from "../../../core/node/parse-shared-mappings.ts";
import type { SharedMapping } from "../../../core/node/parse-shared-mappings.ts";
import { parseShownFiles, shownFilesArgs } from "../../../core/node/parse-shown-files.ts";
import { askAbout, FILES_AT_ONCE, inPartsOf, refuse } from "./ask-about-files.ts";
import type { DeviceInProcess, Question, SearchedHost } from "./ask-about-files.ts";
import { addNumbersThatMayHang } from "./processes.ts";

/** How many processes one command reads. */
const processesAtOnce = 128;

/**
 * How often mappings that were listed and then not shown are looked at again: a process that starts, or takes
 * memory at that moment, changes them for some milliseconds.
 */
const LOOKS_AGAIN_MAX = 3;

/** What was found of some mappings. */
interface Looked {
  readonly mappings: readonly SharedMapping[];
  /** By `placeOf`: the device as of `ShownFile`, if it is one. Of a mapping that has gone, nothing. */
  readonly files: ReadonlyMap<string, string | undefined>;
}

/**
 * The devices with which these processes share memory: they may write to such a one after they have closed
 * it. What a process has mapped may be locked for as long as it waits for a disk or
 * a server; so commands read it, which can be killed. Fails with `HostNotReady` where a process does not show
 * it in time.
 */
export async function mappedDevices(
  host: SearchedHost,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<Result<readonly DeviceInProcess[]>> {
  const found: DeviceInProcess[] = [];
  let unshown: SharedMapping[] = [];
  for await (const looked of lookAtMappings(host, ids, signal)) {
    if (!looked.ok) return looked;
    found.push(...devicesIn(looked.value));
    unshown.push(...unshownOf(looked.value));
  }
  // These have gone by now; or have other addresses, as when a process maps the page beside one.
  for (let look = 0; look < LOOKS_AGAIN_MAX && unshown.length > 0; look += 1) {
    const files = new Set(unshown.map(fileIn));
    // A file that a process has mapped in several places is known by one of them.
    const shownNow = new Set<string>();
    const unshownNow: SharedMapping[] = [];
    for await (const looked of lookAtMappings(host, pidsOf(unshown), signal)) {
      if (!looked.ok) return looked;
      found.push(...devicesIn(looked.value));
      const again = looked.value.mappings.filter((mapping) => files.has(fileIn(mapping)));
      for (const mapping of again)
        if (looked.value.files.has(placeOf(mapping))) shownNow.add(fileIn(mapping));
        else unshownNow.push(mapping);
    }
    unshown = unshownNow.filter((mapping) => !shownNow.has(fileIn(mapping)));
  }
  const [unknown] = unshown;
  return unknown === undefined ? ok(found) : refuse(host, unknown.pid, "keeps changing what it has mapped");
}

/** The shared mappings of these processes, without those on which a look may hang. */
async function* lookAtMappings(
  host: SearchedHost,
  ids: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<Result<Looked>> {
  const whatIsLate = "what it has mapped";
  const maps: Question<number> = {
    program: "grep",
    args: sharedMappingsArgs,
    fileOf: (id) => join(host.procRoot, `${id}/maps`),
    pidOf: (id) => id,
    whatIsLate,
  };
  const mappedFiles: Question<SharedMapping> = {
    program: "stat",
    args: shownFilesArgs,
    fileOf: ({ pid, range }) => join(host.procRoot, `${pid}/map_files/${range}`),
    pidOf: ({ pid }) => pid,
    whatIsLate,
  };
  const mayHang = { namespaces: new Set<string>(), numbers: new Set<string>() };
  for (const some of inPartsOf(processesAtOnce, ids)) {
    const listed = await askAbout(host, maps, some, signal);
    if (!listed.ok) {
      yield listed;
      return;
    }
    for (const lines of inPartsOf(FILES_AT_ONCE, listed.value)) {
      const all = parseSharedMappings(lines);
      await addNumbersThatMayHang(mayHang, host.procRoot, pidsOf(all));
      const mappings = all.filter(({ fileSystem }) => !mayHang.numbers.has(fileSystem));
      const shown = await askAbout(host, mappedFiles, mappings, signal);
      if (!shown.ok) {
        yield shown;
        return;
      }
      const files = parseShownFiles(shown.value).map(
        ({ pid, name, device }) => [placeOf({ pid, range: name }), device] as const,
      );
      yield ok({ mappings, files: new Map(files) });
    }
  }
}

function devicesIn({ mappings, files }: Looked): readonly DeviceInProcess[] {
  return mappings.flatMap((mapping) => {
    const device = files.get(placeOf(mapping));
    return device === undefined ? [] : [{ pid: mapping.pid, device }];
  });
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
