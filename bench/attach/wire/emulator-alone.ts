import { readFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { processorSeconds } from "../../../scripts/child/processor-seconds.ts";
import { residentMiB } from "../../resident-memory.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID, vmUri } from "../place.ts";
import { startEmulatorProgram } from "./emulator-program.ts";
import { inFolder } from "./shipped-controller.ts";

const CONNECTIONS = 16;
const WARM_UP_MS = 1500;
const MEASURED_MS = 4000;
const SETTLE_MS = 2000;
const MS_PER_SECOND = 1000;

/** What the emulator's program does and takes with no driver beside it. */
export interface EmulatorAlone {
  /** GETs of a VM over TLS, with kept connections. */
  readonly getsPerSecond: number;
  /** The same for each second of processor time, which is what an idle machine would show. */
  readonly getsPerCoreSecond: number;
  readonly idleMiB: number;
}

/**
 * Starts the emulator from its sources, reads its memory, then reads one VM as fast as 16 connections can.
 */
export async function measureEmulator(): Promise<EmulatorAlone> {
  return inFolder(measureIn);
}

async function measureIn(folder: string): Promise<EmulatorAlone> {
  const emulator = await startEmulatorProgram(folder, {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroups: [RESOURCE_GROUP],
    virtualMachines: [{ name: "node", count: 20 }],
  });
  const { url, caFile } = emulator;
  try {
    await sleep(SETTLE_MS);
    const idleMiB = await residentMiB(emulator.pid);
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: await readFile(caFile, "utf8") });
    const ask = (): Promise<void> => getOnce(`${url}${vmUri("node-7")}?api-version=2025-04-01`, agent);
    await askFor(WARM_UP_MS, ask);
    const cpuBefore = await processorSeconds(emulator.pid);
    const gets = await askFor(MEASURED_MS, ask);
    const cpu = (await processorSeconds(emulator.pid)) - cpuBefore;
    agent.destroy();
    return {
      getsPerSecond: Math.round(gets / (MEASURED_MS / MS_PER_SECOND)),
      getsPerCoreSecond: Math.round(gets / cpu),
      idleMiB: Math.round(idleMiB * 10) / 10,
    };
  } finally {
    await emulator.stop();
  }
}

/** Counts the answers that came within the time. */
async function askFor(ms: number, ask: () => Promise<void>): Promise<number> {
  const endMs = performance.now() + ms;
  let answers = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await ask();
      answers++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return answers;
}

function getOnce(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { authorization: "Bearer bench" } }, (response) => {
      response
        .on("end", () =>
          response.statusCode === 200
            ? resolve()
            : reject(new Error(`${url} was answered ${response.statusCode ?? 0}`)),
        )
        .resume();
    }).on("error", reject);
  });
}
