import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import { ControllerClient, CreateVolumeRequest } from "../../src/csi/gen/csi/v1/csi.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { DEFAULT_LATENCIES } from "../../src/emulator/model/latency.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { type Child, startChild } from "./child.ts";
import type { DriverTask, Recovered } from "./driver-process.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, diskUri } from "./place.ts";

const DRIVER = fileURLToPath(new URL("driver-process.ts", import.meta.url));
const DISKS = 10_000;
const IN_FLIGHT = 100;
const VOLUMES = 300;
/** Volumes before the measured ones: code that is not compiled yet, connections that are not open yet, latencies that are not known yet. */
const WARM_UP = 100;
/** The emulator's own latency of a disk's creation: as long as it must be for a hundred in flight to be twenty a second. */
const CREATE_MS = 5000;
const GIB = 1024n ** 3n;

/** 10,000 disks listed and reconciled by a driver whose object store was lost. */
export interface Start {
  readonly seconds: number;
  /** Of these, for listing disks. */
  readonly listSeconds: number;
  /** The same again, with the object store intact. */
  readonly againSeconds: number;
  readonly mib: number;
  readonly volumes: number;
}

/** CreateVolume at 100 in flight: what comes on top of the emulator's own latency. */
export interface Create {
  readonly p50OverheadMs: number;
  readonly p99OverheadMs: number;
  readonly emulatorMs: number;
  readonly volumes: number;
}

/** Runs the driver's recovery in a process of its own against 10,000 tagged disks, over the SDK and TLS, into an empty embedded store. */
export async function measureStart(): Promise<Start> {
  return withDriver("recover", { timeScale: 0, throttling: "off" }, async (driver) => {
    const recovered = JSON.parse(await driver.line()) as Recovered;
    if (recovered.volumes !== DISKS) throw new Error(`${recovered.volumes} volumes were rebuilt, not ${DISKS}`);
    return {
      seconds: rounded(recovered.seconds),
      listSeconds: rounded(recovered.listSeconds),
      againSeconds: rounded(recovered.againSeconds),
      mib: rounded(recovered.mib),
      volumes: recovered.volumes,
    };
  });
}

/** Calls CreateVolume over gRPC, always 100 at a time, of a driver in a process of its own: CSI, object store, reconciler, SDK, TLS. */
export async function measureCreate(): Promise<Create> {
  const latencies = { ...DEFAULT_LATENCIES, diskCreate: { medianMs: CREATE_MS, p99Ms: CREATE_MS } };
  return withDriver("serve", { latencies, throttling: "off" }, async (driver, { socketPath }) => {
    await driver.line();
    const client = new ControllerClient(`unix:${socketPath}`, credentials.createInsecure());
    let next = 0;
    const overheadsMs: number[] = [];
    const worker = async (index: number): Promise<void> => {
      // In a row rather than in bursts, as a cluster asks.
      await sleep((CREATE_MS / IN_FLIGHT) * index);
      for (let volume = next++; volume < WARM_UP + VOLUMES; volume = next++) {
        const startedMs = performance.now();
        await createVolume(client, `pvc-${volume}`);
        if (volume >= WARM_UP) overheadsMs.push(performance.now() - startedMs - CREATE_MS);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => worker(index)));
    client.close();
    overheadsMs.sort((left, right) => left - right);
    const at = (share: number): number => rounded(overheadsMs[Math.floor(share * (overheadsMs.length - 1))] ?? Number.NaN);
    return { p50OverheadMs: at(0.5), p99OverheadMs: at(0.99), emulatorMs: CREATE_MS, volumes: VOLUMES };
  });
}

async function withDriver<T>(kind: DriverTask["kind"], settings: Partial<ModelSettings>, measure: (driver: Child, task: DriverTask) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "bench-attach-"));
  const caFile = join(folder, "ca.pem");
  const resourceGroups = [{ subscriptionId: SUBSCRIPTION_ID, name: RESOURCE_GROUP, location: LOCATION }];
  const emulator = await startEmulator({ caFile, settings, resourceGroups });
  if (kind === "recover") addDisks(emulator);
  const task: DriverTask = {
    kind,
    azureEndpoint: emulator.url,
    azureCaFile: caFile,
    storeFile: join(folder, "store.db"),
    socketPath: join(folder, "csi.sock"),
  };
  const driver = startChild([DRIVER, JSON.stringify(task)]);
  try {
    return await measure(driver, task);
  } finally {
    await driver.stop();
    await emulator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Disks as the driver leaves them: with the tags by which their volumes are found again. */
function addDisks({ model }: Emulator): void {
  for (let index = 0; index < DISKS; index++) {
    const tags = {
      "k8s-azure-created-by": "kubernetes-azure-dd",
      "disk.csi.azure.com-volume-name": `pvc-${index}`,
      "disk.csi.azure.com-replicas": "0",
      "disk.csi.azure.com-access": "mount/SINGLE_NODE_WRITER",
    };
    const body = { location: LOCATION, tags, sku: { name: "Premium_LRS" }, properties: { creationData: { createOption: "Empty" }, diskSizeGB: 64 } };
    const answer = model.handle({ method: "PUT", path: diskUri(`pvc-${index}`), query: { "api-version": "2025-01-02" }, body });
    if (answer.status !== 202) throw new Error(`disk ${index} was answered ${answer.status}`);
  }
}

function createVolume(client: ControllerClient, name: string): Promise<unknown> {
  const request: CreateVolumeRequest = {
    ...CreateVolumeRequest.create(),
    name,
    capacityRange: { requiredBytes: 64n * GIB, limitBytes: 0n },
    volumeCapabilities: [
      { accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } }, accessMode: { mode: "SINGLE_NODE_WRITER" } },
    ],
    parameters: { skuName: "Premium_LRS" },
  };
  return new Promise((resolve, reject) => {
    client.createVolume(request, (error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
