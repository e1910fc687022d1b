import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../child/run-command.ts";
import { changedSite } from "./mutant.ts";
import type { Mutant } from "./mutant.ts";

/** This project's compiler, independent of the calling process and of where the mutants are. */
const COMPILER = fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url));
const FOLDER = ".cache/mutate/types";
const TIMEOUT_MS = 300_000;
const OUTPUT_SHOWN = 500;
/** `src/a.mutant-3.ts(1,2): error TS2532: …` */
const ERROR = /\.mutant-(\d+)\.ts\(\d+,\d+\): error /gu;

/**
 * Returns those of the mutants that do not compile; no test has to notice these. All are compiled at once,
 * each as a file of its own in a folder that imitates the project's.
 */
export async function refusedByCompiler(
  root: string,
  mutants: readonly Mutant[],
  sources: ReadonlyMap<string, string>,
): Promise<ReadonlySet<Mutant>> {
  if (mutants.length === 0) return new Set();
  const folder = join(root, FOLDER);
  await rm(folder, { recursive: true, force: true });
  const write = async (file: string, name: string, source: string): Promise<void> => {
    const path = join(folder, file.replace(/\.ts$/u, `.${name}.ts`));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, source);
  };
  for (const file of new Set(mutants.map((mutant) => mutant.file)))
    await write(file, "unchanged", sources.get(file) ?? "");
  for (const [index, mutant] of mutants.entries())
    await write(mutant.file, `mutant-${index}`, changedSource(mutant, sources.get(mutant.file) ?? ""));
  const config = {
    extends: join(relative(folder, root), "tsconfig.json"),
    // Code that a change leaves unused is not an error of the change.
    compilerOptions: {
      rootDirs: [relative(folder, root), "."],
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ["**/*.ts"],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
  const { code, output } = await runCommand(process.execPath, [COMPILER, "-p", folder], {
    cwd: root,
    timeoutMs: TIMEOUT_MS,
  });
  // If a file does not compile without a change, or the output names no file, it says nothing about the
  // mutants.
  if (code !== 0 && (output.includes(".unchanged.") || !output.includes(".mutant-")))
    throw new Error(`the mutants can't be compiled: ${output.slice(0, OUTPUT_SHOWN)}`);
  const refused = [...output.matchAll(ERROR)].flatMap(([, index]) => mutants[Number(index)] ?? []);
  return new Set(refused);
}

/** A file with one mutant in it. */
function changedSource(mutant: Mutant, source: string): string {
  const { site } = mutant;
  const changed = site.kind === "statement" ? "{}" : `(${changedSite(mutant, source)})`;
  return source.slice(0, site.start) + changed + source.slice(site.end);
}
