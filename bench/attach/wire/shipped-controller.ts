import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { type CsiClients, connectCsi, CsiError } from "../../../demo/lab/csi-clients.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { aDriverNode } from "../../../src/controller/testing/a-driver-node.ts";
import type { AzDriverNode } from "../../../src/core/api/az-driver-node.ts";
import { toTimestamp } from "../../../src/core/primitives/timestamp.ts";
import { ControllerPublishVolumeRequest, CreateVolumeRequest } from "../../../src/csi/gen/csi/v1/csi.ts";
import type { LatencyName } from "../../../src/emulator/model/pace/latency.ts";
import { DEFAULT_LATENCIES } from "../../../src/emulator/model/pace/latency.ts";
import type { ObjectStore } from "../../../src/ports/store/object-store.ts";
import { requestAnswer } from "../../../testbed/lab/cluster/https-json.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, vmUri, VOLUMES_MAX } from "../place.ts";
import { type EmulatorProgram, startEmulatorProgram } from "./emulator-program.ts";
import { startStoreRole } from "./role-processes.ts";

/** A call of Azure's API as the emulator's journal has it. */
export interface JournalEntry {
  readonly sequence: number;
  readonly kind: "arm" | "poll" | "admin";
  readonly operation: string;
}

/** The emulator's program in its own process, at a scale of Azure's latencies, which have no spread. */
export interface EmulatorProcess extends EmulatorProgram {
  /** The GUID of each VM, by its name. */
  readonly vmIds: ReadonlyMap<string, string>;
  /** Calls of Azure's API since this was last asked, polls of operations included. */
  readonly newCalls: () => Promise<readonly JournalEntry[]>;
  /** Adds a fault rule, and returns how to remove it. */
  readonly addFault: (rule: unknown) => Promise<() => Promise<void>>;
}

/**
 * Calls of CSI's controller service, by default about the one node. Each repeats a call that is to be
 * repeated.
 */
export interface ControllerCalls {
  /** `parameters`: besides the disk's type. */
  readonly createVolume: (name: string, parameters?: Readonly<Record<string, string>>) => Promise<void>;
  /** Resolves when CSI has answered. */
  readonly publish: (volumeId: string, node?: string) => Promise<void>;
  /** Resolves when Azure has detached the disk. */
  readonly unpublish: (volumeId: string, node?: string) => Promise<void>;
}

/** The bundled controller role in its own process, as the image starts it, with what it needs. */
export interface ShippedController extends ControllerCalls {
  readonly pid: number;
  /** Attaching continues after `publish`. Waits until a pod could use each of exactly so many disks. */
  readonly untilAttached: (count: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The first VM, which is also the node. */
export const NODE = "node-0";

const VM_SIZE = "Standard_D16s_v5";
const GIB = 1024n ** 3n;
const HEARTBEAT_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const RETRY_MAX_MS = 64_000;
const WAIT = { timeoutMs: 120_000, everyMs: 10 };

const never = new AbortController().signal;
const volumeCapability = {
  accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
  accessMode: { mode: "SINGLE_NODE_WRITER" },
} as const;

/** Runs `measure` in a folder of its own, which is removed afterwards. */
export async function inFolder<T>(measure: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "bench-attach-"));
  try {
    return await measure(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts the emulator with a VM for each node. `timeScale`: of Azure's latencies, above 0 to 1. */
export async function startEmulatorProcess(
  folder: string,
  timeScale: number,
  nodes: readonly string[] = [NODE],
): Promise<EmulatorProcess> {
  const withoutSpread = (name: LatencyName): object => ({
    ...DEFAULT_LATENCIES[name],
    p99Ms: DEFAULT_LATENCIES[name].medianMs,
  });
  const latencies = Object.fromEntries(
    (["attach", "detach", "diskCreate"] as const).map((name) => [name, withoutSpread(name)]),
  );
  const scenario = {
    subscriptionId: SUBSCRIPTION_ID,
    location: LOCATION,
    resourceGroups: [RESOURCE_GROUP],
    virtualMachines: nodes.map((name) => ({ name, size: VM_SIZE })),
    settings: { latencies, throttling: "report" },
  };
  const program = await startEmulatorProgram(folder, scenario, [`--time-scale=${timeScale}`]);
  const ca = await readFile(program.caFile, "utf8");
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> =>
    (await requestAnswer({ ca }, { url: `${program.url}/emulator/v1/${path}`, method, body })).body;
  const { virtualMachines } = (await call("GET", "state")) as {
    readonly virtualMachines: readonly {
      readonly name: string;
      readonly properties: { readonly vmId: string };
    }[];
  };
  let last = 0;
  return {
    ...program,
    vmIds: new Map(virtualMachines.map(({ name, properties }) => [name, properties.vmId])),
    newCalls: async () => {
      const { value, lastSequence } = (await call("GET", `journal?since=${last}&limit=100000`)) as {
        readonly value: readonly JournalEntry[];
        readonly lastSequence: number;
      };
      last = lastSequence;
      return value.filter((entry) => entry.kind !== "admin");
    },
    addFault: async (rule) => {
      const { id } = (await call("POST", "faults", rule)) as { readonly id: string };
      return async () => void (await call("DELETE", `faults/${id}`));
    },
  };
}

/** Bundles the driver, and starts store and controller. Its one node has registered, and sends heartbeats. */
export async function startShippedController(
  folder: string,
  emulator: EmulatorProcess,
  timeScale: number,
): Promise<ShippedController> {
  await using starting = new AsyncDisposableStack();
  const role = await startStoreRole(folder);
  starting.defer(role.stop);
  const { store } = role;
  const heart = await registerNode(store, emulator);
  starting.defer(heart.stop);
  const controller = await role.startController({ azure: emulator, timeScale });
  starting.defer(controller.stop);
  const clients = connectCsi(controller.csiSocket, never);
  starting.defer(clients.close);
  await untilLeads(store);
  const started = starting.move();
  return {
    pid: controller.pid,
    ...callsOf(clients),
    untilAttached: (count) => untilAttached(store, count),
    stop: () => started.disposeAsync(),
  };
}

/** The calls through a client. `isRepeated`: whether a call that failed so is made again. */
export function callsOf(
  { controller }: CsiClients,
  isRepeated: (error: CsiError) => boolean = isUnfinished,
): ControllerCalls {
  const contexts = new Map<string, Readonly<Record<string, string>>>();
  return {
    createVolume: async (name, parameters = {}) => {
      const { volume } = await controller.createVolume({
        ...CreateVolumeRequest.decode(new Uint8Array()),
        name,
        capacityRange: { requiredBytes: 64n * GIB, limitBytes: 0n },
        volumeCapabilities: [volumeCapability],
        parameters: { skuName: "Premium_LRS", ...parameters },
      });
      if (volume !== undefined) contexts.set(volume.volumeId, volume.volumeContext);
    },
    publish: (volumeId, node = NODE) =>
      patient(isRepeated, () =>
        controller.controllerPublishVolume({
          ...ControllerPublishVolumeRequest.decode(new Uint8Array()),
          volumeId,
          nodeId: node,
          volumeCapability,
          volumeContext: contexts.get(volumeId) ?? {},
        }),
      ),
    unpublish: (volumeId, node = NODE) =>
      patient(isRepeated, () =>
        controller.controllerUnpublishVolume({ volumeId, nodeId: node, secrets: {} }),
      ),
  };
}

/** The driver's word that its work continues. */
function isUnfinished({ code }: CsiError): boolean {
  return code === Number(status.UNAVAILABLE);
}

/** Repeats a call at external-attacher's pace. */
async function patient(
  isRepeated: (error: CsiError) => boolean,
  call: () => Promise<unknown>,
): Promise<void> {
  for (let delayMs = FIRST_RETRY_MS; ; delayMs *= 2) {
    try {
      await call();
      return;
    } catch (error) {
      if (!(error instanceof CsiError && isRepeated(error)) || delayMs > RETRY_MAX_MS) throw error;
    }
    await systemClock.sleep(delayMs, never);
  }
}

/** Registers the node as its plug-in would, and sends its heartbeats until it is stopped. */
export async function registerNode(
  store: ObjectStore,
  { vmIds }: EmulatorProcess,
  name: string = NODE,
): Promise<{ readonly stop: () => Promise<void> }> {
  const vmId = vmIds.get(name);
  if (vmId === undefined) throw new Error(`the emulator has no VM ${name}`);
  const ending = new AbortController();
  const created = await store.create("AzDriverNode", { metadata: { name }, spec: { nodeName: name } }, never);
  if (!created.ok) throw new Error(JSON.stringify(created.failure));
  const beat = async (node: AzDriverNode, heartbeat: number): Promise<AzDriverNode> => {
    const { status } = aDriverNode(name, {
      lastHeartbeatTime: toTimestamp(systemClock.nowMs()),
      heartbeat,
      maxVolumes: VOLUMES_MAX,
      zone: "",
      vmId,
      instanceUri: vmUri(name),
    });
    const written = await store.updateStatus("AzDriverNode", { ...node, status }, never);
    if (!written.ok) throw new Error(JSON.stringify(written.failure));
    return written.value;
  };
  let node = await beat(created.value, 1);
  const beating = (async () => {
    for (let heartbeat = 2; ; heartbeat++) {
      await systemClock.sleep(heartbeat === 2 ? 1000 : HEARTBEAT_MS, ending.signal);
      node = await beat(node, heartbeat);
    }
  })().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  return {
    stop: async () => {
      ending.abort();
      await beating;
    },
  };
}

async function untilAttached(store: ObjectStore, count: number): Promise<void> {
  await waitUntil(`${count} disks to be attached`, WAIT, async () => {
    const listed = await store.list("AzVolumeAttachment", {}, never);
    if (!listed.ok) throw new Error(JSON.stringify(listed.failure));
    const attached = listed.value.items.filter(({ status }) => status?.state === "Attached");
    return attached.length === count || undefined;
  });
}

export async function untilLeads(store: ObjectStore): Promise<void> {
  await waitUntil("a leader", WAIT, async () => {
    const listed = await store.list("Lease", {}, never);
    return (
      (listed.ok && listed.value.items.some(({ spec }) => (spec?.holderIdentity ?? "") !== "")) || undefined
    );
  });
}
