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
  /** The VM's GUID. */
  readonly vmId: string;
  /** Calls of Azure's API since this was last asked, polls of operations included. */
  readonly newCalls: () => Promise<readonly JournalEntry[]>;
  /** Adds a fault rule, and returns how to remove it. */
  readonly addFault: (rule: unknown) => Promise<() => Promise<void>>;
}

/** Calls of CSI's controller service about the one node. Each repeats a call that is to be repeated. */
export interface ControllerCalls {
  readonly createVolume: (name: string) => Promise<void>;
  /** Resolves when CSI has answered. */
  readonly publish: (volumeId: string) => Promise<void>;
  /** Resolves when Azure has detached the disk. */
  readonly unpublish: (volumeId: string) => Promise<void>;
}

/** The bundled controller role in its own process, as the image starts it, with what it needs. */
export interface ShippedController extends ControllerCalls {
  readonly pid: number;
  /** Attaching continues after `publish`. Waits until a pod could use each of exactly so many disks. */
  readonly untilAttached: (count: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The one VM, which is also the node. */
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

/** Starts the emulator with one VM. `timeScale`: of Azure's latencies, above 0 to 1. */
export async function startEmulatorProcess(folder: string, timeScale: number): Promise<EmulatorProcess> {
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
    virtualMachines: [{ name: NODE, size: VM_SIZE }],
    settings: { latencies, throttling: "report" },
  };
  const program = await startEmulatorProgram(folder, scenario, [`--time-scale=${timeScale}`]);
  const ca = await readFile(program.caFile, "utf8");
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> =>
    (await requestAnswer({ ca }, { url: `${program.url}/emulator/v1/${path}`, method, body })).body;
  const { virtualMachines } = (await call("GET", "state")) as {
    readonly virtualMachines: readonly { readonly properties: { readonly vmId: string } }[];
  };
  const vmId = virtualMachines[0]?.properties.vmId;
  if (vmId === undefined) throw new Error("the emulator has no VM");
  let last = 0;
  return {
    ...program,
    vmId,
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
  const heart = await registerNode(store, emulator.vmId);
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

/** The calls through a client. */
export function callsOf({ controller }: CsiClients): ControllerCalls {
  return {
    createVolume: async (name) => {
      await controller.createVolume({
        ...CreateVolumeRequest.decode(new Uint8Array()),
        name,
        capacityRange: { requiredBytes: 64n * GIB, limitBytes: 0n },
        volumeCapabilities: [volumeCapability],
        parameters: { skuName: "Premium_LRS" },
      });
    },
    publish: (volumeId) =>
      patient(() =>
        controller.controllerPublishVolume({
          ...ControllerPublishVolumeRequest.decode(new Uint8Array()),
          volumeId,
          nodeId: NODE,
          volumeCapability,
        }),
      ),
    unpublish: (volumeId) =>
      patient(() => controller.controllerUnpublishVolume({ volumeId, nodeId: NODE, secrets: {} })),
  };
}

/** Repeats a call as external-attacher does, for as long as the driver says that its work continues. */
async function patient(call: () => Promise<unknown>): Promise<void> {
  for (let delayMs = FIRST_RETRY_MS; ; delayMs *= 2) {
    try {
      await call();
      return;
    } catch (error) {
      const isUnavailable = error instanceof CsiError && error.code === Number(status.UNAVAILABLE);
      if (!isUnavailable || delayMs > RETRY_MAX_MS) throw error;
    }
    await systemClock.sleep(delayMs, never);
  }
}

/** Registers the node as its plug-in would, and sends its heartbeats until it is stopped. */
async function registerNode(
  store: ObjectStore,
  vmId: string,
): Promise<{ readonly stop: () => Promise<void> }> {
  const ending = new AbortController();
  const created = await store.create(
    "AzDriverNode",
    { metadata: { name: NODE }, spec: { nodeName: NODE } },
    never,
  );
  if (!created.ok) throw new Error(JSON.stringify(created.failure));
  const beat = async (node: AzDriverNode, heartbeat: number): Promise<AzDriverNode> => {
    const { status } = aDriverNode(NODE, {
      lastHeartbeatTime: toTimestamp(systemClock.nowMs()),
      heartbeat,
      maxVolumes: VOLUMES_MAX,
      zone: "",
      vmId,
      instanceUri: vmUri(NODE),
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

async function untilLeads(store: ObjectStore): Promise<void> {
  await waitUntil("a leader", WAIT, async () => {
    const listed = await store.list("Lease", {}, never);
    return (
      (listed.ok && listed.value.items.some(({ spec }) => (spec?.holderIdentity ?? "") !== "")) || undefined
    );
  });
}
