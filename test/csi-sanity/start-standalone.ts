import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { listens } from "../../testbed/ports/listens.ts";

/** The files and addresses of the process that is both controller and node. */
export interface StandaloneOptions {
  readonly socketPath: string;
  readonly azureEndpoint: string;
  readonly azureCaFile: string;
  /** Scale of the emulator's latencies, and so of the waits for it. */
  readonly azureTimeScale: number;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly storeFile: string;
  readonly stateDirectory: string;
  readonly nodeName: string;
  readonly vmName: string;
  readonly deviceRoot: string;
  /** Target and staging paths lie below this folder. */
  readonly kubeletDirectory: string;
  /** What starts the driver, before its role. Default: the pinned Node with the sources. */
  readonly command?: readonly [string, ...string[]];
  /** How long it may take until it serves, in milliseconds. Default: 120,000. */
  readonly readyMaxMs?: number;
}

/** The driver as an operating-system process. */
export interface Standalone {
  /** Its log so far. */
  readonly log: () => string;
  /** Ends it with SIGTERM and answers its exit code; `undefined` if it had to be killed. */
  readonly stop: () => Promise<number | undefined>;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DEFAULT_READY_MAX_MS = 120_000;
const STOP_MAX_MS = 60_000;
const POLL_MS = 50;

/** Starts the `standalone` role and waits until its CSI socket accepts connections. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const output: string[] = [];
  const [program, ...args] = options.command ?? [process.execPath, "src/main.ts"];
  const child = spawn(program, [...args, "standalone", ...flagsOf(options)], {
    cwd: ROOT,
    env: {
      ...process.env,
      AZURE_TENANT_ID: options.tenantId,
      AZURE_CLIENT_ID: "driver",
      AZURE_CLIENT_SECRET: "secret",
      AZURE_AUTHORITY_HOST: options.azureEndpoint,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => output.push(chunk));
  const exited = once(child, "exit");
  const log = (): string => output.join("");

  const readyMaxMs = options.readyMaxMs ?? DEFAULT_READY_MAX_MS;
  const deadlineMs = performance.now() + readyMaxMs;
  while (!(await listens({ path: options.socketPath }))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`standalone ended before it served ${options.socketPath}:\n${log()}`);
    if (performance.now() > deadlineMs) {
      child.kill("SIGKILL");
      throw new Error(
        `standalone did not serve ${options.socketPath} within ${readyMaxMs / 1000} s:\n${log()}`,
      );
    }
    await sleep(POLL_MS);
  }

  const stop = async (): Promise<number | undefined> => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MAX_MS);
    if (child.exitCode === null && child.signalCode === null) await exited;
    clearTimeout(killer);
    return child.exitCode ?? undefined;
  };
  return { log, stop };
}

/** The only place with the role's flags. */
function flagsOf(options: StandaloneOptions): readonly string[] {
  return [
    `--endpoint=unix://${options.socketPath}`,
    `--azure-endpoint=${options.azureEndpoint}`,
    `--azure-ca-file=${options.azureCaFile}`,
    `--azure-time-scale=${options.azureTimeScale}`,
    `--subscription-id=${options.subscriptionId}`,
    `--resource-group=${options.resourceGroup}`,
    `--location=${options.location}`,
    `--store-file=${options.storeFile}`,
    `--state-dir=${options.stateDirectory}`,
    `--node-name=${options.nodeName}`,
    `--metadata-endpoint=${options.azureEndpoint}/emulator/v1/imds/${options.vmName}`,
    `--metadata-ca-file=${options.azureCaFile}`,
    `--device-root=${options.deviceRoot}`,
    "--stage-wait-ms=15000",
    `--kubelet-dir=${options.kubeletDirectory}`,
  ];
}
