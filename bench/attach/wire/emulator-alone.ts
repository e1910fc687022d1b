import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { processorSeconds } from "../../../scripts/child/processor-seconds.ts";
import { residentMiB } from "../../resident-memory.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID, vmUri } from "../place.ts";
import { startChild } from "./child.ts";

const PROGRAM = fileURLToPath(new URL("../../../src/emulator/main.ts", import.meta.url));
const CONNECTIONS = 16;
const WARM_UP_MS = 1500;
const MEASURED_MS = 4000;
const SETTLE_MS = 2000;
const MS_PER_SECOND = 1000;

/** The emulator's own program in a process of its own. */
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
  const folder = await mkdtemp(join(tmpdir(), "bench-emulator-"));
  const config = join(folder, "scenario.yaml");
  await writeFile(
    config,
    `subscriptionId: ${SUBSCRIPTION_ID}\nresourceGroups: [${RESOURCE_GROUP}]\n` +
      `virtualMachines: [{ name: node, count: 20 }]\n`,
  );
  const emulator = startChild([PROGRAM, "--config", config, "--ca-file", join(folder, "ca.pem"), "--json"]);
  try {
    const { url, caFile } = JSON.parse(await emulator.line()) as { url: string; caFile: string };
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
    await rm(folder, { recursive: true, force: true });
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

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
