import { parseArgs } from "node:util";
import { dataPlaneAvailable } from "../src/emulator/data-plane/data-plane-available.ts";
import { summary } from "./findings.ts";
import { type Lab, startLab } from "./lab/lab.ts";
import { play } from "./play.ts";
import { createTimeline, type Phase } from "./timeline.ts";

const HELP = `npm run demo [-- flags]

Runs the driver without Kubernetes and without Azure: provision, attach, replicate, stage, write, fail over.

  --json                 print one JSON object with the figures instead of the story
  --keep                 leave everything running afterwards, with the sockets printed; Ctrl-C ends it
  --time-scale <factor>  Azure's latencies times this factor (default 0.05)
  --prune-after <ms>     keep replicas on nodes without a request so long (default 300000), and fail over
                         only once they are older
  --help                 this text
`;

const TIME_SCALE = 0.05;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      keep: { type: "boolean" },
      help: { type: "boolean" },
      "time-scale": { type: "string" },
      "prune-after": { type: "string" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const timeScale = Number(values["time-scale"] ?? TIME_SCALE);
  if (!(timeScale >= 0.0001 && timeScale <= 1)) {
    process.stderr.write(
      `--time-scale is ${JSON.stringify(values["time-scale"])}: must be a number from 0.0001 to 1\n`,
    );
    return 2;
  }
  const pruneAfterMs = values["prune-after"] === undefined ? undefined : Number(values["prune-after"]);
  if (
    pruneAfterMs !== undefined &&
    !(Number.isInteger(pruneAfterMs) && pruneAfterMs >= 1_000 && pruneAfterMs <= 600_000)
  ) {
    process.stderr.write(
      `--prune-after is ${JSON.stringify(values["prune-after"])}: must be a whole number from 1000 to 600000\n`,
    );
    return 2;
  }
  const say =
    values.json === true
      ? (): void => undefined
      : (text: string): void => void process.stdout.write(`${text}\n`);
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
    `Azure's latencies times ${timeScale}.${devices.available ? "" : ` Left out: format and mount (${devices.reason}).`}`,
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
    controllerFlags: pruneAfterMs === undefined ? [] : [`--collect-replicas-after-ms=${pruneAfterMs}`],
  });
  try {
    say(`… up after ${Math.round(performance.now() - startedMs)} ms.`);
    const timeline = createTimeline(lab.emulator, (phase) => say(line(phase)));
    const findings = await play({ lab, timeline, signal: ending.signal, say, pruneAfterMs });
    if (values.json === true) process.stdout.write(`${JSON.stringify(findings)}\n`);
    else say(summary(findings, performance.now() - startedMs));
    if (values.keep === true) {
      tellEndpoints(lab, values.json === true ? process.stderr : process.stdout);
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
  return `  ${phase.name.padEnd(64)} ${String(phase.ms).padStart(6)} ms ${String(phase.armCalls).padStart(4)} ARM calls`;
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

process.exitCode = await main();
