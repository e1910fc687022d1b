import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { processorSeconds } from "../../scripts/child/processor-seconds.ts";
import { startChild } from "../child.ts";
import { peakMiB, residentMiB } from "../resident-memory.ts";
import { rounded } from "../rounded.ts";
import { diskUri } from "./place.ts";
import type { BareTask, BareUse } from "./wire/bare-client.ts";
import { startGoDriver } from "./wire/go-driver.ts";
import {
  type ControllerCalls,
  type EmulatorProcess,
  inFolder,
  type ShippedController,
  startEmulatorProcess,
  startShippedController,
} from "./wire/shipped-controller.ts";

const BARE_CLIENT = fileURLToPath(new URL("wire/bare-client.ts", import.meta.url));
/** Of Azure's latencies: the load then takes half a minute. */
const TIME_SCALE = 0.05;
/** By then what the start or the load left behind is collected. */
const SETTLE_MS = 5_000;
const ONE_BY_ONE = 20;
const AT_ONCE = 100;
const ROUNDS = 3;
const SIZES = [1, 12, 30] as const;
const POISONED = 12;
const BURSTS: readonly number[] = Array.from({ length: ROUNDS }, () => SIZES).flat();
const POISON = 7;

/** What a controller costs under a load, beside a client that does the same without a driver. */
export interface ControllerCost {
  readonly idleMiB: number;
  readonly afterLoadMiB: number;
  /** Some seconds later, when the garbage of the load is collected. */
  readonly quietMiB: number;
  readonly peakMiB: number;
  readonly startCpuSeconds: number;
  readonly cpuSeconds: number;
  readonly calls: number;
  readonly bareCpuSeconds: number;
  readonly bareAfterLoadMiB: number;
  readonly bareCalls: number;
  /** Of the processor time. */
  readonly timesBare: number;
  /** Azure's own driver in Go, where `GO_DRIVER` names a build of it; and our processor time beside it. */
  readonly goCpuSeconds?: number;
  readonly goIdleMiB?: number;
  readonly goAfterLoadMiB?: number;
  readonly goCalls?: number;
  readonly timesGo?: number;
}

/** The figures of the driver V1. */
type GoCost = Required<Pick<ControllerCost, "goCpuSeconds" | "goIdleMiB" | "goAfterLoadMiB" | "goCalls">>;

type OurCost = Omit<
  ControllerCost,
  "bareCpuSeconds" | "bareAfterLoadMiB" | "bareCalls" | "timesBare" | "timesGo" | keyof GoCost
>;

/**
 * The bundled controller under this load: 20 volumes created one after the other and 100 at once; three
 * rounds of 1, 12 and 30 publishes and unpublishes at once; 12 publishes, one of which Azure fails. The
 * baseline sends the same creations and updates by the official SDK. The driver V1 receives the same calls,
 * without the failure: one failed disk keeps it from attaching the other eleven.
 */
export async function measureController(): Promise<ControllerCost> {
  const ours = await inFolder(withEmulator(measureOurs));
  const bare = await inFolder(withEmulator((emulator) => measureBare(emulator)));
  const timesBare = rounded(ours.cpuSeconds / bare.bareCpuSeconds, 2);
  const program = process.env["GO_DRIVER"] || undefined;
  if (program === undefined) return { ...ours, ...bare, timesBare };
  const go = await inFolder(withEmulator((emulator, folder) => measureGo(program, emulator, folder)));
  return { ...ours, ...bare, timesBare, ...go, timesGo: rounded(ours.cpuSeconds / go.goCpuSeconds, 2) };
}

function withEmulator<T>(
  measure: (emulator: EmulatorProcess, folder: string) => Promise<T>,
): (folder: string) => Promise<T> {
  return async (folder) => {
    const emulator = await startEmulatorProcess(folder, TIME_SCALE);
    try {
      return await measure(emulator, folder);
    } finally {
      await emulator.stop();
    }
  };
}

async function measureOurs(emulator: EmulatorProcess, folder: string): Promise<OurCost> {
  const controller = await startShippedController(folder, emulator, TIME_SCALE);
  try {
    await sleep(SETTLE_MS);
    const idleMiB = await residentMiB(controller.pid);
    await emulator.newCalls();
    const startCpuSeconds = await processorSeconds(controller.pid);
    await load(controller, emulator);
    const cpuSeconds = (await processorSeconds(controller.pid)) - startCpuSeconds;
    const calls = (await emulator.newCalls()).length;
    const afterLoadMiB = await residentMiB(controller.pid);
    await sleep(SETTLE_MS);
    return {
      idleMiB: rounded(idleMiB, 1),
      afterLoadMiB: rounded(afterLoadMiB, 1),
      quietMiB: rounded(await residentMiB(controller.pid), 1),
      peakMiB: rounded(await peakMiB(controller.pid), 1),
      startCpuSeconds: rounded(startCpuSeconds, 2),
      cpuSeconds: rounded(cpuSeconds, 2),
      calls,
    };
  } finally {
    await controller.stop();
  }
}

async function createAll(controller: ControllerCalls): Promise<readonly string[]> {
  const volumes = Array.from({ length: ONE_BY_ONE + AT_ONCE }, (_, index) => `pvc-${index}`);
  for (const name of volumes.slice(0, ONE_BY_ONE)) await controller.createVolume(name);
  await Promise.all(volumes.slice(ONE_BY_ONE).map((name) => controller.createVolume(name)));
  return volumes.map(diskUri);
}

async function load(controller: ShippedController, emulator: EmulatorProcess): Promise<void> {
  const ids = await createAll(controller);
  for (const size of BURSTS) {
    await publishAll(controller, ids.slice(0, size), size);
    await unpublishAll(controller, ids.slice(0, size));
  }
  const poisoned = ids.slice(0, POISONED);
  const cure = await emulator.addFault({
    disk: `*${poisoned[POISON] ?? ""}`,
    effect: { kind: "FailOperation", code: "InternalExecutionError", applied: "none" },
  });
  await publishAll(controller, poisoned, POISONED - 1);
  await cure();
  await controller.untilAttached(POISONED);
  await unpublishAll(controller, poisoned);
}

async function publishAll(
  controller: ShippedController,
  ids: readonly string[],
  attached: number,
): Promise<void> {
  await Promise.all(ids.map((id) => controller.publish(id)));
  await controller.untilAttached(attached);
}

async function unpublishAll(controller: ControllerCalls, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => controller.unpublish(id)));
}

async function measureBare(
  emulator: EmulatorProcess,
): Promise<Pick<ControllerCost, "bareCpuSeconds" | "bareAfterLoadMiB" | "bareCalls">> {
  const task: BareTask = {
    azureEndpoint: emulator.url,
    azureCaFile: emulator.caFile,
    oneByOne: ONE_BY_ONE,
    atOnce: AT_ONCE,
    // The poisoned burst as one that succeeds.
    bursts: [...BURSTS, POISONED],
    pollMs: BARE_POLL_MS,
  };
  const client = startChild([BARE_CLIENT, JSON.stringify(task)]);
  try {
    const { cpuSeconds, mib } = JSON.parse(await client.line()) as BareUse;
    return {
      bareCpuSeconds: rounded(cpuSeconds, 2),
      bareAfterLoadMiB: rounded(mib, 1),
      bareCalls: (await emulator.newCalls()).length,
    };
  } finally {
    await client.stop();
  }
}

async function measureGo(program: string, emulator: EmulatorProcess, folder: string): Promise<GoCost> {
  const driver = await startGoDriver(program, folder, emulator);
  try {
    await sleep(SETTLE_MS);
    const idleMiB = await residentMiB(driver.pid);
    await emulator.newCalls();
    const before = await processorSeconds(driver.pid);
    const ids = await createAll(driver);
    for (const size of [...BURSTS, POISONED]) {
      await Promise.all(ids.slice(0, size).map((id) => driver.publish(id)));
      await unpublishAll(driver, ids.slice(0, size));
    }
    return {
      goCpuSeconds: rounded((await processorSeconds(driver.pid)) - before, 2),
      goIdleMiB: rounded(idleMiB, 1),
      goAfterLoadMiB: rounded(await residentMiB(driver.pid), 1),
      goCalls: (await emulator.newCalls()).length,
    };
  } finally {
    await driver.stop();
  }
}

/** The driver's longest pace of polls, at the same scale. */
const BARE_POLL_MS = 5_000 * TIME_SCALE;
