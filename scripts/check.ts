import { fileURLToPath } from "node:url";
import type { Options, Values } from "../src/cli/options.ts";
import { ok } from "../src/core/failure/result.ts";
import type { Check } from "./check/check.ts";
import { checks } from "./check/checks.ts";
import { installTools } from "./check/install-tools.ts";
import { runProgram } from "./run-program.ts";

const USAGE = `npm run check [-- flags] [name ...]

Runs every check, two at a time, or those whose name contains one of the names.`;
const options = { list: { kind: "flag", help: "Print the names of the checks" } } as const satisfies Options;

/** There are two cores, and the linter and compiler use threads of their own. */
const CONCURRENT_CHECKS = 2;
const NAME_WIDTH = 34;

async function runOne(check: Check, root: string): Promise<boolean> {
  const startedMs = performance.now();
  const result = await check.run(root);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(
    `${result.ok ? "ok  " : "FAIL"} ${check.name.padEnd(NAME_WIDTH)} ${seconds.padStart(5)} s  ` +
      `${result.summary}`,
  );
  if (!result.ok) console.log(`${result.output.trimEnd()}\n`);
  return result.ok;
}

async function main(values: Values<typeof options>, words: readonly string[]): Promise<void> {
  if (values.list) return console.log(checks.map((check) => check.name).join("\n"));
  const root = fileURLToPath(new URL("..", import.meta.url));
  const chosen = checks.filter(
    (check) => words.length === 0 || words.some((word) => check.name.includes(word)),
  );
  if (chosen.length === 0) {
    console.error(`no check is called ${words.join(" ")}: npm run check -- --list names them`);
    process.exitCode = 2;
    return;
  }

  const startedMs = performance.now();
  const installed = chosen.some(({ needsTools }) => needsTools) ? await installTools(root) : ok(undefined);
  if (!installed.ok) {
    console.error(installed.failure);
    process.exitCode = 1;
    return;
  }
  const waiting = [...chosen];
  const results: boolean[] = [];
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift())
      results.push(await runOne(check, root));
  };
  await Promise.all(Array.from({ length: CONCURRENT_CHECKS }, worker));
  const failed = results.filter((ok) => !ok).length;
  console.log(
    `${results.length - failed} checks passed, ${failed} failed, ` +
      `${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
  );
  if (failed > 0) process.exitCode = 1;
}

await runProgram({ name: "npm run check", usage: USAGE, options, words: "any" }, main);
