import { parseArgs } from "node:util";

const DATA_PLANES = ["none", "files", "linux", "auto"] as const;

/** What backs the disks: nothing, files, block devices, or the most that this process is able to make. */
export type DataPlaneKind = (typeof DATA_PLANES)[number];

/** The parsed command line. */
export interface CommandLine {
  readonly config?: string;
  readonly host: string;
  readonly port: number;
  readonly plainHttp: boolean;
  readonly caFile: string;
  readonly timeScale?: number;
  readonly seed?: number;
  readonly dataPlane: DataPlaneKind;
  readonly dataDir?: string;
  readonly deviceRoot?: string;
  readonly readyFile?: string;
  readonly json: boolean;
}

export type ParsedCommandLine =
  | { readonly kind: "Run"; readonly commandLine: CommandLine }
  | { readonly kind: "Help" }
  | { readonly kind: "Wrong"; readonly reason: string };

export const HELP = `azure-compute-emulator: Azure's compute API for disks and virtual machines, on this machine

Usage: azure-compute-emulator [flags]

  --config <file>        scenario: resource groups, VMs, settings, faults (YAML; see docs/emulator.md)
  --host <address>       address to listen on (default 127.0.0.1)
  --port <number>        port, 0 for any free one (default 0)
  --plain-http           no TLS; Azure's SDKs send no token then
  --ca-file <file>       where the certificate of the generated CA is written, which is also printed
                         (default azure-emulator-ca.pem)
  --time-scale <factor>  factor on all latencies: 1 is Azure's pace, 0.01 a hundred times as fast (default 1)
  --seed <number>        seed of latencies, ids and faults (default 1)
  --data-plane <kind>    none; files: disks are files, and there are no devices; linux: attached disks are
                         also loop devices, which needs root; auto: linux where that is possible, else
                         files, with the reason (default none)
  --data-dir <dir>       with a data plane: where the disks' files are kept
  --device-root <dir>    with linux and auto: where each VM's device links appear
  --ready-file <file>    written once the emulator answers, with the same JSON as --json prints
  --json                 print the ready line as JSON
  --help                 this text

Stop it with SIGTERM or SIGINT.
`;

/** Parses the command line; a wrong one returns the flag at fault. */
export function parseCommandLine(args: readonly string[]): ParsedCommandLine {
  const read = readFlags(args);
  if ("reason" in read) return { kind: "Wrong", reason: read.reason };
  const { values } = read;
  if (values.help === true) return { kind: "Help" };
  const port = Number(values.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    return wrong("port", values.port, "a number from 0 to 65535");
  const timeScale = values["time-scale"] === undefined ? undefined : Number(values["time-scale"]);
  if (timeScale !== undefined && !(timeScale >= 0 && Number.isFinite(timeScale)))
    return wrong("time-scale", values["time-scale"], "a number from 0");
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  if (seed !== undefined && !Number.isInteger(seed)) return wrong("seed", values.seed, "a whole number");
  const dataPlane = DATA_PLANES.find((kind) => kind === (values["data-plane"] ?? "none"));
  if (dataPlane === undefined)
    return wrong("data-plane", values["data-plane"], `one of ${DATA_PLANES.join(", ")}`);
  const { "data-dir": dataDir, "device-root": deviceRoot, "ready-file": readyFile, config } = values;
  const needsDevices = dataPlane === "linux" || dataPlane === "auto";
  if (dataPlane !== "none" && (dataDir === undefined || (needsDevices && deviceRoot === undefined)))
    return {
      kind: "Wrong",
      reason: `--data-plane ${dataPlane} needs --data-dir${needsDevices ? " and --device-root" : ""}`,
    };
  return {
    kind: "Run",
    commandLine: {
      host: values.host ?? "127.0.0.1",
      port,
      plainHttp: values["plain-http"] ?? false,
      caFile: values["ca-file"] ?? "azure-emulator-ca.pem",
      dataPlane,
      json: values.json ?? false,
      ...(config === undefined ? {} : { config }),
      ...(timeScale === undefined ? {} : { timeScale }),
      ...(seed === undefined ? {} : { seed }),
      ...(dataDir === undefined ? {} : { dataDir }),
      ...(deviceRoot === undefined ? {} : { deviceRoot }),
      ...(readyFile === undefined ? {} : { readyFile }),
    },
  };
}

type Flags = ReturnType<typeof parseFlags>;

function readFlags(args: readonly string[]): Flags | { readonly reason: string } {
  try {
    return parseFlags(args);
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function parseFlags(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      config: { type: "string" },
      host: { type: "string" },
      port: { type: "string" },
      "plain-http": { type: "boolean" },
      "ca-file": { type: "string" },
      "time-scale": { type: "string" },
      seed: { type: "string" },
      "data-plane": { type: "string" },
      "data-dir": { type: "string" },
      "device-root": { type: "string" },
      "ready-file": { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
}

function wrong(flag: string, value: string | undefined, allowed: string): ParsedCommandLine {
  return { kind: "Wrong", reason: `--${flag} must be ${allowed}, not '${value ?? ""}'` };
}
