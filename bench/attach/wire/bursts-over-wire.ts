import { DEFAULT_LATENCIES } from "../../../src/emulator/model/pace/latency.ts";
import { diskUri } from "../place.ts";
import {
  type EmulatorProcess,
  inFolder,
  type ShippedController,
  startEmulatorProcess,
  startShippedController,
} from "./shipped-controller.ts";

const SIZES = [1, 12, 30] as const;
/** A controller that has just started knows no durations yet: the figures are those of the last round. */
const ROUNDS = 3;
const MS_PER_SECOND = 1000;

/** One burst of CSI calls over a socket. */
export interface WireBurst {
  readonly name: string;
  /** From the first call until a pod could use every disk, or until every call to unpublish was answered. */
  readonly ms: number;
  /** The time that Azure itself takes for one write of all its disks. */
  readonly floorMs: number;
  readonly writes: number;
  readonly calls: number;
}

/** The last round at Azure's own pace as flat figures, such as `publish12Ratio`. */
export async function measureBurstsOverWire(): Promise<Readonly<Record<string, number>>> {
  const bursts = await runBurstsOverWire({ timeScale: 1, rounds: ROUNDS, sizes: SIZES });
  const last = new Map(bursts.map((burst) => [burst.name, burst]));
  return Object.fromEntries(
    [...last.values()].flatMap(({ name, ms, floorMs, writes, calls }) => [
      [`${name}Ratio`, Number((ms / floorMs).toFixed(3))],
      [`${name}Seconds`, Number((ms / MS_PER_SECOND).toFixed(2))],
      [`${name}Writes`, writes],
      [
        `${name}WritesMax`,
        Math.max(...bursts.filter((each) => each.name === name).map((each) => each.writes)),
      ],
      [`${name}Calls`, calls],
    ]),
  );
}

/**
 * Publishes and unpublishes volumes through the CSI socket of a controller process, all calls of a burst at
 * once. Azure is the emulator's process.
 */
export async function runBurstsOverWire(options: {
  /** Of Azure's latencies. */
  readonly timeScale: number;
  readonly rounds: number;
  readonly sizes: readonly number[];
}): Promise<readonly WireBurst[]> {
  const { timeScale, rounds, sizes } = options;
  return inFolder(async (folder) => {
    const emulator = await startEmulatorProcess(folder, timeScale);
    try {
      const controller = await startShippedController(folder, emulator, timeScale);
      try {
        const volumes = Array.from({ length: Math.max(...sizes) }, (_, index) => `pvc-${index}`);
        await Promise.all(volumes.map((name) => controller.createVolume(name)));
        const bursts: WireBurst[] = [];
        for (let round = 1; round <= rounds; round++)
          for (const size of sizes)
            bursts.push(
              ...(await publishAndUnpublish({ controller, emulator, timeScale }, volumes.slice(0, size))),
            );
        return bursts;
      } finally {
        await controller.stop();
      }
    } finally {
      await emulator.stop();
    }
  });
}

async function publishAndUnpublish(
  parts: {
    readonly controller: ShippedController;
    readonly emulator: EmulatorProcess;
    readonly timeScale: number;
  },
  volumes: readonly string[],
): Promise<readonly WireBurst[]> {
  const { controller, emulator, timeScale } = parts;
  const ids = volumes.map(diskUri);
  const measure = async (
    name: string,
    latency: "attach" | "detach",
    act: () => Promise<unknown>,
  ): Promise<WireBurst> => {
    await emulator.newCalls();
    const startedMs = performance.now();
    await act();
    const ms = performance.now() - startedMs;
    const { medianMs, perDiskMs = 0 } = DEFAULT_LATENCIES[latency];
    const calls = await emulator.newCalls();
    return {
      name: `${name}${volumes.length}`,
      ms,
      floorMs: (medianMs + perDiskMs * volumes.length) * timeScale,
      writes: calls.filter((entry) => isVmWrite(entry.operation)).length,
      calls: calls.length,
    };
  };
  return [
    await measure("publish", "attach", async () => {
      await Promise.all(ids.map((id) => controller.publish(id)));
      await controller.untilAttached(ids.length);
    }),
    await measure("unpublish", "detach", () => Promise.all(ids.map((id) => controller.unpublish(id)))),
  ];
}

function isVmWrite(operation: string): boolean {
  return ["VirtualMachines_Update", "VirtualMachines_AttachDetachDataDisks"].includes(operation);
}
