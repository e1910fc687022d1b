import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { runProgram } from "../scripts/run-program.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { answerNoRun, refusal } from "../src/cli/read-command-line.ts";
import { findLab, type Lab } from "../testbed/lab/lab.ts";
import { startLab } from "../testbed/lab/start-lab.ts";
import { stopLab } from "../testbed/lab/stop-lab.ts";
import { type Figures, measureParts, type Part, PARTS } from "./failover/parts.ts";
import { PHASES } from "./failover/phases.ts";
import type { Summary } from "./failover/summary.ts";
import { watchTimeline } from "./failover/timeline.ts";

const USAGE = `npm run bench:failover [-- flags]

How long a pod with a disk takes to move.
Runs real Kubernetes in an emulated Azure. Needs root and Go, and takes half an hour.
Each round deletes the pod on a cordoned node, and drains a node. The parts:
replicas, plain  with and without a replica, by turns
fastTick         with a replica, and kubelets that report their node's status each second instead of each ten
attachByDriver   with a replica, and the chart's value \`attach: driver\`
All else of the kubelets is Kubernetes' default. Each move begins at least 2.5 s after the one before it:
the kubelet takes up to two seconds longer to end a pod that it has just started.
For a move that took much longer than others, standard error lists what happened when.`;

const options = {
  rounds: {
    kind: "number",
    default: 20,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "Number of rounds",
  },
  only: { kind: "list", default: PARTS, choices: PARTS, help: "Parts that are measured" },
  lab: { kind: "text", help: "A running lab of two nodes in one zone (default: one of its own)" },
  "time-scale": {
    kind: "number",
    default: 0.05,
    min: 0.0001,
    max: 1,
    help: "Azure's latencies times this factor",
  },
  json: { kind: "flag", help: "One JSON object instead of a table" },
} as const satisfies Options;
const LAB_NAME = "bench-failover";
const CLONE = fileURLToPath(new URL("..", import.meta.url));

/** The machine and Azure's pace. */
interface Machine {
  readonly loadBefore: number | undefined;
  readonly loadAfter: number | undefined;
  readonly timeScale: number;
}

async function main(values: Values<typeof options>): Promise<void> {
  const { rounds, only: parts } = values;
  const ending = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => ending.abort(new Error(`stopped by ${name}`)));
  const [loadBefore] = loadavg();
  const lab =
    values.lab === undefined ? await ownLab(values.timeScale, ending.signal) : await findLab(values.lab);
  if (lab === undefined) {
    const got = `--lab: got ${JSON.stringify(values.lab)}`;
    const problem = `${got}; expected a lab that is up: npm run lab starts it`;
    process.exitCode = answerNoRun(refusal("npm run bench:failover", [problem]));
    return;
  }
  try {
    const figures = await measureIn(lab, parts, rounds, ending.signal);
    const machine = { loadBefore, loadAfter: loadavg()[0], timeScale: lab.settings.timeScale };
    console.log(
      values.json
        ? JSON.stringify({ rounds, ...figures, ...ratioOf(figures), machine })
        : report(rounds, figures, machine),
    );
  } finally {
    if (values.lab === undefined) await stopLab(LAB_NAME, { clone: CLONE });
  }
}

/** Two nodes are enough for a pod to move, and use the least of the machine. */
function ownLab(timeScale: number, signal: AbortSignal): Promise<Lab> {
  return startLab(
    { name: LAB_NAME, nodes: 2, zones: 1, timeScale, endsWithProcess: true, replaces: true },
    signal,
    tell,
  );
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measureIn(
  lab: Lab,
  parts: readonly Part[],
  rounds: number,
  signal: AbortSignal,
): Promise<Figures> {
  const watching = new AbortController();
  try {
    const timeline = await watchTimeline(lab, AbortSignal.any([signal, watching.signal]));
    return await measureParts({ lab, timeline, rounds, tell, signal }, parts);
  } finally {
    watching.abort();
  }
}

/** How much longer a move takes without a replica. */
function ratioOf({ replicas, plain }: Figures): Readonly<Record<string, number>> {
  if (replicas === undefined || plain === undefined) return {};
  const ratio = (without: Summary, withOne: Summary): number =>
    Math.round((100 * without.p50Ms) / withOne.p50Ms) / 100;
  return {
    podDeletePlainToReplicas: ratio(plain.podDelete, replicas.podDelete),
    drainPlainToReplicas: ratio(plain.drain, replicas.drain),
  };
}

function report(rounds: number, figures: Figures, { loadBefore, loadAfter, timeScale }: Machine): string {
  const columns = Object.entries(figures).flatMap(([part, ways]) =>
    Object.entries(ways).map(([way, summary]) => ({ title: `${part} ${way}`, summary })),
  );
  const row = (name: string, cell: (summary: Summary) => number): readonly string[] => [
    name,
    ...columns.map(({ summary }) => String(cell(summary))),
  ];
  const calls = [...new Set(columns.flatMap(({ summary }) => Object.keys(summary.calls)))];
  const rows = [
    ["ms, p50 where nothing is said", ...columns.map(({ title }) => title)],
    row("from delete to running", ({ p50Ms }) => p50Ms),
    row("  p99", ({ p99Ms }) => p99Ms),
    ...PHASES.map((phase) => row(`  ${phase}`, ({ phases }) => phases[phase])),
    row("in the driver", ({ driverShareP50Ms }) => driverShareP50Ms),
    row("  p99", ({ driverShareP99Ms }) => driverShareP99Ms),
    ...calls.map((call) => row(`  ${call}`, ({ calls: callsMs }) => callsMs[call] ?? 0)),
    row("ARM calls a move, mean", ({ armCalls }) => armCalls),
  ];
  const ratios = Object.entries(ratioOf(figures)).map(([name, ratio]) => `${name}: ${ratio}`);
  const load =
    `load average ${loadBefore?.toFixed(1) ?? "?"} before, ${loadAfter?.toFixed(1) ?? "?"} after; Azure's ` +
    `latencies times ${timeScale}`;
  return [`${rounds} rounds; ${load}`, ...table(rows), ...ratios].join("\n");
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
}

await runProgram({ name: "npm run bench:failover", usage: USAGE, options }, main);
