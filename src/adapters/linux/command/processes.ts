import { readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseMountinfo } from "../../../core/node/parse-mountinfo.ts";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";
import { errorCode } from "../../../core/primitives/error-code.ts";

/** File systems that may hang when a file on them is read. None has a device node in use. */
const mayHang = /^(nfs|cifs|smb|ceph|9p|fuse|afs|lustre|gluster)/;

/** How many links are looked at before other work gets its turn: a process may have a million descriptors. */
const linksAtOnce = 256;

/** How many processes are asked for their flags before other work gets its turn. */
const processesAtOnce = 64;

/** PF_EXITING, among the flags in /proc/<pid>/stat: the thread gives up all that it has, or has done so. */
const exitingFlag = 0x4;
/** Where those flags are, counted from the state, which follows the name. */
const flagsIndex = 6;

/** Stands for a path that the kernel does not show, since it is longer than 4096 bytes. */
const UNKNOWN_PATH = "/";

/**
 * The ids of all processes that this /proc shows, without our own. In a container without the host's
 * process namespace these are only its own. A process whose first thread has ended shows nothing under its
 * own id, though its other threads, one of which may be stuck in a write, still have all of it: of that one
 * the ids of all threads, under which /proc has it as well.
 */
export async function otherProcessIds(procRoot: string): Promise<readonly number[]> {
  const pids = numbersAmong(await readdir(procRoot)).filter((pid) => pid !== process.pid);
  const ids: number[] = [];
  for (const [index, pid] of pids.entries()) {
    if (index > 0 && index % processesAtOnce === 0) await setImmediate();
    if (isFirstThreadEnding(procRoot, pid))
      ids.push(...numbersAmong(await unlessGone(() => readdir(join(procRoot, `${pid}/task`)), [])));
    else ids.push(pid);
  }
  return ids;
}

function numbersAmong(names: readonly string[]): readonly number[] {
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Read at once, as links are: the kernel waits for nothing before it shows them. */
function isFirstThreadEnding(procRoot: string, pid: number): boolean {
  try {
    const stat = readFileSync(join(procRoot, `${pid}/stat`), "utf8");
    const flags = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[flagsIndex];
    return (Number(flags) & exitingFlag) !== 0;
  } catch (error) {
    return fallbackIfGone(error, false);
  }
}

/**
 * Processes, other than ours, that have a file below `path` open or work in a directory there: `4711
 * (postgres)`. Best effort, for messages.
 */
export async function processesUsing(procRoot: string, path: string): Promise<readonly string[]> {
  const users: string[] = [];
  for (const pid of await otherProcessIds(procRoot)) {
    const links = await linksOfProcess(procRoot, pid).catch(() => []);
    if (!links.some(({ target }) => target === path || target.startsWith(`${path}/`))) continue;
    const name = await readFile(join(procRoot, `${pid}/comm`), "utf8").catch(() => "");
    users.push(`${pid} (${name.trim()})`);
  }
  return users;
}

/** An open file that may be a device. */
export interface OpenFile {
  readonly pid: number;
  readonly descriptor: string;
}

/**
 * The files that these processes have open, by whatever name, and that may be devices: not sockets and pipes,
 * nor those on a file system on which a look may hang.
 */
export async function* openFilesOf(procRoot: string, ids: readonly number[]): AsyncGenerator<OpenFile> {
  const fsTypes = new Map<string, ReadonlyMap<number, string>>();
  for (const pid of ids) yield* await unlessGone(() => openFilesIn(procRoot, pid, fsTypes), []);
}

/** One process for each other mount namespace in which a device with one of these numbers is mounted. */
export async function processesWithMount(
  procRoot: string,
  numbers: ReadonlySet<string>,
): Promise<readonly number[]> {
  const seen = new Set([await readlink(join(procRoot, "self/ns/mnt"))]);
  const pids: number[] = [];
  for (const pid of await otherProcessIds(procRoot)) {
    const namespace = await unlessGone(() => readlink(join(procRoot, `${pid}/ns/mnt`)), undefined);
    if (namespace === undefined || seen.has(namespace)) continue;
    const entries = await unlessGone(() => mountsOfProcess(procRoot, pid), undefined);
    if (entries === undefined) continue;
    seen.add(namespace);
    if (entries.some(({ majorMinor }) => numbers.has(majorMinor))) pids.push(pid);
  }
  return pids;
}

/**
 * Adds the numbers of the file systems, mounted for these processes, on which a look at a file may hang;
 * `namespaces` are the mount namespaces that have been looked at.
 */
export async function addNumbersThatMayHang(
  { namespaces, numbers }: { readonly namespaces: Set<string>; readonly numbers: Set<string> },
  procRoot: string,
  ids: readonly number[],
): Promise<void> {
  for (const pid of ids) {
    const namespace = await unlessGone(() => readlink(join(procRoot, `${pid}/ns/mnt`)), undefined);
    if (namespace === undefined || namespaces.has(namespace)) continue;
    const entries = await unlessGone(() => mountsOfProcess(procRoot, pid), undefined);
    if (entries === undefined) continue;
    namespaces.add(namespace);
    for (const { fsType, majorMinor } of entries) if (mayHang.test(fsType)) numbers.add(majorMinor);
  }
}

async function openFilesIn(
  procRoot: string,
  pid: number,
  fsTypes: Map<string, ReadonlyMap<number, string>>,
): Promise<readonly OpenFile[]> {
  const links = await linksOfProcess(procRoot, pid);
  const files = links.flatMap(({ descriptor, target }) =>
    descriptor !== undefined && target.startsWith("/") ? [{ pid, descriptor }] : [],
  );
  if (files.length === 0) return [];
  const types = await fileSystemTypesSeenBy(procRoot, pid, fsTypes);
  if (![...types.values()].some((fsType) => mayHang.test(fsType))) return files;
  const looked: OpenFile[] = [];
  for (const file of files) {
    const fsType = await fileSystemOfDescriptor(procRoot, pid, file.descriptor, types);
    if (fsType === undefined || !mayHang.test(fsType)) looked.push(file);
  }
  return looked;
}

async function fileSystemOfDescriptor(
  procRoot: string,
  pid: number,
  descriptor: string,
  types: ReadonlyMap<number, string>,
): Promise<string | undefined> {
  const info = await unlessGone(() => readFile(join(procRoot, `${pid}/fdinfo/${descriptor}`), "utf8"), "");
  const mountId = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  return mountId === undefined ? undefined : types.get(Number(mountId));
}

async function fileSystemTypesSeenBy(
  procRoot: string,
  pid: number,
  known: Map<string, ReadonlyMap<number, string>>,
): Promise<ReadonlyMap<number, string>> {
  const namespace = await readlink(join(procRoot, `${pid}/ns/mnt`));
  const present = known.get(namespace);
  if (present !== undefined) return present;
  const types = new Map((await mountsOfProcess(procRoot, pid)).map((entry) => [entry.id, entry.fsType]));
  known.set(namespace, types);
  return types;
}

async function mountsOfProcess(procRoot: string, pid: number): Promise<readonly MountinfoEntry[]> {
  return parseMountinfo(await readFile(join(procRoot, `${pid}/mountinfo`), "utf8"));
}

interface ProcessLink {
  readonly path: string;
  /** Undefined for the working and root directories. */
  readonly descriptor: string | undefined;
  readonly target: string;
}

/**
 * The targets of a process's working directory, root and descriptors. Reading a link never touches the file
 * behind it, so it needs no promise: a node has a hundred thousand links, and those took seconds.
 */
async function linksOfProcess(procRoot: string, pid: number): Promise<readonly ProcessLink[]> {
  const directory = join(procRoot, String(pid));
  // Between two processes other work gets its turn.
  const descriptors = await readdir(join(directory, "fd"));
  const links = [
    { path: join(directory, "cwd"), descriptor: undefined },
    { path: join(directory, "root"), descriptor: undefined },
    ...descriptors.map((descriptor) => ({ path: join(directory, "fd", descriptor), descriptor })),
  ];
  const found: ProcessLink[] = [];
  for (const [index, link] of links.entries()) {
    if (index > 0 && index % linksAtOnce === 0) await setImmediate();
    const target = targetOf(link.path);
    if (target !== undefined) found.push({ ...link, target });
  }
  return found;
}

/** The target of a link; undefined where it has gone. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    // Any pod can make such a path, which must not keep this node from an answer. What it leads to may be the
    // device.
    return errorCode(error) === "ENAMETOOLONG" ? UNKNOWN_PATH : fallbackIfGone(error, undefined);
  }
}

/**
 * A process may end, or close a descriptor, at any time: then the fallback applies. It also applies to
 * a process that the kernel does not let us inspect: on a node that is one with more privileges than
 * this privileged plug-in, so no workload, and never a child of ours. Its mounts show in the exclusive
 * open all the same.
 */
async function unlessGone<T>(look: () => Promise<T>, fallback: T): Promise<T> {
  return look().catch((error: unknown) => fallbackIfGone(error, fallback));
}

function fallbackIfGone<T>(error: unknown, fallback: T): T {
  const code = errorCode(error);
  // EINVAL: the mountinfo of a process that is just ending.
  if (code === "EACCES" || code === "EPERM") return fallback;
  if (code === "ENOENT" || code === "ESRCH" || code === "ENOTDIR" || code === "EINVAL") return fallback;
  throw error;
}
