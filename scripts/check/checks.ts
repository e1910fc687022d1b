import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../child/run-command.ts";
import type { Check, CheckResult } from "./check.ts";
import { findFullFolders } from "./folder-size.ts";
import { findLockFileFaults } from "./lock-file.ts";
import type { LockFile } from "./lock-file.ts";
import { findTextViolations } from "./text-rules.ts";

const SUCCESS = 0;
const LOCK_FILES = [
  "package-lock.json",
  "scripts/check/tools/package-lock.json",
  "scripts/generate/csi-compiler/package-lock.json",
];
const LINTED_FILES = /on (\d+) files/u;
const TEXT_FILE = /\.(?:ts|json|md|yaml|yml|sh|proto|go|mod)$|^\.ci\/|^\.npmrc$/u;
/** These files state what is forbidden, quote others, or are copies. */
const FREE_TEXT = /^(?:scripts\/check\/|deploy\/chart\/files\/snapshot-crds\/|LICENSE$)/u;

/** Every check, the slowest first so that two at a time end together. */
export const checks: readonly Check[] = [
  { name: "generated files", run: checkGeneratedFiles },
  { name: "types", needsTools: true, run: (root) => checkCommand(root, "tsc", ["-p", "."]) },
  { name: "types of the core without Node", run: (root) => checkCommand(root, "tsc", ["-p", "src/core"]) },
  { name: "lint and layers", needsTools: true, run: checkLint },
  {
    name: "dead code",
    run: (root) => checkCommand(root, "knip", ["--no-progress", "--treat-config-hints-as-errors"]),
  },
  {
    name: "format",
    needsTools: true,
    run: (root) => checkCommand(root, "oxfmt", ["--check", "."]),
  },
  { name: "text rules", run: checkText },
  {
    name: "mutations fit the sources",
    run: (root) => checkCommand(root, "node", ["--test", "sim/mutations/mutations.test.ts"]),
  },
  { name: "lock files", run: checkLockFiles },
  { name: "folders", run: checkFolders },
];

async function checkCommand(root: string, command: string, args: readonly string[]): Promise<CheckResult> {
  const { code, output } = await runCommand(command, args, { cwd: root });
  return { ok: code === SUCCESS, summary: `${command} ${args.join(" ")}`, output };
}

async function checkGeneratedFiles(root: string): Promise<CheckResult> {
  const generator = "scripts/generate.ts";
  const present = await access(join(root, generator)).then(
    () => true,
    () => false,
  );
  if (!present)
    return {
      ok: false,
      summary: generator,
      output: `${generator} is missing: nothing says that the generated files are up to date`,
    };
  return checkCommand(root, process.execPath, [generator, "--check"]);
}

/** Checks that the linter has covered every source file: a linter that reads no file finds nothing. */
async function checkLint(root: string): Promise<CheckResult> {
  const sources = (await trackedFiles(root)).filter(
    (path) => path.endsWith(".ts") && !path.includes("/gen/"),
  );
  const { code, output } = await runCommand("oxlint", ["--deny-warnings"], { cwd: root });
  const linted = Number(LINTED_FILES.exec(output)?.[1] ?? "0");
  if (sources.length === 0 || linted < sources.length)
    return {
      ok: false,
      summary: "oxlint",
      output:
        `${output}\noxlint read ${linted} files, but there are ${sources.length} sources: ` +
        "check ignorePatterns in oxlint.config.ts",
    };
  return { ok: code === SUCCESS, summary: `oxlint, ${linted} files`, output };
}

async function checkText(root: string): Promise<CheckResult> {
  const paths = (await trackedFiles(root)).filter((path) => TEXT_FILE.test(path) && !FREE_TEXT.test(path));
  const violations = await Promise.all(
    paths.map(async (path) => findTextViolations(path, await readFile(join(root, path), "utf8"))),
  );
  const lines = violations
    .flat()
    .map(({ path, line, rule, advice }) => `${path}:${line}: ${rule}: ${advice}`);
  return {
    ok: lines.length === 0 && paths.length > 0,
    summary: `${paths.length} files`,
    output: lines.join("\n"),
  };
}

async function checkLockFiles(root: string): Promise<CheckResult> {
  const lockFiles = await Promise.all(
    LOCK_FILES.map(async (path) => JSON.parse(await readFile(join(root, path), "utf8")) as LockFile),
  );
  const faults = lockFiles.flatMap(findLockFileFaults);
  return {
    ok: faults.length === 0,
    summary: `${lockFiles.flatMap(({ packages }) => Object.keys(packages)).length} packages`,
    output: faults.join("\n"),
  };
}

async function checkFolders(root: string): Promise<CheckResult> {
  const paths = await trackedFiles(root);
  const full = findFullFolders(paths);
  return {
    ok: full.length === 0 && paths.length > 0,
    summary: `${paths.length} files`,
    output: full.join("\n"),
  };
}

/** Files that git tracks or would add, without deleted ones. */
async function trackedFiles(root: string): Promise<readonly string[]> {
  const [listed, deleted] = await Promise.all([
    runCommand("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root }),
    runCommand("git", ["ls-files", "--deleted"], { cwd: root }),
  ]);
  if (listed.code !== SUCCESS) throw new Error(`git ls-files failed in ${root}: ${listed.output}`);
  const gone = new Set(deleted.output.split("\n"));
  return listed.output.split("\n").filter((path) => path !== "" && !gone.has(path));
}
