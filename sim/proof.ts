import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../src/adapters/system/system-clock.ts";
import { withPart, withTables } from "./proof-tables.ts";
import { runSeeds, seedRange } from "./run/run-seeds.ts";
import { createSummary } from "./run/summary.ts";

const USAGE = `Writes tables and figures of docs/assurance/simulation.md.

npm run sim:proof                   the tables, and the figures from the first 500 seeds
npm run sim:proof -- --seeds 10000  from that many
npm run sim:proof -- --seeds 0      the tables only`;
const PAGE = fileURLToPath(new URL("../docs/assurance/simulation.md", import.meta.url));
const SEEDS = 500;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seeds: { type: "string" }, help: { type: "boolean" } } });
  if (values.help === true) return console.log(USAGE);
  const seeds = Number(values.seeds ?? SEEDS);
  const counted = seeds > 0 ? await figures(seeds) : undefined;
  let page = withTables(await readFile(PAGE, "utf8"));
  if (counted !== undefined) page = withPart(page, "figures", counted);
  await writeFile(PAGE, page);
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
  return [
    `Seeds 1 to ${seeds}: ${failovers} failovers and ${virtualHours} virtual hours in ${Math.round(wallSeconds)} s; ${[...struck.values()].reduce((sum, count) => sum + count, 0)} faults of ${struck.size} kinds; ${armCalls} calls to Azure, ${(armCalls / Math.max(1, failovers)).toFixed(1)} a failover, all else included;`,
    `rest was reached after ${Math.round(healedMs / 60_000)} virtual minutes at most; ${broken === 0 ? "every promise was kept" : `${broken} seeds broke a promise`}.`,
  ];
}

await main();
