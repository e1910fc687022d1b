import {
  ControllerPublishVolumeRequest,
  ControllerUnpublishVolumeRequest,
  CreateVolumeRequest,
} from "../../src/csi/gen/csi/v1/csi.ts";
import { aCall } from "../../src/csi/testing/a-call.ts";
import { DEFAULT_LATENCIES } from "../../src/emulator/model/pace/latency.ts";
import { isVmWrite } from "./one-vm.ts";
import { diskUri } from "./place.ts";
import { type VirtualDriver, createVirtualDriver, mustAnswer } from "./virtual-driver.ts";

const SIZES = [1, 12, 30] as const;
/** A driver that has just started knows no durations yet: the figures are those of the last round. */
const ROUNDS = 4;
/** So that no round is short of the VM's few updates a minute, in milliseconds. */
const PAUSE_MS = 120_000;
const NODE = "node-0";
/** Calls that a sidecar sends together reach the driver this much apart, in milliseconds. */
const CALL_EVERY_MS = 2;
const MS_PER_SECOND = 1000;
const GIB = 1024n ** 3n;

const volumeCapability = {
  accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
  accessMode: { mode: "SINGLE_NODE_WRITER" },
} as const;

/** One burst: its duration, and how often Azure was called. */
export interface Burst {
  readonly ms: number;
  /** The time that Azure itself takes for one write of all its disks. */
  readonly floorMs: number;
  readonly writes: number;
  readonly calls: number;
}

/** Both sides of one burst. */
export interface MeasuredBurst {
  readonly name: string;
  readonly ours: Burst;
  /** Without gathering: the first request leaves alone. */
  readonly before: Burst;
}

/**
 * Publishes and unpublishes 1, 12 and 30 volumes through CSI, all calls of a burst at once, at Azure's own
 * pace: CSI's handlers, object store, reconcilers, provisioner and Azure's model.
 */
export async function measureBursts(): Promise<readonly MeasuredBurst[]> {
  const ours = await runBursts({});
  const before = await runBursts({ gathering: { quietMs: 0, maxMs: 0 } });
  return ours.flatMap(([name, burst], index) => {
    const [, other] = before[index] ?? [];
    return other === undefined ? [] : [{ name, ours: burst, before: other }];
  });
}

/** The same as flat figures, such as `publish12Ratio`. */
export async function tellBursts(): Promise<Readonly<Record<string, number>>> {
  const measured = await measureBursts();
  return Object.fromEntries(
    measured.flatMap(({ name, ours, before }) => [
      [`${name}Ratio`, ratioOf(ours)],
      [`${name}RatioBefore`, ratioOf(before)],
      [`${name}Seconds`, ours.ms / MS_PER_SECOND],
      [`${name}Writes`, ours.writes],
      [`${name}WritesBefore`, before.writes],
      [`${name}Calls`, ours.calls],
    ]),
  );
}

/** The duration as a share of Azure's own. */
function ratioOf({ ms, floorMs }: Burst): number {
  return Number((ms / floorMs).toFixed(3));
}

type Settings = Parameters<typeof createVirtualDriver>[0]["provisionerSettings"];

async function runBursts(provisionerSettings: Settings): Promise<readonly (readonly [string, Burst])[]> {
  const { attach, detach } = DEFAULT_LATENCIES;
  // Without their spread, so that the floor is one number.
  const latencies = {
    ...DEFAULT_LATENCIES,
    attach: { ...attach, p99Ms: attach.medianMs },
    detach: { ...detach, p99Ms: detach.medianMs },
  };
  const driver = await createVirtualDriver({
    vms: 1,
    settings: { throttling: "enforce", latencies },
    ...(provisionerSettings === undefined ? {} : { provisionerSettings }),
  });
  const volumes = Array.from({ length: Math.max(...SIZES) }, (_, index) => `pvc-${index}`);
  await driver.cloud.run(Promise.all(volumes.map((name) => createVolume(driver, name))));
  const bursts = new Map<string, Burst>();
  for (let round = 1; round <= ROUNDS; round++) {
    for (const size of SIZES) {
      const ids = volumes.slice(0, size).map(diskUri);
      await driver.cloud.run(driver.cloud.clock.sleep(PAUSE_MS, never));
      bursts.set(`publish${size}`, await measureBurst(driver, "attach", ids));
      bursts.set(`unpublish${size}`, await measureBurst(driver, "detach", ids));
    }
  }
  return [...bursts];
}

async function measureBurst(
  driver: VirtualDriver,
  kind: "attach" | "detach",
  ids: readonly string[],
): Promise<Burst> {
  const { clock, model, run } = driver.cloud;
  const { medianMs, perDiskMs = 0 } = DEFAULT_LATENCIES[kind];
  const last = model.journal.since(0, Infinity).at(-1)?.sequence ?? 0;
  const startedMs = clock.elapsedMs();
  const call = kind === "attach" ? publish : unpublish;
  await run(
    Promise.all(
      ids.map(async (volumeId, index) => {
        await clock.sleep(index * CALL_EVERY_MS, never);
        await call(driver, volumeId);
      }),
    ),
  );
  await run(untilDone(driver, kind === "attach" ? ids.length : 0));
  const calls = model.journal.since(last, Infinity).filter((entry) => entry.kind !== "admin");
  return {
    ms: clock.elapsedMs() - startedMs,
    floorMs: medianMs + perDiskMs * ids.length,
    writes: calls.filter(isVmWrite).length,
    calls: calls.length,
  };
}

const never = new AbortController().signal;
const LOOK_EVERY_MS = 1;

/** Until a pod could use each of so many disks, and the store has no other attachment. */
export async function untilDone({ attachments, cloud }: VirtualDriver, count: number): Promise<void> {
  const isDone = (): boolean =>
    attachments().length === count && attachments().every(({ status }) => status?.state === "Attached");
  while (!isDone()) await cloud.clock.sleep(LOOK_EVERY_MS, never);
}

/** Creates a volume through CSI. `maxShares`: default 1. */
export async function createVolume({ handlers }: VirtualDriver, name: string, maxShares = 1): Promise<void> {
  const request: CreateVolumeRequest = {
    ...CreateVolumeRequest.decode(new Uint8Array()),
    name,
    capacityRange: { requiredBytes: 64n * GIB, limitBytes: 0n },
    volumeCapabilities: [volumeCapability],
    parameters: { skuName: "Premium_LRS", maxShares: String(maxShares) },
  };
  mustAnswer(await handlers.createVolume?.(request, aCall()));
}

/** Publishes a volume to a node, the first one by default, through CSI. */
export async function publish(
  { handlers }: VirtualDriver,
  volumeId: string,
  nodeId: string = NODE,
): Promise<void> {
  const request = {
    ...ControllerPublishVolumeRequest.decode(new Uint8Array()),
    volumeId,
    nodeId,
    volumeCapability,
  };
  mustAnswer(await handlers.controllerPublishVolume?.(request, aCall()));
}

/** Unpublishes a volume from that node through CSI. */
export async function unpublish(
  { handlers }: VirtualDriver,
  volumeId: string,
  nodeId: string = NODE,
): Promise<void> {
  const request = { ...ControllerUnpublishVolumeRequest.decode(new Uint8Array()), volumeId, nodeId };
  mustAnswer(await handlers.controllerUnpublishVolume?.(request, aCall()));
}
