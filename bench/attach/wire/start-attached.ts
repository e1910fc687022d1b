import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { processorSeconds } from "../../../scripts/child/processor-seconds.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { volumeObjectNames } from "../../../src/core/api/object-names.ts";
import { describeFailure } from "../../../src/core/failure/describe-failure.ts";
import { type Emulator, startEmulator } from "../../../src/emulator/index.ts";
import type { ObjectStore } from "../../../src/ports/store/object-store.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { peakMiB, residentMiB } from "../../resident-memory.ts";
import { rounded } from "../../rounded.ts";
import { attachDisks, createDisks, driverTags } from "../model-disks.ts";
import { place, vmUri } from "../place.ts";
import { type FleetNode, type NodeFleet, startNodeFleet } from "./node-fleet.ts";
import { type ControllerRole, startStoreRole, type StoreRole } from "./role-processes.ts";
import { inFolder } from "./shipped-controller.ts";

/** A controller's start with attached volumes, and the rest after it. */
export interface StartAttached {
  readonly volumes: number;
  readonly nodes: number;
  /** Into an empty object store: until every record names its node. */
  readonly namedSeconds: number;
  /** Until every node holds its volumes again, and every attachment is recorded. */
  readonly heldSeconds: number;
  readonly heldCpuSeconds: number;
  readonly heldCalls: number;
  /** Of the controller to the object store. */
  readonly heldWrites: number;
  readonly heldMiB: number;
  readonly heldPeakMiB: number;
  readonly heldHeapMiB: number;
  /** Another controller, with the object store intact: until it has nothing to do any more. */
  readonly againSeconds: number;
  readonly againCpuSeconds: number;
  readonly againCalls: number;
  readonly againWrites: number;
  readonly againMiB: number;
  readonly againPeakMiB: number;
  readonly againHeapMiB: number;
  /** Then, while nothing happens but heartbeats. */
  readonly restMiB: number;
  readonly restCpuSecondsPerMinute: number;
  readonly restCallsPerMinute: number;
  readonly restWritesPerSecond: number;
}

const PER_VM = 16;
const VM_SIZE = "Standard_D16s_v5";
/** Of Azure's latencies and of the driver's budgets of calls: what the wire and the driver take is left. */
const TIME_SCALE = 0.01;
const LOOK_EVERY_MS = 1_000;
const TELL_EVERY_MS = 15_000;
/** Without any progress for so long, it has failed. */
const STALLED_MS = 180_000;
const WAIT = { timeoutMs: 600_000, everyMs: 10 };
/** A controller is quiet that uses less of a core than this for a whole span of looking. */
const QUIET_SPAN_MS = 5_000;
const QUIET_SHARE = 0.1;
const MS_PER_SECOND = 1_000;
const MS_PER_MINUTE = 60_000;
const BYTES_PER_MIB = 1_048_576;
const REPORT_FILE = "controller-report.json";
const never = new AbortController().signal;

/**
 * Starts the shipped controller beside 625 VMs with 16 attached disks each. First its object store is empty:
 * it rebuilds the records, and the nodes, whose pods use the disks, reclaim them. Then another one starts on
 * what the first has left.
 */
export async function measureStartAttached({
  volumes = 10_000,
  restMs = 120_000,
} = {}): Promise<StartAttached> {
  return inFolder(async (folder) => {
    await using parts = new AsyncDisposableStack();
    const caFile = join(folder, "ca.pem");
    const { emulator, nodes } = await startCloud(volumes, caFile);
    parts.defer(() => emulator.close());
    const role = await startStoreRole(folder);
    parts.defer(role.stop);
    const fleet = await startNodeFleet(
      { store: role.store, clock: systemClock, random: systemRandom },
      nodes,
    );
    parts.defer(fleet.stop);
    const cluster: Cluster = { volumes, folder, emulator, role, fleet };
    const held = await startAndHold(cluster);
    return { volumes, nodes: nodes.length, ...held, ...(await startAgain(cluster, restMs)) };
  });
}

interface Cluster {
  readonly volumes: number;
  readonly folder: string;
  readonly emulator: Emulator;
  readonly role: StoreRole;
  readonly fleet: NodeFleet;
}

async function startCloud(
  count: number,
  caFile: string,
): Promise<{ readonly emulator: Emulator; readonly nodes: readonly FleetNode[] }> {
  const names = Array.from({ length: count / PER_VM }, (_, index) => `aks-pool1-30257419-${index}`);
  const emulator = await startEmulator({
    caFile,
    settings: { timeScale: TIME_SCALE, throttling: "off", journalMax: 1_000_000 },
    virtualMachines: names.map((name) => ({ ...place, name, size: VM_SIZE })),
  });
  const { model } = emulator;
  const volumes = Array.from(
    { length: count },
    (_, index) => `pvc-${String(index).padStart(8, "0")}-4c1f-9a70-8d21-0d9c5c1c1a11`,
  );
  const attached = attachDisks(model, names, createDisks(model, volumes, driverTags));
  const vmIds = new Map([...model.world.virtualMachines.values()].map((vm) => [vm.name, vm.vmGuid]));
  const nodes = names.map((nodeName) => ({
    nodeName,
    vmId: vmIds.get(nodeName) ?? "",
    instanceUri: vmUri(nodeName),
    disks: (attached.get(nodeName) ?? []).map((diskUri) => ({
      diskUri,
      volumeName: volumeObjectNames(diskUri)[0] ?? "",
    })),
  }));
  return { emulator, nodes };
}

type Held = Pick<
  StartAttached,
  | "namedSeconds"
  | "heldSeconds"
  | "heldCpuSeconds"
  | "heldCalls"
  | "heldWrites"
  | "heldMiB"
  | "heldPeakMiB"
  | "heldHeapMiB"
>;

async function startAndHold(cluster: Cluster): Promise<Held> {
  const meter = await startMeter(cluster);
  const startedMs = systemClock.elapsedMs();
  const secondsSoFar = (): number => rounded((systemClock.elapsedMs() - startedMs) / MS_PER_SECOND);
  const controller = await startController(cluster);
  try {
    await untilAll(cluster, "named");
    const namedSeconds = secondsSoFar();
    await untilAll(cluster, "held");
    const heldSeconds = secondsSoFar();
    const { calls, writes } = await meter();
    const used = await useOf(controller, cluster.folder);
    return {
      namedSeconds,
      heldSeconds,
      heldCpuSeconds: used.cpuSeconds,
      heldCalls: calls,
      heldWrites: writes,
      heldMiB: used.mib,
      heldPeakMiB: used.peakMiB,
      heldHeapMiB: used.heapMiB,
    };
  } finally {
    await controller.stop();
  }
}

async function startAgain(
  cluster: Cluster,
  restMs: number,
): Promise<Omit<StartAttached, "volumes" | "nodes" | keyof Held>> {
  const meter = await startMeter(cluster);
  const startedMs = systemClock.elapsedMs();
  const controller = await startController(cluster);
  try {
    await untilQuiet(cluster, controller);
    const againSeconds = rounded((systemClock.elapsedMs() - startedMs - QUIET_SPAN_MS) / MS_PER_SECOND);
    const { calls, writes } = await meter();
    const used = await useOf(controller, cluster.folder);
    const { held } = cluster.fleet.state();
    if (held !== cluster.volumes) throw new Error(`${held} volumes are held after the second start`);
    const restMeter = await startMeter(cluster);
    const before = await processorSeconds(controller.pid);
    await systemClock.sleep(restMs, never);
    const rest = await restMeter();
    const minutes = restMs / MS_PER_MINUTE;
    return {
      againSeconds,
      againCpuSeconds: used.cpuSeconds,
      againCalls: calls,
      againWrites: writes,
      againMiB: used.mib,
      againPeakMiB: used.peakMiB,
      againHeapMiB: used.heapMiB,
      restMiB: rounded(await residentMiB(controller.pid)),
      restCpuSecondsPerMinute: rounded(((await processorSeconds(controller.pid)) - before) / minutes),
      restCallsPerMinute: rounded(rest.calls / minutes),
      restWritesPerSecond: rounded((rest.writes * MS_PER_SECOND) / restMs),
    };
  } finally {
    await controller.stop();
  }
}

function startController({ folder, role, emulator }: Cluster): Promise<ControllerRole> {
  return role.startController({
    azure: { url: emulator.url, caFile: join(folder, "ca.pem") },
    timeScale: TIME_SCALE,
    nodeFlags: ["--report-on-signal", `--report-directory=${folder}`, `--report-filename=${REPORT_FILE}`],
    flags: ["--attach=driver"],
  });
}

/** Counts from now on: the answer reads the calls to Azure and the controller's writes to the store. */
async function startMeter({
  emulator,
  role,
  fleet,
}: Cluster): Promise<() => Promise<{ readonly calls: number; readonly writes: number }>> {
  const read = async (): Promise<{ readonly sequence: number; readonly writes: number }> => ({
    sequence: emulator.model.journal.lastSequence(),
    writes: (await versionOf(role.store)) - fleet.writes(),
  });
  const before = await read();
  return async () => {
    const after = await read();
    const calls = emulator.model.journal
      .since(before.sequence, Infinity)
      .filter(({ kind }) => kind !== "admin").length;
    return { calls, writes: after.writes - before.writes };
  };
}

/** Each write raises the version of the embedded store by one. */
async function versionOf(store: ObjectStore): Promise<number> {
  const listed = await store.list("Lease", {}, never);
  if (!listed.ok) throw new Error(describeFailure(listed.failure));
  return Number(listed.value.resourceVersion);
}

async function untilAll({ fleet, volumes }: Cluster, which: "named" | "held"): Promise<void> {
  let last = -1;
  let lastMs = systemClock.elapsedMs();
  let toldMs = lastMs;
  for (;;) {
    const count = fleet.state()[which];
    if (count === volumes) return;
    const nowMs = systemClock.elapsedMs();
    if (count > last) [last, lastMs] = [count, nowMs];
    if (nowMs - lastMs > STALLED_MS)
      throw new Error(`no more than ${count} of ${volumes} volumes are ${which}`);
    if (nowMs - toldMs >= TELL_EVERY_MS) {
      toldMs = nowMs;
      tell(`${count} of ${volumes} volumes are ${which}`);
    }
    await systemClock.sleep(LOOK_EVERY_MS, never);
  }
}

/** Until it has listed the disks, as it does once it leads and nodes have reported, and has no work left. */
async function untilQuiet({ emulator }: Cluster, { pid }: ControllerRole): Promise<void> {
  const { journal } = emulator.model;
  const started = journal.lastSequence();
  await waitUntil("the second controller to be quiet", WAIT, async () => {
    const [before, lastCall] = [await processorSeconds(pid), journal.lastSequence()];
    await systemClock.sleep(QUIET_SPAN_MS, never);
    const used = (await processorSeconds(pid)) - before;
    tell(`the second controller has used ${rounded(used)} s of processor time in 5`);
    const isCalling = lastCall === started || journal.lastSequence() > lastCall;
    return (!isCalling && used < (QUIET_SHARE * QUIET_SPAN_MS) / MS_PER_SECOND) || undefined;
  });
}

async function useOf(
  { pid }: ControllerRole,
  folder: string,
): Promise<{
  readonly mib: number;
  readonly peakMiB: number;
  readonly cpuSeconds: number;
  readonly heapMiB: number;
}> {
  const [mib, peak, cpuSeconds] = await Promise.all([residentMiB(pid), peakMiB(pid), processorSeconds(pid)]);
  const used = await heapBytes(pid, join(folder, REPORT_FILE));
  return {
    mib: rounded(mib),
    peakMiB: rounded(peak),
    cpuSeconds: rounded(cpuSeconds),
    heapMiB: rounded(used / BYTES_PER_MIB),
  };
}

/** What the process's own diagnostic report says of its heap, uncollected garbage included. */
async function heapBytes(pid: number, file: string): Promise<number> {
  await rm(file, { force: true });
  process.kill(pid, "SIGUSR2");
  return await waitUntil(file, WAIT, async () => usedMemoryIn(await readFile(file, "utf8").catch(() => "")));
}

/** Undefined: the report is not complete yet. */
function usedMemoryIn(report: string): number | undefined {
  if (!report.trimEnd().endsWith("\n}")) return undefined;
  const { javascriptHeap } = JSON.parse(report) as {
    readonly javascriptHeap: { readonly usedMemory: number };
  };
  return javascriptHeap.usedMemory;
}

/** Progress goes beside the figures. */
function tell(line: string): void {
  process.stderr.write(`startAttached: ${line}\n`);
}
