import { mkdir, rename } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Parts } from "../../parts/build-parts.ts";
import type { LabHome } from "../lab-home.ts";
import type { LabNetwork } from "../lab-network.ts";
import type { NetworkUnit } from "./network-unit.ts";
import { run } from "./run.ts";
import type { Units } from "./units.ts";
import { waitUntil } from "./wait-until.ts";

/** The registry from which the lab's nodes pull images. */
export interface RegistryUnit {
  start(signal: AbortSignal): Promise<void>;
  /** Adds the images of an archive under a file name; replaces an archive of this name. */
  add(archive: string, fileName: string): Promise<void>;
}

const UNIT = "registry";
const PORT = 5000;
const READY_MAX_MS = 120_000;
const LOOK_TIMEOUT_MS = 10_000;
const REGISTRY = fileURLToPath(new URL("../../registry/main.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../../.cache/node", import.meta.url));

/** The URL of the registry for nodes. */
export function registryUrl(network: LabNetwork): string {
  return `http://${network.gateway}:${PORT}`;
}

interface RegistryUnitOptions {
  readonly home: LabHome;
  readonly network: LabNetwork;
  readonly networkUnit: NetworkUnit;
  readonly units: Units;
  readonly parts: Parts;
}

/**
 * The registry of one lab: the images that were built with the lab's programs, and those that are added.
 */
export function registryUnit({
  home,
  network,
  networkUnit,
  units,
  parts,
}: RegistryUnitOptions): RegistryUnit {
  const added = home.path("images");

  async function start(signal: AbortSignal): Promise<void> {
    await mkdir(added, { recursive: true });
    await units.start({
      name: UNIT,
      command: await networkUnit.inside([
        process.execPath,
        REGISTRY,
        `--host=${network.gateway}`,
        `--port=${PORT}`,
        added,
        parts.images,
      ]),
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
    await waitUntil("the registry to answer", { timeoutMs: READY_MAX_MS, signal }, async () => {
      if (!(await units.isRunning(UNIT)))
        throw new Error(`the registry has ended: ${await units.logTail(UNIT)}`);
      return (await answers(`${registryUrl(network)}/v2/`)) || undefined;
    });
  }

  async function add(archive: string, fileName: string): Promise<void> {
    const target = home.path("images", fileName);
    await run(["cp", "--reflink=auto", archive, `${target}.unfinished`]);
    await rename(`${target}.unfinished`, target);
  }

  return { start, add };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) })).ok;
  } catch {
    // It does not listen yet.
    return false;
  }
}
