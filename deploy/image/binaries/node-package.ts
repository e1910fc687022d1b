import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../../scripts/child/run-command.ts";
import type { Architecture } from "./architecture.ts";

/** An npm package that contains Node's binary. */
export interface NodePackage {
  readonly name: string;
  readonly version: string;
  /** The folder of its files. */
  readonly folder: string;
}

interface PackageLock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}

const NPM_TIMEOUT_MS = 300_000;

/**
 * The package with the lock file's Node for an architecture. `npm ci` installs only that of the machine
 * where it runs: another is installed into `cache`, once, and checked by the hash of the lock file.
 */
export async function nodePackage(
  root: string,
  cache: string,
  architecture: Architecture,
): Promise<NodePackage> {
  const name = `node-linux-${architecture}`;
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as PackageLock;
  const locked = lock.packages[`node_modules/${name}`];
  if (locked?.version === undefined) throw new Error(`package-lock.json names no version of ${name}`);
  const { version } = locked;
  const installed = join(root, "node_modules", name);
  if ((await versionIn(installed)) === version) return { name, version, folder: installed };
  const parent = join(cache, `${name}-${version}`);
  const folder = join(parent, "node_modules", name);
  if ((await versionIn(folder)) === version) return { name, version, folder };

  const unfinished = `${parent}.${process.pid}.unfinished`;
  await mkdir(unfinished, { recursive: true });
  try {
    await writeFile(join(unfinished, ".npmrc"), await readFile(join(root, ".npmrc"), "utf8"));
    // Optional, as in the lock file: npm refuses any other package of another architecture.
    const description = { name: "image", version: "0.0.0", optionalDependencies: { [name]: version } };
    await writeFile(join(unfinished, "package.json"), JSON.stringify({ ...description, private: true }));
    await writeFile(
      join(unfinished, "package-lock.json"),
      JSON.stringify({
        ...{ name: description.name, version: description.version },
        lockfileVersion: lock.lockfileVersion,
        requires: true,
        packages: { "": description, [`node_modules/${name}`]: locked },
      }),
    );
    const { code, output } = await runCommand("npm", ["ci", "--os=linux", `--cpu=${architecture}`], {
      cwd: unfinished,
      timeoutMs: NPM_TIMEOUT_MS,
    });
    if (code !== 0 || (await versionIn(join(unfinished, "node_modules", name))) !== version)
      throw new Error(`npm could not install ${name}@${version}:\n${output}`);
    await rm(parent, { recursive: true, force: true });
    await rename(unfinished, parent);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return { name, version, folder };
}

async function versionIn(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as { readonly version?: string }).version;
}
