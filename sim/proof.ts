import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../src/adapters/system/system-clock.ts";
import { proofPages, withPart, withTables } from "./proof-tables.ts";
import { runSeeds, seedRange } from "./run/run-seeds.ts";
import { createSummary } from "./run/summary.ts";

const USAGE = `Writes tables and figures of simulation.md and defects.md in docs/assurance.

npm run sim:proof                   the tables, and the figures from the first 500 seeds
npm run sim:proof -- --seeds 10000  from that many
npm run sim:proof -- --seeds 0      the tables only`;
const FOLDER = fileURLToPath(new URL("../docs/assurance/", import.meta.url));
const SEEDS = 500;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seeds: { type: "string" }, help: { type: "boolean" } } });
  if (values.help === true) return console.log(USAGE);
  const seeds = Number(values.seeds ?? SEEDS);
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

await main();
