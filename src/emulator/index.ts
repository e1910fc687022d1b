import { readFile, writeFile } from "node:fs/promises";
import type { ActorSetUp } from "./actors/actor.ts";
import { createActors } from "./actors/actors.ts";
import { keptAuthority } from "./http/kept-authority.ts";
import { carryOutEffects, createRuntime } from "./http/runtime.ts";
import { type EmulatorServer, openServer } from "./http/server.ts";
import { createTlsMaterial, type TlsMaterial } from "./http/tls.ts";
import { type ComputeModel, createComputeModel } from "./model/compute-model.ts";
import type { DataPlane } from "./model/data-plane-port.ts";
import type { Guests } from "./model/run-command/guests-port.ts";
import type { ModelSettings } from "./model/settings.ts";
import type { VmSetUp } from "./model/vm/vm-set-up.ts";
import type { WorldSetUp } from "./model/world.ts";
import { written } from "./path-refused.ts";
import { openModel } from "./state/open-model.ts";
import { createSystemClock } from "./system-clock.ts";

export interface EmulatorOptions extends WorldSetUp {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default true. Azure's SDKs send no token over plain HTTP. */
  readonly https?: boolean;
  /**
   * Where the CA's certificate is written. The CA is kept beside it, in `<caFile>.key`, for the next start.
   * Default: nowhere, and each start makes its own.
   */
  readonly caFile?: string;
  /** Names and addresses for the certificate, besides `localhost`, `127.0.0.1`, `::1` and `host`. */
  readonly certificateNames?: readonly string[];
  /** Default 1. */
  readonly seed?: number;
  /** Settings of the model, above all `timeScale`, by default 1. */
  readonly settings?: Partial<ModelSettings>;
  /**
   * Backs disks with files or devices; by default nothing does. A function is called once the emulator owns
   * its port. The caller closes what it is, after the emulator.
   */
  readonly dataPlane?: DataPlane | (() => Promise<DataPlane>);
  /** What runs inside the VMs, for `runCommand`; by default no VM has an agent that answers. */
  readonly guests?: Guests;
  /**
   * A folder in which the state outlasts the process, however that ends: the next start with the same set-up
   * continues where this one ended. Made if absent, and used by one emulator at a time. Who changes the
   * model without `handle` makes the state unusable. Default: nothing is kept.
   */
  readonly stateFolder?: string;
  /** Called when a step of the data plane has failed and its operation fails, or when actors have stopped. */
  readonly onDeviceFailure?: (failure: string) => void;
  /** Clients that act by themselves, from the start of this process on. */
  readonly actors?: readonly ActorSetUp[];
}

export interface Emulator {
  /**
   * `https://localhost:<port>`, or with `host` where only that name or address leads here; without a trailing
   * slash: the endpoint for SDKs, and the authority for their credentials.
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

/** Starts Azure's compute API on this machine. Writes and makes nothing before it owns its port. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { host = "127.0.0.1", port = 0, https = true } = options;
  const server = await openServer({ host, port, isSecure: https });
  try {
    return await serve(server, { ...options, host, https });
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Opens what the emulator needs besides its port, and answers. */
async function serve(
  server: EmulatorServer,
  options: EmulatorOptions & { readonly host: string; readonly https: boolean },
): Promise<Emulator> {
  const { host, https, caFile, dataPlane, guests } = options;
  await using opening = new AsyncDisposableStack();
  const { model, clock, deviceEffects, close: closeState } = await openModel(options, createSystemClock());
  opening.defer(closeState);
  const tls = https ? await tlsFor(options) : undefined;
  const plane = typeof dataPlane === "function" ? await dataPlane() : dataPlane;
  const carriers = { dataPlane: plane, guests };
  await carryOutEffects(carriers, deviceEffects);
  const runtime = createRuntime({
    model,
    clock,
    actors: createActors(options.actors ?? [], {
      handle: (request) => model.handle(request),
      timeScale: () => model.world.settings.timeScale,
      startedAtMs: clock.nowMs(),
      seed: options.seed ?? 1,
    }),
    carriers,
    ...(options.onDeviceFailure === undefined ? {} : { onDeviceFailure: options.onDeviceFailure }),
  });
  server.serve({ model, runtime, tls });
  runtime.poke();
  const open = opening.move();
  return {
    url: `${https ? "https" : "http"}://${reachableName(host)}:${server.port}`,
    port: server.port,
    caPem: tls?.caPem,
    caFile: https ? caFile : undefined,
    model,
    close: async () => {
      await server.close();
      await runtime.close();
      await open.disposeAsync();
    },
  };
}

async function tlsFor({
  host,
  caFile,
  certificateNames = [],
}: EmulatorOptions & { readonly host: string }): Promise<TlsMaterial> {
  const names = [...new Set([...ALWAYS_NAMED, host, ...certificateNames])];
  if (caFile === undefined) return createTlsMaterial(names);
  return written(caFile, async () => {
    // Before the key is made, which would be left behind beside a folder.
    const present = await readFile(caFile, "utf8").catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "EISDIR") throw error;
      return undefined;
    });
    const tls = await createTlsMaterial(names, await keptAuthority(caFile));
    // Clients may read it at this moment: it is written only if it changes.
    if (present !== tls.caPem) await writeFile(caFile, tls.caPem);
    return tls;
  });
}

/**
 * The name under which clients on this machine reach an address that a server listens on. Where `localhost`
 * is 127.0.0.1 alone, it does not lead to `::1`.
 */
function reachableName(host: string): string {
  if (["127.0.0.1", "0.0.0.0", "::", "localhost"].includes(host)) return "localhost";
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
export type { ComputeModel, DataPlane, Guests, ModelSettings, VmSetUp };
