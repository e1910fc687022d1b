import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import { CONTROLLER_RUNTIME } from "../../../scripts/build/node-runtime.ts";
import { ControllerClient, CreateVolumeRequest } from "../../../src/csi/gen/csi/v1/csi.ts";
import { startEmulator } from "../../../src/emulator/index.ts";
import { rounded } from "../../rounded.ts";
import { createDisks, driverTags } from "../model-disks.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID } from "../place.ts";
import { type Child, startChild } from "./child.ts";
import type { DriverTask, Recovered } from "./driver-process.ts";
import { inFolder } from "./shipped-controller.ts";

const DRIVER = fileURLToPath(new URL("driver-process.ts", import.meta.url));
const DISKS = 10_000;
const EMULATOR = fileURLToPath(new URL("../../../src/emulator/main.ts", import.meta.url));
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
const GIB = 1024n ** 3n;

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
    const resourceGroups = [{ subscriptionId: SUBSCRIPTION_ID, name: RESOURCE_GROUP, location: LOCATION }];
    const emulator = await startEmulator({
      caFile,
      settings: { timeScale: 0, throttling: "off" },
      resourceGroups,
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
    const config = join(folder, "scenario.yaml");
    const settings = {
      latencies: { diskCreate: { medianMs: CREATE_MS, p99Ms: CREATE_MS } },
      throttling: "off",
    };
    await writeFile(
      config,
      JSON.stringify({ subscriptionId: SUBSCRIPTION_ID, resourceGroups: [RESOURCE_GROUP], settings }),
    );
    const emulator = startChild([
      EMULATOR,
      "--config",
      config,
      "--ca-file",
      join(folder, "ca.pem"),
      "--json",
    ]);
    try {
      const { url, caFile } = JSON.parse(await emulator.line()) as {
        readonly url: string;
        readonly caFile: string;
      };
      return await withDriver(
        { kind: "serve", azureEndpoint: url, azureCaFile: caFile },
        folder,
        async (driver, { socketPath }) => {
          await driver.line();
          const client = new ControllerClient(`unix:${socketPath}`, credentials.createInsecure());
          try {
            return await createAtAnEvenPace(client);
          } finally {
            client.close();
          }
        },
      );
    } finally {
      await emulator.stop();
    }
  });
}

async function createAtAnEvenPace(client: ControllerClient): Promise<Create> {
  const overheadsMs: number[] = [];
  let inFlight = 0;
  let inFlightMax = 0;
  const create = async (volume: number): Promise<void> => {
    inFlightMax = Math.max(inFlightMax, ++inFlight);
    const startedMs = performance.now();
    await createVolume(client, `pvc-${volume}`);
    if (volume >= WARM_UP) overheadsMs.push(performance.now() - startedMs - CREATE_MS);
    inFlight--;
  };
  const beganMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let volume = 0; volume < WARM_UP + VOLUMES; volume++) {
    await sleep(beganMs + volume * CALL_EVERY_MS - performance.now());
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

function createVolume(client: ControllerClient, name: string): Promise<unknown> {
  const request: CreateVolumeRequest = {
    ...CreateVolumeRequest.decode(new Uint8Array()),
    name,
    capacityRange: { requiredBytes: 64n * GIB, limitBytes: 0n },
    volumeCapabilities: [
      {
        accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
        accessMode: { mode: "SINGLE_NODE_WRITER" },
      },
    ],
    parameters: { skuName: "Premium_LRS" },
  };
  return new Promise((resolve, reject) => {
    client.createVolume(request, (error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, Math.max(0, ms)));
}
