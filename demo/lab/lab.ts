import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  connectEmbeddedStore,
  type ConnectedStore,
} from "../../src/adapters/embedded/connect-embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { requestAnswer } from "../../testbed/lab/cluster/https-json.ts";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";
import { environmentWithClockBehind } from "../clock-behind.ts";
import { type Child, startChild } from "./child.ts";
import { type CsiClients, connectCsi } from "./csi-clients.ts";
import { createEmulatorClient, type EmulatorClient } from "./emulator-client.ts";
import { type LabProcess, startLabProcess } from "./lab-process.ts";
import { diskOf, type Machine, startMachine } from "./machine.ts";
import { createOrchestrator, type Orchestrator } from "./orchestrator.ts";
import { withFlags } from "./with-flags.ts";

/** A virtual machine of the lab. */
export interface LabVm {
  readonly name: string;
  readonly zone: string;
}

/** A VM of the lab with its node plug-in. */
export interface LabNode {
  readonly name: string;
  readonly zone: string;
  /** The current process of the node plug-in. */
  readonly process: Child;
  /**
   * A process that stays in the node's mount namespace: mounts outlive the plug-in, as on a real machine.
   */
  readonly mountsPid: number;
  /** Its calls end with the node's power, as a kubelet's do. */
  readonly csi: CsiClients["node"];
  /** Another one for each boot, aborted when the node loses its power. */
  readonly power: AbortSignal;
  /**
   * Ends the node as a power loss does; `cutAzureDisks` is called when all its processes have stopped. For
   * labs with `losesPower`.
   */
  losePower(cutAzureDisks: () => Promise<void>): Promise<void>;
  /** Boots a node that has lost its power. Resolves once its plug-in is ready. */
  boot(): Promise<void>;
  /** Its processes stop, as in a VM that hangs. Its plug-in answers no more. For labs with devices. */
  freeze(): Promise<void>;
  /** The node continues as if nothing had happened. */
  thaw(): Promise<void>;
  /** Folder of its staging and target paths, as the node itself sees it. */
  readonly kubeletDirectory: string;
  /** Folder of its checkpoints, as the node itself sees it. */
  readonly stateDirectory: string;
  /** The same path, through the node's mount namespace. */
  readonly seenFromOutside: (path: string) => string;
  /** Where the node finds its disks. */
  readonly deviceRoot: string;
}

/** Everything that the demo starts. */
export interface Lab {
  readonly directory: string;
  readonly hasDevices: boolean;
  readonly timeScale: number;
  readonly emulator: EmulatorClient;
  readonly controller: CsiClients["controller"];
  /** The controller services, by the names of their processes. */
  readonly controllers: ReadonlyMap<string, CsiClients["controller"]>;
  readonly store: ConnectedStore;
  readonly orchestrator: Orchestrator;
  readonly nodes: ReadonlyMap<string, LabNode>;
  /** `store`, `controller` and the node plug-ins, by name. */
  readonly processes: ReadonlyMap<string, LabProcess>;
  readonly endpoints: Readonly<Record<string, string>>;
  /** The end of what each process logged: at most so many characters of each, 3,000 by default. */
  logs(tailChars?: number): string;
  /** Hands a process over to the lab, which ends it. */
  own(child: Child): void;
  close(): Promise<void>;
}

const SUBSCRIPTION = "00000000-0000-4000-8000-000000000001";
const RESOURCE_GROUP = "demo";
const LOCATION = "eastus";
/** Set explicitly, since some tests lose the store with the id that it would keep. */
const CLUSTER_ID = "lab";
const VM_SIZE = "Standard_D8s_v5";
const READY_MAX_MS = 120_000;
const LOG_TAIL_CHARS = 3_000;
const STOP_GRACE_MS = 60_000;
/** Short, to keep the demo fast. A cluster uses ten seconds. */
const HEARTBEAT_MS = 1_000;
const RECALL_ANSWER_MS = 1_500;

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const EMULATOR = fileURLToPath(new URL("../../src/emulator/main.ts", import.meta.url));

const demoVms: readonly LabVm[] = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
  { name: "node-c", zone: "1" },
  { name: "node-d", zone: "2" },
];

/** A store that the lab's processes share but the lab does not start. */
export interface OtherStore {
  readonly store: ConnectedStore;
  readonly orchestrator: Orchestrator;
  /** The flags with which a controller or node plug-in connects to it, by the name of its process. */
  flags(processName: string): readonly string[];
}

/** The composition of a lab. */
export interface LabOptions {
  /** Azure's latencies times this factor. */
  readonly timeScale: number;
  readonly hasDevices: boolean;
  readonly signal: AbortSignal;
  /** Default: three VMs in one zone and one in another. */
  readonly vms?: readonly LabVm[];
  /**
   * VMs in the same resource group that are not nodes of this lab, for a second lab beside it. Default:
   * none.
   */
  readonly strangers?: readonly LabVm[];
  /**
   * Another lab, whose strangers are this one's VMs. Both share its Azure and its resource group. Default:
   * an Azure of its own.
   */
  readonly beside?: Lab;
  /** The uniform scale set whose instances the VMs are. Default: VMs of their own. */
  readonly scaleSet?: string;
  /** Default `lab`. */
  readonly clusterId?: string;
  /**
   * Controllers on the one store, one of which leads: `controller`, `controller-2` and so on. Default 1.
   */
  readonly controllerCount?: number;
  /** Further settings of each controller; they override the lab's own. */
  readonly controllerFlags?: readonly string[];
  /** Further settings of each node plug-in. */
  readonly nodeFlags?: readonly string[];
  /** The object store. The lab closes its connection. Default: an embedded store, a process of the lab. */
  readonly store?: OtherStore;
  /** How CSI sockets are connected to. Default `connectCsi`: each call is made once. */
  readonly connect?: typeof connectCsi;
  /**
   * How much older objects look to all other processes, in milliseconds: the store's clock is that much
   * behind. Nothing else changes, since the store stamps only creations and deletions. Default 0.
   */
  readonly objectsBornAgedMs?: number;
  /**
   * Whether nodes may lose their power: each has a disk of its own for its state. Default false: it is in a
   * folder.
   */
  readonly losesPower?: boolean;
  /**
   * How many times store, controller and node plug-ins are restarted after they have ended by themselves.
   * Default 0.
   */
  readonly revivalsMax?: number;
  /** Writes the driver's program into the lab's folder, and returns its file. Default: its sources run. */
  readonly writeDriver?: (directory: string) => Promise<string>;
}

/**
 * Starts emulator, store, controller and node plug-ins in processes of their own, and each node in its own
 * mount namespace.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const directory = await mkdtemp(join(tmpdir(), "azd-"));
  const children: Child[] = [];
  const closing: (() => Promise<void> | void)[] = [];
  const processes = new Map<string, LabProcess>();
  const machines: Machine[] = [];
  const close = async (): Promise<void> => {
    for (const process of processes.values()) process.retire();
    for (const end of closing.toReversed()) await end();
    // Their mounts end first: a mount would hold a device, and the emulator its disk.
    const ended = await Promise.allSettled(machines.map((machine) => machine.shutDown(STOP_GRACE_MS)));
    for (const child of children.toReversed())
      ended.push(...(await Promise.allSettled([child.stop(STOP_GRACE_MS)])));
    await rm(directory, { recursive: true, force: true });
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  };
  try {
    const program = (await options.writeDriver?.(directory)) ?? MAIN;
    return await build({ ...options, directory, program, children, processes, machines, closing, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts a process that can be restarted; the command is made for each start. */
type RunAgain = (name: string, command: () => readonly string[], own?: NodeJS.ProcessEnv) => LabProcess;

interface Building extends LabOptions {
  readonly directory: string;
  /** The driver's. */
  readonly program: string;
  readonly children: Child[];
  readonly processes: Map<string, LabProcess>;
  readonly machines: Machine[];
  readonly closing: (() => Promise<void> | void)[];
  readonly close: () => Promise<void>;
}

async function build(building: Building): Promise<Lab> {
  const {
    directory,
    program,
    children,
    processes,
    closing,
    hasDevices,
    timeScale,
    signal,
    vms = demoVms,
    connect = connectCsi,
  } = building;
  const run = (name: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Child => {
    signal.throwIfAborted();
    const child = startChild(name, command, { ...process.env, NODE_COMPILE_CACHE: compileCache, ...env });
    children.push(child);
    return child;
  };
  const runAgain: RunAgain = (name, command, own = {}) => {
    const start = (env: NodeJS.ProcessEnv): Child => run(name, command(), { ...own, ...env });
    const started = startLabProcess({ start, isReady, revivalsMax: building.revivalsMax ?? 0 });
    processes.set(name, started);
    return started;
  };
  // Node strips the types from the sources at each start, and compiles; later starts use the cache.
  const compileCache =
    program === MAIN
      ? fileURLToPath(new URL("../../.cache/node", import.meta.url))
      : join(directory, "cache");
  const azureDirectory = building.beside?.directory ?? directory;
  const caFile = join(azureDirectory, "ca.pem");
  const devices = join(azureDirectory, "vms");
  const emulatorProcess =
    building.beside === undefined ? await startEmulator(building, run, { vms, caFile, devices }) : undefined;
  const storeSocket = join(directory, "store.sock");
  const startStore = (): LabProcess =>
    runAgain(
      "store",
      () => [
        process.execPath,
        program,
        "store",
        `--file=${join(directory, "store.db")}`,
        `--socket=${storeSocket}`,
        "--log-level=warn",
      ],
      building.objectsBornAgedMs === undefined ? {} : environmentWithClockBehind(building.objectsBornAgedMs),
    );
  const storeProcess = building.store === undefined ? startStore() : undefined;
  const storeFlags = (name: string): readonly string[] =>
    building.store?.flags(name) ?? [`--store-socket=${storeSocket}`];
  const url = building.beside?.endpoints["azure"] ?? (await readyUrl(emulatorProcess));
  await storeProcess?.untilReady();

  const cloudConfig = {
    subscriptionId: SUBSCRIPTION,
    resourceGroup: RESOURCE_GROUP,
    location: LOCATION,
    tenantId: "demo-tenant",
    aadClientId: "demo",
    aadClientSecret: "demo",
    resourceManagerEndpoint: url,
    activeDirectoryEndpoint: url,
  };
  await writeFile(join(directory, "azure.json"), JSON.stringify(cloudConfig));
  const controllerNames = Array.from({ length: building.controllerCount ?? 1 }, (_, index) =>
    index === 0 ? "controller" : `controller-${index + 1}`,
  );
  const controllerSocket = (name: string): string => join(directory, `${name}.sock`);
  const controllerProcesses = controllerNames.map((name) =>
    runAgain(name, () => [
      process.execPath,
      program,
      "controller",
      ...withFlags(
        [
          `--endpoint=unix://${controllerSocket(name)}`,
          ...storeFlags(name),
          `--cloud-config=${join(directory, "azure.json")}`,
          `--cluster-id=${building.clusterId ?? CLUSTER_ID}`,
          `--azure-ca-file=${caFile}`,
          `--azure-time-scale=${timeScale}`,
          `--recall-answer-ms=${RECALL_ANSWER_MS}`,
          `--heartbeat-stale-ms=${HEARTBEAT_MS * 4}`,
          // A single controller is restarted after it was killed, without waiting for the Lease to expire.
          ...(controllerNames.length === 1 ? ["--leader-election=none"] : []),
        ],
        building.controllerFlags ?? [],
      ),
    ]),
  );
  const names = vms.map(({ name }) => name);
  const emulator = createEmulatorClient(url, names, await trustingGet(caFile));
  const instances = await emulator.instances();
  const metadataFlags = (vmName: string): readonly string[] => [
    `--metadata-endpoint=${url}/emulator/v1/imds/${vmName}`,
    `--metadata-ca-file=${caFile}`,
  ];
  const started = await Promise.all(
    vms.map(async (vm) => {
      const instance = instances.get(vm.name);
      if (instance === undefined) throw new Error(`the emulator has no VM for ${vm.name}`);
      const flags = { storeFlags: storeFlags(vm.name), metadataFlags };
      return startNode({ building, run, runAgain, vm, instance, ...flags, devices });
    }),
  );
  for (const controllerProcess of controllerProcesses) await controllerProcess.untilReady();
  const store =
    building.store?.store ??
    connectEmbeddedStore({ socketPath: storeSocket, clock: systemClock, random: systemRandom });
  closing.push(() => store.close());
  const orchestrator = building.store?.orchestrator ?? createOrchestrator(store, signal);
  for (const [nodeName, { instanceUri }] of instances) await orchestrator.addNode(nodeName, instanceUri);
  const controllers = new Map(controllerNames.map((name) => [name, connect(controllerSocket(name), signal)]));
  for (const clients of controllers.values()) closing.push(clients.close);
  const controller = controllers.get("controller")?.controller;
  if (controller === undefined) throw new Error("a lab has at least one controller");
  for (const node of started) closing.push(node.close);
  const nodes = new Map(started.map(({ node }) => [node.name, node]));
  const endpoints = Object.fromEntries([
    ...controllerNames.map((name) => [name, `unix://${controllerSocket(name)}`]),
    ...started.map(({ node, socket }) => [node.name, `unix://${socket}`]),
    ...(building.store === undefined ? [["store", `unix://${storeSocket}`]] : []),
    ["azure", url],
    ["azure-ca", caFile],
  ]) as Record<string, string>;
  return {
    directory,
    hasDevices,
    timeScale,
    emulator,
    controller,
    controllers: new Map([...controllers].map(([name, clients]) => [name, clients.controller])),
    store,
    orchestrator,
    nodes,
    processes,
    endpoints,
    logs: (tailChars = LOG_TAIL_CHARS) =>
      children.map((child) => `--- ${child.name}\n${child.log().slice(-tailChars)}`).join("\n"),
    own: (child) => void children.push(child),
    close: building.close,
  };
}

async function startEmulator(
  { directory, strangers = [], timeScale, hasDevices, scaleSet }: Building,
  run: (name: string, command: readonly string[]) => Child,
  of: { readonly vms: readonly LabVm[]; readonly caFile: string; readonly devices: string },
): Promise<Child> {
  await writeFile(join(directory, "scenario.yaml"), scenario([...of.vms, ...strangers], scaleSet));
  return run("emulator", [
    process.execPath,
    EMULATOR,
    "--json",
    `--config=${join(directory, "scenario.yaml")}`,
    `--ca-file=${of.caFile}`,
    `--time-scale=${timeScale}`,
    ...(hasDevices
      ? ["--data-plane=linux", `--data-dir=${join(directory, "disks")}`, `--device-root=${of.devices}`]
      : []),
  ]);
}

async function readyUrl(emulator: Child | undefined): Promise<string> {
  if (emulator === undefined) throw new Error("the lab beside this one has no Azure");
  return (JSON.parse(await emulator.untilLine(isReady, READY_MAX_MS)) as { readonly url: string }).url;
}

async function startNode(start: {
  readonly building: Building;
  readonly run: (name: string, command: readonly string[]) => Child;
  readonly runAgain: RunAgain;
  readonly vm: LabVm;
  readonly instance: { readonly vmId: string; readonly instanceUri: string };
  readonly storeFlags: readonly string[];
  readonly metadataFlags: (vmName: string) => readonly string[];
  readonly devices: string;
}): Promise<{ readonly node: LabNode; readonly socket: string; readonly close: () => void }> {
  const { building, run, runAgain, vm, instance, storeFlags, metadataFlags, devices } = start;
  const { directory, program, hasDevices, signal, connect = connectCsi } = building;
  const home = join(directory, vm.name);
  await mkdir(home, { recursive: true });
  const socket = join(home, "csi.sock");
  const deviceRoot = join(devices, vmNameOf(instance.instanceUri));
  const machine = hasDevices
    ? await startMachine({
        name: vm.name,
        home,
        hasOwnDisk: building.losesPower ?? false,
        run: (command) => run(`mounts of ${vm.name}`, command),
      })
    : undefined;
  if (machine !== undefined) building.machines.push(machine);
  const seenFromOutside = (path: string): string =>
    machine === undefined ? path : `/proc/${machine.mountsPid}/root${path}`;
  const kubeletDirectory = join(diskOf(home), "kubelet");
  const stateDirectory = join(diskOf(home), "state");
  if (machine === undefined) await mkdir(kubeletDirectory, { recursive: true });
  const plugin = runAgain(vm.name, () => [
    ...(machine === undefined ? [] : ["nsenter", `--mount=/proc/${machine.mountsPid}/ns/mnt`, "--"]),
    process.execPath,
    program,
    "node",
    ...withFlags(
      [
        `--endpoint=unix://${socket}`,
        ...storeFlags,
        `--node-name=${vm.name}`,
        `--vm-id=${instance.vmId}`,
        `--vm-resource-id=${instance.instanceUri}`,
        ...metadataFlags(vmNameOf(instance.instanceUri)),
        `--vm-size=${VM_SIZE}`,
        `--location=${LOCATION}`,
        `--zone=${vm.zone}`,
        `--device-root=${deviceRoot}`,
        `--state-dir=${stateDirectory}`,
        `--kubelet-dir=${kubeletDirectory}`,
        `--heartbeat-ms=${HEARTBEAT_MS}`,
      ],
      building.nodeFlags ?? [],
    ),
  ]);
  await plugin.untilReady();
  let power = new AbortController();
  let clients = connect(socket, AbortSignal.any([signal, power.signal]));
  const ownMachine = (): Machine => {
    if (machine === undefined) throw new Error(`${vm.name} has no devices`);
    return machine;
  };
  const node: LabNode = {
    name: vm.name,
    zone: vm.zone,
    get process() {
      return plugin.child;
    },
    get mountsPid() {
      return machine?.mountsPid ?? process.pid;
    },
    get csi() {
      return clients.node;
    },
    get power() {
      return power.signal;
    },
    losePower: (cutAzureDisks) =>
      ownMachine().losePower(async () => {
        power.abort(new Error(`${vm.name} has lost its power`));
        await cutAzureDisks();
      }),
    boot: async () => {
      await ownMachine().boot();
      await plugin.restart();
      clients.close();
      power = new AbortController();
      clients = connect(socket, AbortSignal.any([signal, power.signal]));
    },
    freeze: async () => {
      await freezeProcess(plugin.child.pid);
      await ownMachine().freeze();
    },
    thaw: () => ownMachine().thaw(),
    kubeletDirectory,
    stateDirectory,
    deviceRoot,
    seenFromOutside,
  };
  return { node, socket, close: () => clients.close() };
}

/** The name of the VM with this resource id: an instance's is that of its scale set and its number. */
function vmNameOf(instanceUri: string): string {
  const [, scaleSet, name = ""] =
    /(?:\/virtualMachineScaleSets\/([^/]+))?\/virtualMachines\/([^/]+)$/.exec(instanceUri) ?? [];
  return scaleSet === undefined ? name : `${scaleSet}_${name}`;
}

/** VMs whose names in Azure differ from those of their nodes, so that confusing the two fails. */
function scenario(vms: readonly LabVm[], scaleSet: string | undefined): string {
  const machines = vms
    .map((vm, index) => {
      const place =
        scaleSet === undefined ? `name: flex_${vm.name}` : `name: "${index}", scaleSet: ${scaleSet}`;
      return `  - {${place}, computerName: ${vm.name}, zone: "${vm.zone}", size: ${VM_SIZE}}`;
    })
    .join("\n");
  return (
    `subscriptionId: ${SUBSCRIPTION}\nlocation: ${LOCATION}\nresourceGroups: [${RESOURCE_GROUP}]\n` +
    (scaleSet === undefined ? "" : `scaleSets: [{name: ${scaleSet}}]\n`) +
    `virtualMachines:\n${machines}\n`
  );
}

function isReady(line: string): boolean {
  return line.startsWith("{");
}

async function trustingGet(caFile: string): Promise<(url: string) => Promise<unknown>> {
  const ca = await readFile(caFile, "utf8");
  return async (url) => (await requestAnswer({ ca }, { url })).body;
}
