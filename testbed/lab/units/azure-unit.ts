import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type JsonAnswer, requestJson } from "../cluster/https-json.ts";
import {
  guestNameAt,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  vmIdAt,
  type VmPlace,
  vmPlace,
} from "../cluster/vm-place.ts";
import type { LabHome } from "../lab-home.ts";
import type { LabNetwork } from "../lab-network.ts";
import type { LabSettings } from "../lab-options.ts";
import { azureScenario, LOCATION } from "./azure-scenario.ts";
import type { NetworkUnit } from "./network-unit.ts";
import { startVm } from "./start-vm.ts";
import type { Units } from "./units.ts";
import { waitUntil } from "./wait-until.ts";

/** Events of a VM that no call has requested: see docs/emulator.md. */
export type VmEvent =
  | "PowerLoss"
  | "SilentPowerLoss"
  | "GuestHang"
  | "GuestRecovery"
  | "Partition"
  | "PartitionEnd"
  | "ProvisioningFailure";

/** The lab's Azure. */
export interface AzureUnit {
  /** The URL of the Resource Manager, the authority and, below `/emulator/v1`, the emulator's own API. */
  readonly url: string;
  /** PEM file of the authority that signed its certificate. */
  readonly caFile: string;
  /** The folder whose `dev/disk/azure` shows the disks of a node's VM, as its guest sees them. */
  devicesOf(nodeName: string): string;
  /** Holds the disks' bytes. */
  readonly diskFolder: string;
  readonly subscriptionId: string;
  /** The resource group of disks and of nodes that are VMs of their own. */
  readonly resourceGroup: string;
  readonly location: string;
  readonly vmSize: string;
  /** `azure.json` of a cluster in this Azure. */
  readonly cloudConfig: Readonly<Record<string, string>>;
  /** The resource id of a node's VM, whose name differs from the node's. */
  vmId(nodeName: string): string;
  start(signal: AbortSignal): Promise<void>;
  /** Stops the emulator, which first detaches every disk from every VM. */
  stop(): Promise<void>;
  /**
   * Sends one request to Azure, or to the emulator's own API. `path` includes the query. Throws on a status
   * of 400 or more.
   */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  strike(nodeName: string, event: VmEvent): Promise<void>;
  /** Starts a node's VM, as its owner would through Azure, and waits until Azure reports it as running. */
  startVm(nodeName: string, signal: AbortSignal): Promise<void>;
}

const UNIT = "azure";
const PORT = 8443;
const READY_MAX_MS = 120_000;
const STOP_GRACE_MS = 30_000;
const EMULATOR = fileURLToPath(new URL("../../../src/emulator/main.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../../.cache/node", import.meta.url));

interface AzureUnitOptions {
  readonly home: LabHome;
  readonly network: LabNetwork;
  readonly networkUnit: NetworkUnit;
  readonly units: Units;
  readonly settings: LabSettings;
}

/** The emulator of one lab, with a block device for each attached disk. */
export function azureUnit({ home, network, networkUnit, units, settings }: AzureUnitOptions): AzureUnit {
  const url = `https://${network.gateway}:${PORT}`;
  const caFile = home.path("azure", "ca.pem");
  const readyFile = home.path("azure", "ready.json");
  const deviceRoot = home.path("azure", "vms");
  const placeOf = (nodeName: string): VmPlace => {
    const index = settings.vms.findIndex(({ name }) => name === nodeName);
    const vm = settings.vms[index];
    if (vm === undefined) throw new Error(`lab ${home.name} has no node ${nodeName}`);
    return vmPlace(vm, index);
  };
  const devicesOf = (nodeName: string): string => `${deviceRoot}/${guestNameAt(placeOf(nodeName))}`;
  const diskFolder = home.path("azure", "disks");

  async function start(signal: AbortSignal): Promise<void> {
    // A node mounts its own part of this folder as its /dev/disk before any disk is attached.
    for (const { name } of settings.vms)
      await mkdir(`${devicesOf(name)}/dev/disk/azure`, { recursive: true });
    await writeFile(home.path("azure", "scenario.yaml"), JSON.stringify(azureScenario(settings)));
    await rm(readyFile, { force: true });
    const emulator = [
      process.execPath,
      EMULATOR,
      "--json",
      `--host=${network.gateway}`,
      `--port=${PORT}`,
      `--config=${home.path("azure", "scenario.yaml")}`,
    ];
    const devices = ["--data-plane=linux", `--data-dir=${diskFolder}`, `--device-root=${deviceRoot}`];
    await units.start({
      name: UNIT,
      command: await networkUnit.inside([
        ...emulator,
        ...devices,
        `--ca-file=${caFile}`,
        `--ready-file=${readyFile}`,
      ]),
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
    await waitUntil("the emulator to be ready", { timeoutMs: READY_MAX_MS, signal }, async () => {
      if (!(await units.isRunning(UNIT)))
        throw new Error(`the emulator has ended: ${await units.logTail(UNIT)}`);
      return (await readFile(readyFile, "utf8").catch(() => "")).endsWith("\n") || undefined;
    });
  }

  const send = async (method: string, path: string, body?: unknown): Promise<JsonAnswer> =>
    requestJson(
      { ca: await readFile(caFile, "utf8") },
      {
        url: `${url}${path}`,
        method,
        headers: { authorization: "Bearer lab" },
        ...(body === undefined ? {} : { body }),
      },
    );

  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await send(method, path, body);
    if (answer.code >= 400)
      throw new Error(`${method} ${path}: ${answer.code} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  const vmId = (nodeName: string): string => vmIdAt(placeOf(nodeName));

  return {
    url,
    caFile,
    devicesOf,
    diskFolder,
    subscriptionId: SUBSCRIPTION,
    resourceGroup: RESOURCE_GROUP,
    location: LOCATION,
    vmSize: settings.vmSize,
    cloudConfig: {
      subscriptionId: SUBSCRIPTION,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      tenantId: "lab",
      aadClientId: "lab",
      aadClientSecret: "lab",
      resourceManagerEndpoint: url,
      activeDirectoryEndpoint: url,
    },
    vmId,
    start,
    call,
    stop: () => units.stop(UNIT, STOP_GRACE_MS),
    strike: async (name, event) =>
      void (await call("POST", "/emulator/v1/virtualMachineEvents", { vmId: vmId(name), event })),
    startVm: (name, signal) => startVm(send, vmId(name), signal),
  };
}
