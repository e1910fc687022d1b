import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, lstat, mkdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fail, ok, type Result } from "../../src/core/failure/result.ts";
import { runCommand } from "../child/run-command.ts";

/** The linter and the formatter take 57 MB of disk, and only two scripts need them. */
const PACKAGE_FILES = ["package.json", "package-lock.json"];
const PACKAGE_DIRECTORY = "scripts/check/tools";
const INSTALL_DIRECTORY = ".cache/check-tools";
const INSTALL_TIMEOUT_MS = 900_000;
/** What is linked into node_modules, where editors, the compiler and PATH look for it. */
const LINKS = ["oxlint", "oxfmt", "oxlint-tsgolint", ".bin/oxlint", ".bin/oxfmt", ".bin/tsgolint"];

/**
 * Installs the linter and the formatter unless the versions of their lock file are there, and links them into
 * `node_modules`. Any number of processes may do so at once. Fails with a sentence and npm's output.
 */
export async function installTools(root: string): Promise<Result<void, string>> {
  const contents = await Promise.all(
    PACKAGE_FILES.map((name) => readFile(join(root, PACKAGE_DIRECTORY, name), "utf8")),
  );
  const digest = createHash("sha256").update(JSON.stringify(contents)).digest("hex").slice(0, 16);
  const installed = join(root, INSTALL_DIRECTORY, digest);
  const done = existsSync(installed) ? ok(undefined) : await install(root, installed);
  if (!done.ok) return done;
  for (const name of LINKS)
    await link(join(installed, "node_modules", name), join(root, "node_modules", name));
  return done;
}

/** A half-finished installation is never at `installed`: a complete one is renamed to it. */
async function install(root: string, installed: string): Promise<Result<void, string>> {
  const unfinished = `${installed}.${randomUUID()}`;
  try {
    await mkdir(unfinished, { recursive: true });
    for (const name of PACKAGE_FILES)
      await copyFile(join(root, PACKAGE_DIRECTORY, name), join(unfinished, name));
    const { code, output } = await runCommand(
      "npm",
      ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"],
      { cwd: unfinished, timeoutMs: INSTALL_TIMEOUT_MS },
    );
    if (code !== 0)
      return fail(
        `npm ci of ${PACKAGE_DIRECTORY} failed; try again once npm reaches its registry:\n${output}`,
      );
    await rename(unfinished, installed).catch(async (error: unknown) => {
      // Another process was faster.
      if (!existsSync(installed)) throw error;
    });
    return ok(undefined);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Links `path` to `target`, in one step for those who use it already. */
async function link(target: string, path: string): Promise<void> {
  const text = relative(dirname(path), target);
  if ((await readlink(path).catch(() => undefined)) === text) return;
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${randomUUID()}`;
  await symlink(text, fresh);
  try {
    // A checkout of before has the package itself there, which no link replaces.
    if ((await lstat(path).catch(() => undefined))?.isDirectory() === true)
      await rm(path, { recursive: true, force: true });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh);
    throw error;
  }
}
