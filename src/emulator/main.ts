import { writeSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { answerNoRun, type NoRun, refusal } from "../cli/read-command-line.ts";
import { type EmulatorFlags, parseCommandLine } from "./command-line.ts";
import { type DataPlaneAvailability, dataPlaneAvailable } from "./data-plane/data-plane-available.ts";
import { createFilesDataPlane } from "./data-plane/files-data-plane.ts";
import { createLinuxDataPlane } from "./data-plane/linux-data-plane.ts";
import { type Emulator, startEmulator } from "./index.ts";
import type { DataPlane } from "./model/data-plane-port.ts";
import { PathRefused, written } from "./path-refused.ts";
import { parseScenario, type Scenario } from "./scenario.ts";

const NAME = "azure-compute-emulator";
const EXIT_FAILED = 1;

async function main(args: readonly string[]): Promise<void> {
  const command = parseCommandLine(args);
  if (command.kind !== "Run") return endWithout(command);
  const flags = command.values;
  const scenario = await readScenario(flags.config);
  const available = dataPlaneAvailable();
  const problems = [
    ...(typeof scenario === "string" ? [`--config: ${scenario}`] : []),
    ...(flags.dataPlane === "linux" && !available.available
      ? [`--data-plane: got "linux"; ${available.reason}; files keeps the bytes and makes no devices`]
      : []),
  ];
  if (typeof scenario === "string" || problems.length > 0) return endWithout(refusal(NAME, problems));

  // Installed before other processes can know this one, so that every signal is handled.
  const stopping = stopRequested();
  let dataPlane: OpenDataPlane | undefined;
  const open = async (): Promise<DataPlane> => {
    dataPlane = await openDataPlane(flags, available);
    return dataPlane.plane;
  };
  try {
    const emulator = await start(flags, scenario, flags.dataPlane === "none" ? undefined : open);
    try {
      await announce(flags, emulator, dataPlane?.kind ?? "none");
      await stopping;
    } finally {
      await emulator.close();
    }
  } catch (error) {
    if (!(error instanceof PathRefused)) throw error;
    const problem = refusedFlag(flags, error);
    if (problem === undefined) throw error;
    endWithout(refusal(NAME, [problem]));
  } finally {
    await dataPlane?.plane.close();
  }
}

/** What is wrong with the flag that names a path which can't be had; undefined if none does. */
function refusedFlag(flags: EmulatorFlags, { path, problem }: PathRefused): string | undefined {
  const { dataDir, deviceRoot, caFile, readyFile } = flags;
  const paths = {
    "data-dir": dataDir,
    "device-root": deviceRoot,
    "ca-file": caFile,
    "ready-file": readyFile,
  };
  const flag = Object.entries(paths).find(([, named]) => named === path)?.[0];
  return flag === undefined ? undefined : `--${flag}: got "${path}", ${problem}`;
}

async function readScenario(file: string | undefined): Promise<Partial<Scenario> | string> {
  if (file === undefined) return { settings: { createResourceGroups: true } };
  try {
    const parsed = parseScenario(await readFile(file, "utf8"));
    return parsed.ok ? parsed.value : `${file}: ${parsed.reason}`;
  } catch (error) {
    return `${file} can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

interface OpenDataPlane {
  readonly kind: "files" | "linux";
  readonly plane: DataPlane & { close(): Promise<void> };
}

async function openDataPlane(flags: EmulatorFlags, available: DataPlaneAvailability): Promise<OpenDataPlane> {
  const { dataPlane, dataDir = "", deviceRoot = "" } = flags;
  if (dataPlane !== "files" && available.available)
    return { kind: "linux", plane: await createLinuxDataPlane({ directory: dataDir, deviceRoot }) };
  if (!available.available && dataPlane === "auto")
    process.stderr.write(`no devices: ${available.reason}; disks are files in ${dataDir} only\n`);
  return { kind: "files", plane: await createFilesDataPlane({ directory: dataDir }) };
}

async function start(
  flags: EmulatorFlags,
  scenario: Partial<Scenario>,
  dataPlane: (() => Promise<DataPlane>) | undefined,
): Promise<Emulator> {
  const { seed, timeScale } = flags;
  return startEmulator({
    ...scenario,
    host: flags.host.replace(/^\[(.*)\]$/u, "$1"),
    port: flags.port,
    https: !flags.plainHttp,
    caFile: flags.caFile,
    settings: { ...scenario.settings, ...(timeScale === undefined ? {} : { timeScale }) },
    ...(flags.dataDir === undefined ? {} : { stateFolder: flags.dataDir }),
    onDeviceFailure: (failure) => void process.stderr.write(`${failure}\n`),
    ...(seed === undefined ? {} : { seed }),
    ...(dataPlane === undefined ? {} : { dataPlane }),
  });
}

async function announce(
  flags: EmulatorFlags,
  emulator: Emulator,
  dataPlane: "none" | OpenDataPlane["kind"],
): Promise<void> {
  const ready = {
    url: emulator.url,
    caFile: emulator.caFile,
    caPem: emulator.caPem,
    dataPlane,
    pid: process.pid,
  };
  const human = `Azure compute emulator at ${ready.url}${
    ready.caFile === undefined ? "" : `, trust ${ready.caFile}:\n${ready.caPem?.trimEnd() ?? ""}`
  }`;
  const readyFile = flags.readyFile;
  if (readyFile !== undefined)
    await written(readyFile, () => writeFile(readyFile, `${JSON.stringify(ready)}\n`));
  process.stdout.write(`${flags.json ? JSON.stringify(ready) : human}\n`);
}

function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

function endWithout(command: NoRun): void {
  process.exitCode = answerNoRun(command);
}

// What it has left half done is not known, so it ends at once.
process.on("uncaughtException", (error: unknown) => {
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  // Past the stream, whose rest would be lost with the process.
  try {
    writeSync(process.stderr.fd, `${NAME}: ended by an error that nothing caught: ${said}\n`);
  } finally {
    process.exit(EXIT_FAILED);
  }
});

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${NAME}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_FAILED;
});
