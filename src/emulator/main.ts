import { readFile, writeFile } from "node:fs/promises";
import { type CommandLine, HELP, parseCommandLine } from "./command-line.ts";
import { type DataPlaneAvailability, dataPlaneAvailable } from "./data-plane/data-plane-available.ts";
import { createFilesDataPlane } from "./data-plane/files-data-plane.ts";
import { createLinuxDataPlane } from "./data-plane/linux-data-plane.ts";
import { type Emulator, startEmulator } from "./index.ts";
import type { DataPlane } from "./model/data-plane-port.ts";
import { parseScenario, type Scenario } from "./scenario.ts";

const EXIT_USAGE = 2;
const EXIT_FAILED = 1;

async function main(args: readonly string[]): Promise<void> {
  const parsed = parseCommandLine(args);
  if (parsed.kind === "Help") return void process.stdout.write(HELP);
  if (parsed.kind === "Wrong") return usageError(parsed.reason);
  const { commandLine } = parsed;
  const scenario = await readScenario(commandLine.config);
  if (typeof scenario === "string") return usageError(`--config: ${scenario}`);
  const available = dataPlaneAvailable();
  if (commandLine.dataPlane === "linux" && !available.available)
    return usageError(
      `--data-plane linux: ${available.reason}; --data-plane files keeps the bytes and makes no devices`,
    );

  // Installed before other processes can know this one, so that every signal is handled.
  const stopping = stopRequested();
  let dataPlane: OpenDataPlane | undefined;
  const open = async (): Promise<DataPlane> => {
    dataPlane = await openDataPlane(commandLine, available);
    return dataPlane.plane;
  };
  try {
    const emulator = await start(commandLine, scenario, commandLine.dataPlane === "none" ? undefined : open);
    await announce(commandLine, emulator, dataPlane?.kind ?? "none");
    await stopping;
    await emulator.close();
  } finally {
    await dataPlane?.plane.close();
  }
}

async function readScenario(file: string | undefined): Promise<Scenario | string> {
  if (file === undefined)
    return { resourceGroups: [], virtualMachines: [], settings: { createResourceGroups: true }, faults: [] };
  try {
    const parsed = parseScenario(await readFile(file, "utf8"));
    return parsed.ok ? parsed.scenario : `${file}: ${parsed.reason}`;
  } catch (error) {
    return `${file} can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

interface OpenDataPlane {
  readonly kind: "files" | "linux";
  readonly plane: DataPlane & { close(): Promise<void> };
}

async function openDataPlane(
  { dataPlane, dataDir, deviceRoot }: CommandLine,
  available: DataPlaneAvailability,
): Promise<OpenDataPlane> {
  if (dataDir === undefined) throw new Error("--data-dir must be given");
  if (dataPlane !== "files" && available.available && deviceRoot !== undefined)
    return { kind: "linux", plane: await createLinuxDataPlane({ directory: dataDir, deviceRoot }) };
  if (!available.available && dataPlane === "auto")
    process.stderr.write(`no devices: ${available.reason}; disks are files in ${dataDir} only\n`);
  return { kind: "files", plane: await createFilesDataPlane({ directory: dataDir }) };
}

async function start(
  commandLine: CommandLine,
  scenario: Scenario,
  dataPlane: (() => Promise<DataPlane>) | undefined,
): Promise<Emulator> {
  const seed = commandLine.seed ?? scenario.seed;
  return startEmulator({
    host: commandLine.host,
    port: commandLine.port,
    https: !commandLine.plainHttp,
    caFile: commandLine.caFile,
    resourceGroups: scenario.resourceGroups,
    virtualMachines: scenario.virtualMachines,
    faults: scenario.faults,
    settings: {
      ...scenario.settings,
      ...(commandLine.timeScale === undefined ? {} : { timeScale: commandLine.timeScale }),
    },
    onDeviceFailure: (failure) => void process.stderr.write(`${failure}\n`),
    ...(seed === undefined ? {} : { seed }),
    ...(dataPlane === undefined ? {} : { dataPlane }),
  });
}

async function announce(
  commandLine: CommandLine,
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
  process.stdout.write(`${commandLine.json ? JSON.stringify(ready) : human}\n`);
  if (commandLine.readyFile !== undefined)
    await writeFile(commandLine.readyFile, `${JSON.stringify(ready)}\n`);
}

function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

function usageError(reason: string): void {
  process.stderr.write(`azure-compute-emulator: ${reason}\nTry --help.\n`);
  process.exitCode = EXIT_USAGE;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`azure-compute-emulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_FAILED;
});
