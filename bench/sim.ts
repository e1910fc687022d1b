import { runProgram } from "../scripts/run-program.ts";
import { runSeed } from "../sim/run/run-seed.ts";
import { createSummary } from "../sim/run/summary.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { type AreaShare, profileAreas } from "./sim/profile-areas.ts";

const USAGE = `npm run bench:sim [-- flags]

Simulated failovers a second on one core, and where the time goes.`;
const options = {
  seeds: {
    kind: "number",
    default: 100,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "The first so many seeds",
  },
  json: { kind: "flag", help: "One JSON object instead of a table" },
} as const satisfies Options;
/** Not measured, since code is still being compiled. In a run of thousands that is a small part. */
const WARM_UP_SEEDS = 40;
const MS_PER_S = 1_000;
const US_PER_MS = 1_000;

async function main({ seeds, json }: Values<typeof options>): Promise<void> {
  await runFirst(WARM_UP_SEEDS);
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const summary = await runFirst(seeds);
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  const processorMs = (user + system) / US_PER_MS;
  // In a second run, since a profiler slows down what it measures.
  const areas = await profileAreas(async () => {
    await runFirst(seeds);
  });
  const { failovers, virtualHours, violations } = summary.total(wallMs);
  const figures = {
    seeds,
    failovers,
    failoversPerSecond: Math.round((failovers / wallMs) * MS_PER_S),
    seedMs: Math.round((wallMs / seeds) * 10) / 10,
    processorMsPerSeed: Math.round((processorMs / seeds) * 10) / 10,
    virtualHours,
    violations: violations.length,
  };
  console.log(
    json
      ? JSON.stringify({ ...figures, areas })
      : `${report(figures)}\n${areas.map(describeArea).join("\n")}`,
  );
}

async function runFirst(seeds: number): Promise<ReturnType<typeof createSummary>> {
  const summary = createSummary();
  for (let seed = 1; seed <= seeds; seed++) summary.add(await runSeed(seed));
  return summary;
}

function report(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

function describeArea({ area, share }: AreaShare): string {
  return `${(share * 100).toFixed(1).padStart(6)} %  ${area}`;
}

await runProgram({ name: "npm run bench:sim", usage: USAGE, options }, main);
