import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../scripts/run-program.ts";
import type { Options, Values } from "../../src/cli/options.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { emulatorJournal } from "../workflows/emulator-admin.ts";
import { type SoakLab, soakLab } from "./soak-lab.ts";
import { seconds, soak, type Soaked } from "./soak.ts";

const FOLDER = fileURLToPath(new URL("../../.cache/soak", import.meta.url));
const MS_PER_MINUTE = 60_000;
/** Of the last calls to Azure, those that write are kept: a fence that does not end is explained by them. */
const CALLS_MAX = 10_000;

const options = {
  minutes: { kind: "number", default: 10, min: 0, max: 10_080, help: "No round begins after this time" },
  seed: {
    kind: "number",
    default: 1,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "Draws what happens in each round. When it happens differs from run to run: all else is real",
  },
  volumes: { kind: "number", default: 3, min: 1, max: 24, isWhole: true, help: "Pods, each with a volume" },
  "time-scale": {
    kind: "number",
    default: 0.02,
    min: 0.0001,
    max: 1,
    help: "Azure's latencies times this factor",
  },
} as const satisfies Options;

async function main(values: Values<typeof options>): Promise<number> {
  const devices = dataPlaneAvailable();
  if (!devices.available) {
    process.stderr.write(`npm run soak needs devices: ${devices.reason}\n`);
    return 1;
  }
  const { minutes, seed, volumes, timeScale } = values;
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => ending.abort(new Error(`stopped by ${signal}`)));
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const lab = await soakLab({ timeScale, signal: ending.signal });
  const endsMs = performance.now() + minutes * MS_PER_MINUTE;
  try {
    const soaked = await soak({
      lab,
      seed,
      volumes,
      continues: () => !ending.signal.aborted && performance.now() < endsMs,
      say,
      signal: ending.signal,
    });
    say(summary(soaked));
    return 0;
  } catch (error) {
    if (ending.signal.aborted) {
      process.stderr.write(`${String(ending.signal.reason)}\n`);
      return 1;
    }
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const file = await keepEvidence(lab);
    process.stderr.write(`seed ${seed}: ${why}\nObjects and logs are in ${file}\n`);
    return 1;
  } finally {
    ending.abort();
    await lab.close();
  }
}

/** Writes the driver's objects, Azure's disks, what was last asked of Azure and all logs to a file. */
async function keepEvidence(lab: SoakLab): Promise<string> {
  const signal = new AbortController().signal;
  const objects: unknown[] = [];
  for (const kind of ["AzVolume", "AzVolumeAttachment", "AzDriverNode", "ClusterNode", "Lease"] as const) {
    const list = await lab.store.list(kind, {}, signal);
    objects.push(...(list.ok ? list.value.items : [list.failure]).map((object) => ({ kind, object })));
  }
  const { lastSequence } = await emulatorJournal(lab);
  const calls = (await emulatorJournal(lab, Math.max(0, lastSequence - CALLS_MAX))).value;
  const evidence = {
    objects,
    disks: await lab.emulator.disks(),
    writes: calls.filter(({ method }) => method !== "GET"),
  };
  await mkdir(FOLDER, { recursive: true });
  const file = `${FOLDER}/${new Date().toISOString().replaceAll(":", "-")}.log`;
  await writeFile(file, `${JSON.stringify(evidence, undefined, 1)}\n${lab.logs(Number.MAX_SAFE_INTEGER)}`);
  return file;
}

function summary({ rounds, records, movesMs, failOversMs }: Soaked): string {
  return (
    `${rounds} rounds, ${records} records, nothing lost and nothing left. ` +
    `Pods did not write for: ${spread("moves", movesMs)}; ${spread("failovers", failOversMs)}`
  );
}

function spread(what: string, times: readonly number[]): string {
  const sorted = times.toSorted((left, right) => left - right);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) return `no ${what}`;
  return `${sorted.length} ${what}, ${seconds(median)} in the median, ${seconds(sorted.at(-1) ?? 0)} at most`;
}

await runProgram(
  {
    name: "npm run soak",
    usage:
      "npm run soak [-- flags]\n\n" +
      "Lets pods write and move, on real processes, devices and file systems, while nodes freeze, " +
      "processes are killed and Azure fails. Ends at the first lost byte.",
    options,
  },
  main,
);
