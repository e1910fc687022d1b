import { glob, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DEBIAN_ARCHITECTURES } from "../../deploy/image/binaries/architecture.ts";
import type { Architecture } from "../../deploy/image/binaries/architecture.ts";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { hashInputs } from "./hash-inputs.ts";
import type { Part } from "./part.ts";

const RELEASE_FILE = "/etc/os-release";
const COMMAND_TIMEOUT_MS = 600_000;
const QUIETLY = ["-qq", "-o", "APT::Sandbox::User=root"];

/** What a Debian part consists of. */
export interface DebianPackages {
  readonly name: string;
  readonly packages: readonly string[];
  /**
   * With `all`, the packages that these depend on as well, down to the C library, as if nothing were
   * installed. Default: `none`.
   */
  readonly dependencies?: "none" | "all";
  /** Default: this machine's. */
  readonly architecture?: Architecture;
}

/**
 * Debian packages unpacked into a folder, without installing anything on the machine. They are of the
 * machine's own release, in the versions that apt has at build time.
 */
export async function debianPart({
  name,
  packages,
  dependencies = "none",
  architecture,
}: DebianPackages): Promise<Part> {
  const release = await readFile(RELEASE_FILE, "utf8").catch(() => "no release file");
  return {
    name,
    key: hashInputs({
      release,
      architecture: architecture ?? process.arch,
      packages: JSON.stringify(packages),
      dependencies,
    }),
    async build(target, tell, signal) {
      if ((await findCommand("apt-get")) === undefined)
        throw new Error(`no apt-get here: ${packages.join(", ")} are taken from Debian's packages`);
      const downloads = join(target, ".downloads");
      await mkdir(downloads);
      tell(`downloading ${packages.join(", ")}`);
      const how = dependencies === "all" ? withAll(downloads) : ["download"];
      if (architecture === undefined || architecture === process.arch)
        await download(how, packages, downloads, signal);
      else await downloadForeign(architecture, how, packages, downloads, signal);
      for await (const file of glob("*.deb", { cwd: downloads }))
        await run("dpkg", ["--extract", file, target], downloads, signal);
      await rm(downloads, { recursive: true });
    },
  };
}

/** apt's arguments for the archives of packages and of all that they depend on, into `folder`. */
function withAll(folder: string): readonly string[] {
  const nothingInstalled = ["-o", "Dir::State::status=/dev/null"];
  const intoFolder = ["-o", `Dir::Cache::archives=${folder}/`, "--download-only"];
  return [...nothingInstalled, ...intoFolder, "-o", "APT::Install-Recommends=false", "-y", "install"];
}

/** Uses the machine's package lists or, if they are missing or out of date, fresh ones in the folder. */
async function download(
  how: readonly string[],
  packages: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const attempt = await runCommand("apt-get", [...QUIETLY, ...how, ...packages], {
    cwd: folder,
    timeoutMs: COMMAND_TIMEOUT_MS,
    signal,
  });
  signal.throwIfAborted();
  if (attempt.code === 0) return;
  await downloadWithOwnLists(QUIETLY, how, packages, folder, signal);
}

/** For another machine than this one, from the same sources: dpkg need not know its architecture. */
async function downloadForeign(
  architecture: Architecture,
  how: readonly string[],
  packages: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const debian = DEBIAN_ARCHITECTURES[architecture];
  const foreign = ["-o", `APT::Architecture=${debian}`, "-o", `APT::Architectures=${debian}`];
  await downloadWithOwnLists([...QUIETLY, ...foreign], how, packages, folder, signal);
}

async function downloadWithOwnLists(
  options: readonly string[],
  how: readonly string[],
  packages: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(join(folder, "lists/partial"), { recursive: true });
  await mkdir(join(folder, "cache/archives/partial"), { recursive: true });
  const ownLists = [
    ...options,
    "-o",
    `Dir::State::lists=${join(folder, "lists")}`,
    "-o",
    `Dir::Cache=${join(folder, "cache")}`,
  ];
  await run("apt-get", [...ownLists, "update"], folder, signal);
  await run("apt-get", [...ownLists, ...how, ...packages], folder, signal);
}

async function run(
  command: string,
  args: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { code, output } = await runCommand(command, args, {
    cwd: folder,
    timeoutMs: COMMAND_TIMEOUT_MS,
    signal,
  });
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${output.trim()}`);
}
