import { runProgram } from "../scripts/run-program.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { dataPlaneAvailable } from "../src/emulator/data-plane/data-plane-available.ts";
import { summary } from "./findings.ts";
import { type Lab, startLab } from "./lab/lab.ts";
import { connectPatiently } from "./lab/patient-csi.ts";
import { play } from "./play.ts";
import { createTimeline, type Phase } from "./timeline.ts";

const options = {
  json: { kind: "flag", help: "Print one JSON object with the figures instead of the story" },
  keep: {
    kind: "flag",
    help: "Leave everything running afterwards, with the sockets printed; Ctrl-C ends it",
  },
  "time-scale": {
    kind: "number",
    default: 0.05,
    min: 0.0001,
    max: 1,
    help: "Azure's latencies times this factor",
  },
  "prune-after": {
    kind: "number",
    min: 1_000,
    max: 600_000,
    isWhole: true,
    help:
      "Milliseconds that replicas are kept on nodes without a request; fail over only once they are older " +
      "(default: kept 300000, and no wait)",
  },
} as const satisfies Options;

async function main({
  json,
  keep,
  timeScale,
  pruneAfter: pruneAfterMs,
}: Values<typeof options>): Promise<number> {
  const say = json ? (): void => undefined : (text: string): void => void process.stdout.write(`${text}\n`);
  const ending = new AbortController();
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        ending.abort(new Error(`stopped by ${signal}`));
        resolve();
      });
    }
  });
  const devices = dataPlaneAvailable();
  say(
    "Azure's latencies times " +
      `${timeScale}.${devices.available ? "" : ` Left out: format and mount (${devices.reason}).`}`,
  );
  say(
    "Starting the emulator (HTTPS), the store, the controller and a node plug-in for each VM, " +
      "each in a process of its own …",
  );
  const startedMs = performance.now();
  const lab = await startLab({
    timeScale,
    hasDevices: devices.available,
    signal: ending.signal,
    connect: connectPatiently,
    controllerFlags: pruneAfterMs === undefined ? [] : [`--prune-replicas-after-ms=${pruneAfterMs}`],
  });
  try {
    say(`… up after ${Math.round(performance.now() - startedMs)} ms.`);
    const timeline = createTimeline(lab.emulator, (phase) => say(line(phase)));
    const findings = await play({ lab, timeline, signal: ending.signal, say, pruneAfterMs });
    if (json) process.stdout.write(`${JSON.stringify(findings)}\n`);
    else say(summary(findings, performance.now() - startedMs));
    if (keep) {
      tellEndpoints(lab, json ? process.stderr : process.stdout);
      await interrupted;
    }
    return findings.ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${ending.signal.aborted ? String(ending.signal.reason) : explain(error, lab)}\n`);
    return 1;
  } finally {
    await lab.close();
    say("Stopped; nothing is left.");
  }
}

function line(phase: Phase): string {
  return (
    `  ${phase.name.padEnd(64)} ${String(phase.ms).padStart(6)} ms ${String(phase.armCalls).padStart(4)} ` +
    "ARM calls"
  );
}

function tellEndpoints(lab: Lab, to: NodeJS.WriteStream): void {
  to.write(
    `\nStill running; Ctrl-C ends it.\n${Object.entries(lab.endpoints)
      .map(([name, endpoint]) => `  ${name.padEnd(12)} ${endpoint}`)
      .join("\n")}\n`,
  );
}

function explain(error: unknown, lab: Lab): string {
  return `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${lab.logs()}`;
}

await runProgram(
  {
    name: "npm run demo",
    usage:
      "npm run demo [-- flags]\n\n" +
      "Runs the driver without Kubernetes and without Azure: provision, attach, replicate, stage, " +
      "write, fail over.",
    options,
  },
  main,
);
