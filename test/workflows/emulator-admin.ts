import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { Lab } from "../../demo/lab/lab.ts";
import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";

/** Changes the speed of the emulator's Azure: its latencies times this. */
export async function setAzureTimeScale(lab: Lab, timeScale: number): Promise<void> {
  await ask(lab, "PATCH", "/emulator/v1/settings", { timeScale });
}

/** The emulator's calls after a sequence number, oldest first. Default: only the last sequence number. */
export async function emulatorJournal(
  lab: Lab,
  since = Number.MAX_SAFE_INTEGER,
): Promise<{ readonly lastSequence: number; readonly value: readonly JournalEntry[] }> {
  const answer = await ask(lab, "GET", `/emulator/v1/journal?since=${since}`);
  return JSON.parse(answer) as Awaited<ReturnType<typeof emulatorJournal>>;
}

async function ask(lab: Lab, method: string, path: string, body?: object): Promise<string> {
  const { azure = "", "azure-ca": caFile = "" } = lab.endpoints;
  const ca = await readFile(caFile, "utf8");
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request(`${azure}${path}`, { ca, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
        else reject(new Error(`the emulator answered ${response.statusCode} to ${method} ${path}`));
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });
}
