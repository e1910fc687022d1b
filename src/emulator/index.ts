import { writeFile } from "node:fs/promises";
import { createRuntime } from "./http/runtime.ts";
import { startServer } from "./http/server.ts";
import { createTlsMaterial } from "./http/tls.ts";
import { type ComputeModel, createComputeModel } from "./model/compute-model.ts";
import type { DataPlane } from "./model/data-plane-port.ts";
import type { FaultRule } from "./model/pace/faults.ts";
import type { ModelSettings } from "./model/settings.ts";
import type { VmSetUp } from "./model/vm/vm-set-up.ts";
import { createSystemClock } from "./system-clock.ts";

export interface EmulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default true. Azure's SDKs send no token over plain HTTP. */
  readonly https?: boolean;
  /** Where the certificate of the generated CA is written. Default: nowhere. */
  readonly caFile?: string;
  /** Names and addresses for the certificate, besides `localhost`, `127.0.0.1`, `::1` and `host`. */
  readonly certificateNames?: readonly string[];
  /** Default 1. */
  readonly seed?: number;
  /** Settings of the model, above all `timeScale`, by default 1. */
  readonly settings?: Partial<ModelSettings>;
  /**
   * Backs disks with files or devices; by default nothing does. The caller closes it, after the emulator.
   */
  readonly dataPlane?: DataPlane;
  /** Called when a step of the data plane has failed; the operation then fails. */
  readonly onDeviceFailure?: (failure: string) => void;
  readonly resourceGroups?: readonly {
    readonly subscriptionId: string;
    readonly name: string;
    readonly location: string;
  }[];
  readonly virtualMachines?: readonly VmSetUp[];
  /** Initial fault rules. */
  readonly faults?: readonly FaultRule[];
}

export interface Emulator {
  /**
   * `https://localhost:<port>`, without a trailing slash: the endpoint for SDKs, and the authority for
   * their credentials.
   */
  readonly url: string;
  readonly port: number;
  /** Undefined with plain HTTP. */
  readonly caPem: string | undefined;
  readonly caFile: string | undefined;
  readonly model: ComputeModel;
  close(): Promise<void>;
}

const ALWAYS_NAMED = ["localhost", "127.0.0.1", "::1"];

/** Starts Azure's compute API on this machine. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const host = options.host ?? "127.0.0.1";
  const clock = createSystemClock();
  const model = createComputeModel({
    clock,
    hasDataPlane: options.dataPlane !== undefined,
    ...(options.resourceGroups === undefined ? {} : { resourceGroups: options.resourceGroups }),
    ...(options.virtualMachines === undefined ? {} : { virtualMachines: options.virtualMachines }),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  const runtime = createRuntime({
    model,
    clock,
    ...(options.dataPlane === undefined ? {} : { dataPlane: options.dataPlane }),
    ...(options.onDeviceFailure === undefined ? {} : { onDeviceFailure: options.onDeviceFailure }),
  });
  const names = [...new Set([...ALWAYS_NAMED, host, ...(options.certificateNames ?? [])])];
  const tls = options.https === false ? undefined : await createTlsMaterial(names);
  if (tls !== undefined && options.caFile !== undefined) await writeFile(options.caFile, tls.caPem);
  const server = await startServer({
    model,
    runtime,
    host,
    port: options.port ?? 0,
    ...(tls === undefined ? {} : { tls }),
  });
  runtime.poke();
  return {
    url: `${tls === undefined ? "http" : "https"}://${reachableName(host)}:${server.port}`,
    port: server.port,
    caPem: tls?.caPem,
    caFile: tls === undefined ? undefined : options.caFile,
    model,
    close: async () => {
      await server.close();
      await runtime.close();
    },
  };
}

/** The name under which clients on this machine reach an address that a server listens on. */
function reachableName(host: string): string {
  if (["127.0.0.1", "::1", "0.0.0.0", "::", "localhost"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

export { replayJournal } from "./model/api/replay.ts";
/** @public */
export { createFilesDataPlane } from "./data-plane/files-data-plane.ts";
/** @public */
export { createLinuxDataPlane } from "./data-plane/linux-data-plane.ts";
/** @public */
export { createComputeModel };
/** @public */
export type { ComputeModel, DataPlane, ModelSettings, VmSetUp };
