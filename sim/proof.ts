import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../scripts/run-program.ts";
import { systemClock } from "../src/adapters/system/system-clock.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { proofPages, withPart, withTables } from "./proof-tables.ts";
import { runSeeds, seedRange } from "./run/run-seeds.ts";
import { createSummary } from "./run/summary.ts";

const options = {
  seeds: {
    kind: "number",
    default: 500,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "Count the figures from the first so many seeds; 0: write the tables only",
  },
} as const satisfies Options;
const FOLDER = fileURLToPath(new URL("../docs/assurance/", import.meta.url));

async function main({ seeds }: Values<typeof options>): Promise<void> {
  const counted = seeds > 0 ? await figures(seeds) : undefined;
  for (const page of proofPages) {
    const path = join(FOLDER, page.name);
    const text = withTables(page, await readFile(path, "utf8"));
    const isCounted = page.name === "simulation.md" && counted !== undefined;
    await writeFile(path, isCounted ? withPart(text, "figures", counted) : text);
  }
}

async function figures(seeds: number): Promise<readonly string[]> {
  const summary = createSummary();
  const struck = new Map<string, number>();
  let armCalls = 0;
  let healedMs = 0;
  const startedMs = systemClock.elapsedMs();
  await runSeeds({
    seeds: seedRange([1, seeds]),
    onResult: (result) => {
      summary.add(result);
      armCalls += result.armCalls;
      healedMs = Math.max(healedMs, result.healedMs);
      for (const variant of result.faults) struck.set(variant, (struck.get(variant) ?? 0) + 1);
      return true;
    },
  });
  const { failovers, virtualHours, wallSeconds, violations } = summary.total(
    systemClock.elapsedMs() - startedMs,
  );
  const broken = new Set(violations.map(({ seed }) => seed)).size;
  const faults = [...struck.values()].reduce((sum, count) => sum + count, 0);
  const perFailover = (armCalls / Math.max(1, failovers)).toFixed(1);
  return [
    "| seeds 1 to | failovers | virtual hours | seconds | faults | kinds of faults |",
    "| --- | --- | --- | --- | --- | --- |",
    `| ${seeds} | ${failovers} | ${virtualHours} | ${Math.round(wallSeconds)} | ${faults} | ${struck.size} |`,
    "",
    `${armCalls} calls to Azure, ${perFailover} a failover, all else included. Rest was reached after`,
    `${Math.round(healedMs / 60_000)} virtual minutes at most.`,
    broken === 0 ? "Every promise was kept." : `${broken} seeds broke a promise.`,
  ];
}

const usage =
  "npm run sim:proof [-- flags]\n\n" +
  "Writes tables and figures of simulation.md and defects.md in docs/assurance.";
await runProgram({ name: "npm run sim:proof", usage, options }, main);
