import type { Lab } from "../../testbed/lab/lab.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";

const READY_MAX_MS = 240_000;

/** Waits until a node exists and is Ready. */
export async function untilNodeReady(lab: Lab, nodeName: string): Promise<void> {
  await waitUntil(`${nodeName} to be Ready`, { timeoutMs: READY_MAX_MS }, async () => {
    const ready = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    return (await lab.kubectl(["get", "node", nodeName, ready]).catch(() => "")) === "True"
      ? true
      : undefined;
  });
}
