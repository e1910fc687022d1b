import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { DEBIAN_ARCHITECTURES, ownArchitecture } from "./binaries/architecture.ts";
import type { Architecture } from "./binaries/architecture.ts";

/** A Debian package, downloaded and unpacked. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Of the `.deb`, in hexadecimal. */
  readonly sha256: string;
  /** Its paragraph in dpkg's status file. */
  readonly control: string;
  /** The folder of its files. */
  readonly folder: string;
}

const APT_TIMEOUT_MS = 300_000;
/** A line of `apt-get --print-uris`: address, file name, size. */
const ARCHIVE_LINE = /^'[^']+' (\S+\.deb) \d+/gmu;

/** Where apt works, and for which machine. */
interface Apt {
  readonly folder: string;
  readonly architecture: Architecture;
}

/**
 * Runs apt as if nothing were installed, without changing what is: with an empty list of packages, and its
 * own folder for archives. For another machine than this one also with its own lists, from the same sources:
 * dpkg need not know that architecture.
 */
async function apt(
  { folder, architecture }: Apt,
  archives: string,
  action: string,
  names: readonly string[],
): Promise<string> {
  const nothingInstalled = join(folder, "nothing-installed");
  await mkdir(join(archives, "partial"), { recursive: true });
  await writeFile(nothingInstalled, "");
  const options = [
    `-oDir::State::status=${nothingInstalled}`,
    `-oDir::Cache::archives=${archives}/`,
    "-oAPT::Install-Recommends=false",
    // apt's own user may not be able to enter the folder. Signatures are checked all the same.
    ...(process.getuid?.() === 0 ? ["-oAPT::Sandbox::User=root"] : []),
    ...(architecture === ownArchitecture() ? [] : await foreignLists(folder, architecture)),
  ];
  const install = (): ReturnType<typeof runCommand> =>
    runCommand("apt-get", [...options, action, "-qq", "-y", "install", ...names], {
      cwd: folder,
      timeoutMs: APT_TIMEOUT_MS,
    });
  const first = await install();
  if (first.code === 0) return first.output;
  // The lists may be missing (a fresh container) or older than the archive.
  const updated = await runCommand("apt-get", [...options, "-qq", "update"], {
    cwd: folder,
    timeoutMs: APT_TIMEOUT_MS,
  });
  const second = await install();
  if (second.code === 0) return second.output;
  const why = updated.code === 0 ? "" : `apt-get update failed:\n${updated.output}`;
  throw new Error(`apt-get could not resolve or download ${names.join(" ")}:\n${second.output}${why}`);
}

async function foreignLists(folder: string, architecture: Architecture): Promise<readonly string[]> {
  const debian = DEBIAN_ARCHITECTURES[architecture];
  const lists = join(folder, `lists-${debian}`);
  await mkdir(join(lists, "partial"), { recursive: true });
  return [
    `-oAPT::Architecture=${debian}`,
    `-oAPT::Architectures=${debian}`,
    `-oDir::State::lists=${lists}/`,
    // These caches hold the lists of this machine.
    "-oDir::Cache::pkgcache=",
    "-oDir::Cache::srcpkgcache=",
  ];
}

/**
 * Downloads and unpacks `names` and all their dependencies for `architecture` into `folder`, once. They are
 * of the Debian release that this machine's apt knows. Sorted by name.
 */
export async function fetchDebianPackages(
  names: readonly string[],
  folder: string,
  architecture: Architecture,
): Promise<readonly DebianPackage[]> {
  for (const command of ["apt-get", "dpkg-deb"]) {
    if ((await findCommand(command)) === undefined)
      throw new Error(
        `${command} is missing: building the image from Debian's packages needs Debian or Ubuntu; ` +
          "or use the Containerfile",
      );
  }
  // apt leaves out archives that it has downloaded already, so this lists with a folder that stays empty.
  const where = { folder, architecture };
  const listed = await apt(where, join(folder, "no-archives"), "--print-uris", names);
  const archives = [...listed.matchAll(ARCHIVE_LINE)]
    .map(([, name]) => join(folder, "archives", basename(name ?? "")))
    .toSorted();
  if ((await Promise.all(archives.map(isThere))).includes(false))
    await apt(where, join(folder, "archives"), "--download-only", names);
  const packages: DebianPackage[] = [];
  for (const archive of archives) packages.push(await unpack(archive, join(folder, "unpacked")));
  return packages.toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

async function unpack(archive: string, parent: string): Promise<DebianPackage> {
  const folder = join(parent, basename(archive));
  if (!(await isThere(folder))) {
    const unfinished = `${folder}.${process.pid}.unfinished`;
    await mkdir(unfinished, { recursive: true });
    await deb(["--extract", archive, unfinished]);
    await rename(unfinished, folder).catch(async (error: unknown) => {
      // Another run has finished it first.
      await rm(unfinished, { recursive: true });
      if (!(await isThere(folder))) throw error;
    });
  }
  const control = await deb(["--field", archive]);
  const field = (name: string): string => new RegExp(`^${name}: (.+)$`, "mu").exec(control)?.[1] ?? "";
  const sha256 = createHash("sha256")
    .update(await readFile(archive))
    .digest("hex");
  return {
    name: field("Package"),
    version: field("Version"),
    architecture: field("Architecture"),
    sha256,
    control,
    folder,
  };
}

async function deb(args: readonly string[]): Promise<string> {
  const { code, output } = await runCommand("dpkg-deb", args, { cwd: "/" });
  if (code !== 0) throw new Error(`dpkg-deb ${args.join(" ")}: ${output}`);
  return output;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
