import { grouped, type Values } from "../cli/options.ts";
import { type CommandLine, readCommandLine } from "../cli/read-command-line.ts";

const DATA_PLANES = ["none", "files", "linux", "auto"] as const;
const PORT_MAX = 65_535;

/** A text that is not empty, as that of an unset variable is: an empty host would be all addresses. */
const stated = {
  kind: "text",
  problem: (value: string) => (value.trim() === "" ? "expected a value that is not empty" : undefined),
} as const;

const options = {
  ...grouped("Scenario", {
    config: {
      ...stated,
      help: "YAML file with resource groups, VMs, settings and faults; see docs/emulator.md",
    },
    "time-scale": {
      kind: "number",
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      help:
        "Factor on all latencies: 1 is Azure's pace, 0.01 a hundred times as fast (default: the " +
        "scenario's, " +
        "else 1)",
    },
    seed: {
      kind: "number",
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      isWhole: true,
      help: "Seed of latencies, ids and faults (default: the scenario's, else 1)",
    },
  }),
  ...grouped("Serving", {
    host: {
      ...stated,
      default: "127.0.0.1",
      help: "Address to listen on; :: or [::] for all addresses",
    },
    port: {
      kind: "number",
      default: 0,
      min: 0,
      max: PORT_MAX,
      isWhole: true,
      help: "Port, 0 for any free one",
    },
    "plain-http": { kind: "flag", help: "No TLS; Azure's SDKs send no token then" },
    "ca-file": {
      ...stated,
      default: "azure-emulator-ca.pem",
      help: "Where the CA's certificate is written; the CA is kept beside it, in <ca-file>.key",
    },
    "ready-file": {
      ...stated,
      help: "Written once the emulator answers, with the same JSON as --json prints",
    },
    json: { kind: "flag", help: "Print the ready line as JSON" },
  }),
  ...grouped("State and disks", {
    "data-dir": {
      ...stated,
      help:
        "Where the state is kept over restarts and kill -9, and with a data plane the disks' files " +
        "(default: nothing is kept)",
    },
    "data-plane": {
      kind: "choice",
      default: "none",
      choices: DATA_PLANES,
      help:
        "files: disks are files, and there are no devices; linux: attached disks are also loop devices, " +
        "which " +
        "needs root; auto: linux where that is possible, else files, with the reason",
    },
    "device-root": { ...stated, help: "With linux and auto: where each VM's device links appear" },
  }),
};

export type EmulatorFlags = Values<typeof options>;

export function parseCommandLine(args: readonly string[]): CommandLine<typeof options> {
  return readCommandLine(
    {
      name: "azure-compute-emulator",
      usage:
        "azure-compute-emulator [flags]\n\n" +
        "Azure's compute API for disks and virtual machines, on this machine. SIGTERM or SIGINT stops it.",
      options,
      problems: missingFolders,
    },
    args,
  );
}

function missingFolders(flags: EmulatorFlags): readonly string[] {
  const { dataPlane, dataDir, deviceRoot } = flags;
  const folders = { "data-dir": dataDir, "device-root": deviceRoot };
  const needed = {
    none: [],
    files: ["data-dir"],
    linux: ["data-dir", "device-root"],
    auto: ["data-dir", "device-root"],
  } as const satisfies Record<typeof dataPlane, readonly (keyof typeof folders)[]>;
  return needed[dataPlane].flatMap((name) =>
    folders[name] === undefined ? [`--${name}: must be given with --data-plane ${dataPlane}`] : [],
  );
}
