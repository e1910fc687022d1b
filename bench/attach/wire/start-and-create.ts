import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connectCsi } from "../../../demo/lab/csi-clients.ts";
import { CONTROLLER_RUNTIME } from "../../../scripts/build/node-runtime.ts";
import { startEmulator } from "../../../src/emulator/index.ts";
import { type Child, startChild } from "../../child.ts";
import { rounded } from "../../rounded.ts";
import { createDisks, driverTags } from "../model-disks.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID, place } from "../place.ts";
import type { DriverTask, Recovered } from "./driver-process.ts";
import { startEmulatorProgram } from "./emulator-program.ts";
import { callsOf, inFolder } from "./shipped-controller.ts";

const DRIVER = fileURLToPath(new URL("driver-process.ts", import.meta.url));
const DISKS = 10_000;
/** Enough volumes that the 99th percentile does not rest on two or three of them. */
const VOLUMES = 1_000;
/**
 * Volumes before the measured ones, while code is not compiled, connections not open and latencies not
 * known yet.
 */
const WARM_UP = 100;
/**
 * Twenty a second at an even pace. If each call waited for another's end, calls that a stall delayed
 * together would stay together.
 */
const CALL_EVERY_MS = 50;
/**
 * The emulator's latency of a disk's creation: long enough that twenty a second make a hundred in flight.
 */
const CREATE_MS = 5000;

/** 10,000 disks listed and reconciled by a driver whose object store was lost. */
export interface Start {
  readonly seconds: number;
  /** The part of it that listing disks takes. */
  readonly listSeconds: number;
  /** The duration of a second run, with the object store intact. */
  readonly againSeconds: number;
  readonly mib: number;
  readonly volumes: number;
}

/** CreateVolume with 100 calls in flight: the time beyond the emulator's own latency. */
export interface Create {
  readonly p50OverheadMs: number;
  readonly p99OverheadMs: number;
  readonly emulatorMs: number;
  readonly volumes: number;
  /** The highest number of calls in flight at once. */
  readonly inFlightMax: number;
}

/**
 * Runs the driver's recovery in its own process against 10,000 tagged disks, over the SDK and TLS, into an
 * empty embedded store.
 */
export async function measureStart(): Promise<Start> {
  return inFolder(async (folder) => {
    const caFile = join(folder, "ca.pem");
    const emulator = await startEmulator({
      caFile,
      settings: { timeScale: 0, throttling: "off" },
      resourceGroups: [{ ...place, name: RESOURCE_GROUP }],
    });
    try {
      const names = Array.from({ length: DISKS }, (_, index) => `pvc-${index}`);
      createDisks(emulator.model, names, driverTags);
      return await withDriver(
        { kind: "recover", azureEndpoint: emulator.url, azureCaFile: caFile },
        folder,
        async (driver) => {
          const recovered = JSON.parse(await driver.line()) as Recovered;
          if (recovered.volumes !== DISKS)
            throw new Error(`${recovered.volumes} volumes were rebuilt, not ${DISKS}`);
          return {
            seconds: rounded(recovered.seconds),
            listSeconds: rounded(recovered.listSeconds),
            againSeconds: rounded(recovered.againSeconds),
            mib: rounded(recovered.mib),
            volumes: recovered.volumes,
          };
        },
      );
    } finally {
      await emulator.close();
    }
  });
}

/**
 * Calls CreateVolume over gRPC twenty times a second. The driver runs in its own process: CSI, object
 * store, reconciler, SDK, TLS. So does the emulator, so that its work and garbage collection do not delay
 * the measuring process.
 */
export async function measureCreate(): Promise<Create> {
  return inFolder(async (folder) => {
    const emulator = await startEmulatorProgram(folder, {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroups: [RESOURCE_GROUP],
      settings: {
        latencies: { diskCreate: { medianMs: CREATE_MS, p99Ms: CREATE_MS } },
        throttling: "off",
      },
    });
    try {
      return await withDriver(
        { kind: "serve", azureEndpoint: emulator.url, azureCaFile: emulator.caFile },
        folder,
        async (driver, { socketPath }) => {
          await driver.line();
          const clients = connectCsi(socketPath, new AbortController().signal);
          try {
            return await createAtAnEvenPace(callsOf(clients).createVolume);
          } finally {
            clients.close();
          }
        },
      );
    } finally {
      await emulator.stop();
    }
  });
}

async function createAtAnEvenPace(createVolume: (name: string) => Promise<void>): Promise<Create> {
  const overheadsMs: number[] = [];
  let inFlight = 0;
  let inFlightMax = 0;
  const create = async (volume: number): Promise<void> => {
    inFlightMax = Math.max(inFlightMax, ++inFlight);
    const startedMs = performance.now();
    await createVolume(`pvc-${volume}`);
    if (volume >= WARM_UP) overheadsMs.push(performance.now() - startedMs - CREATE_MS);
    inFlight--;
  };
  const beganMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let volume = 0; volume < WARM_UP + VOLUMES; volume++) {
    await sleep(Math.max(0, beganMs + volume * CALL_EVERY_MS - performance.now()));
    calls.push(create(volume));
  }
  await Promise.all(calls);
  overheadsMs.sort((left, right) => left - right);
  const at = (share: number): number =>
    rounded(overheadsMs[Math.floor(share * (overheadsMs.length - 1))] ?? Number.NaN);
  return {
    p50OverheadMs: at(0.5),
    p99OverheadMs: at(0.99),
    emulatorMs: CREATE_MS,
    volumes: VOLUMES,
    inFlightMax,
  };
}

async function withDriver<T>(
  azure: Pick<DriverTask, "kind" | "azureEndpoint" | "azureCaFile">,
  folder: string,
  measure: (driver: Child, task: DriverTask) => Promise<T>,
): Promise<T> {
  const task: DriverTask = {
    ...azure,
    storeFile: join(folder, "store.db"),
    socketPath: join(folder, "csi.sock"),
  };
  const driver = startChild(
    [...CONTROLLER_RUNTIME.flags, DRIVER, JSON.stringify(task)],
    CONTROLLER_RUNTIME.environment,
  );
  try {
    return await measure(driver, task);
  } finally {
    await driver.stop();
  }
}
