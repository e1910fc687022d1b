import { lstat, readFile, readdir, readlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { Architecture } from "./binaries/architecture.ts";
import { elfNeeds } from "./binaries/elf-needs.ts";
import type { ElfNeeds } from "./binaries/elf-needs.ts";
import type { DebianPackage } from "./debian-packages.ts";
import type { PackageChoice } from "./image-programs.ts";
import type { TarEntry } from "./tar-entry.ts";

/** A file of a package, as it goes into the image. */
interface PackagedFile {
  /** In the image: relative, with `bin`, `sbin` and `lib` below `usr`, as in Debian since release 12. */
  readonly path: string;
  readonly package: string;
  /** Its path where it is unpacked. */
  readonly source: string;
  /** Of a symbolic link. */
  readonly target?: string;
}

/** The files and packages that were chosen. */
export interface SystemFiles {
  readonly entries: readonly TarEntry[];
  /** The packages that contributed more than their licence, sorted. */
  readonly packages: readonly DebianPackage[];
}

const MERGED = /^(?:bin|sbin|lib|lib64|lib32)(?=\/)/u;
const PROGRAM_FOLDERS = ["usr/bin", "usr/sbin"];
/** Removes set-user-id bits: the image's processes are root already or must not become root. */
const MODE_BITS = 0o777;
const LIBRARY = /^usr\/lib(?:64)?\/(?:[\w-]+-linux-gnu\/)?[^/]+\.so(?:\.[\w.]+)*$/u;

/**
 * The programs and files of `choices`, and the libraries that they and `alsoLoaded` (programs from
 * elsewhere) load, from any of the packages. Throws if one is in no package, or is for another machine.
 */
export async function systemFiles(
  architecture: Architecture,
  packages: readonly DebianPackage[],
  choices: readonly PackageChoice[],
  alsoLoaded: readonly ElfNeeds[],
): Promise<SystemFiles> {
  const files = (await Promise.all(packages.map(filesOf))).flat();
  const byPath = new Map(files.map((file) => [file.path, file]));
  const libraries = new Map(
    files
      .filter(({ path }) => LIBRARY.test(path))
      .map((file) => [file.path.slice(file.path.lastIndexOf("/") + 1), file]),
  );
  const chosen = new Map<string, PackagedFile>();

  const choose = async (file: PackagedFile): Promise<void> => {
    if (chosen.has(file.path)) return;
    chosen.set(file.path, file);
    if (file.target !== undefined)
      return choose(found(byPath.get(targetPath(file)), `what ${file.path} links to`));
    const needs = elfNeeds(await readFile(file.source));
    if (needs !== undefined) await load(needs, file.path);
  };
  const load = async (needs: ElfNeeds, by: string): Promise<void> => {
    if (needs.architecture !== architecture)
      throw new Error(
        `${by} is for ${needs.architecture ?? "another machine"}, the image for ${architecture}`,
      );
    for (const name of needs.libraries)
      await choose(found(libraries.get(name), `library ${name}, which ${by} loads,`));
    if (needs.loader !== undefined)
      await choose(found(byPath.get(merged(needs.loader.slice(1))), `${needs.loader}, which starts ${by},`));
  };

  for (const choice of choices) {
    const own = new Map(
      files.filter((file) => file.package === choice.package).map((file) => [file.path, file]),
    );
    for (const program of [...choice.driver, ...choice.people]) {
      await choose(
        found(
          PROGRAM_FOLDERS.map((folder) => own.get(`${folder}/${program}`)).find((file) => file !== undefined),
          `${program} of ${choice.package}`,
        ),
      );
    }
    for (const path of choice.files)
      await choose(found(own.get(merged(path)), `${path} of ${choice.package}`));
  }
  for (const needs of alsoLoaded) await load(needs, "Node");

  const used = packages.filter(({ name }) => [...chosen.values()].some((file) => file.package === name));
  for (const { name } of used)
    for (const licence of licencesOf(name, byPath)) chosen.set(licence.path, licence);
  return { entries: await Promise.all([...chosen.values()].map(entryOf)), packages: used };
}

async function filesOf({ name, folder }: DebianPackage): Promise<readonly PackagedFile[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    found
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map(async (entry) => {
        const source = join(entry.parentPath, entry.name);
        const path = merged(source.slice(folder.length + 1));
        return {
          path,
          package: name,
          source,
          ...(entry.isSymbolicLink() ? { target: await readlink(source) } : {}),
        };
      }),
  );
}

/** A package's licence. Its documentation folder may be a link to another package's. */
function licencesOf(name: string, byPath: ReadonlyMap<string, PackagedFile>): readonly PackagedFile[] {
  const folder = byPath.get(`usr/share/doc/${name}`);
  const copyright = byPath.get(
    `${folder === undefined ? `usr/share/doc/${name}` : targetPath(folder)}/copyright`,
  );
  return [folder, copyright].filter((file) => file !== undefined);
}

async function entryOf({ path, source, target }: PackagedFile): Promise<TarEntry> {
  if (target !== undefined) return { kind: "SymbolicLink", path, target };
  const stats = await lstat(source);
  return {
    kind: "File",
    path,
    mode: stats.mode & MODE_BITS,
    content: { kind: "Disk", path: source, sizeBytes: stats.size },
  };
}

function targetPath({ path, target = "" }: PackagedFile): string {
  return merged(target.startsWith("/") ? target.slice(1) : normalize(join(dirname(path), target)));
}

function merged(path: string): string {
  return path.replace(MERGED, "usr/$&");
}

function found(file: PackagedFile | undefined, what: string): PackagedFile {
  if (file === undefined)
    throw new Error(`${what} is in none of the packages: see deploy/image/image-programs.ts`);
  return file;
}
