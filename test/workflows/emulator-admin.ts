import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { Lab } from "../../demo/lab.ts";

/** Changes how fast the emulator's Azure is from now on: its latencies times this. */
export async function setAzureTimeScale(lab: Lab, timeScale: number): Promise<void> {
  const { azure = "", "azure-ca": caFile = "" } = lab.endpoints;
  const ca = await readFile(caFile, "utf8");
  const body = JSON.stringify({ timeScale });
  await new Promise<void>((resolve, reject) => {
    const sent = request(
      `${azure}/emulator/v1/settings`,
      { ca, method: "PATCH", headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } },
      (response) => {
        response.resume();
        response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(`the emulator answered ${response.statusCode}`))));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
