import type { JsonAnswer } from "../cluster/https-json.ts";
import { waitUntil } from "./wait-until.ts";

/** Sends one request to Azure; `path` includes the query. */
type Send = (method: string, path: string) => Promise<Pick<JsonAnswer, "code" | "body">>;

const API_VERSION = "api-version=2025-04-01";
const CONFLICT = 409;
const STARTED_MAX_MS = 120_000;

/**
 * Starts a VM and waits until Azure reports it as running. Throws on any other failure than a conflict: while
 * the driver changes the VM's data disks, Azure refuses the start with 409, so it is requested again then.
 */
export async function startVm(send: Send, vmId: string, signal: AbortSignal): Promise<void> {
  const patience = { timeoutMs: STARTED_MAX_MS, signal };
  await waitUntil(`Azure to accept the start of ${vmId}`, patience, async () => {
    const path = `${vmId}/start?${API_VERSION}`;
    const { code, body } = await send("POST", path);
    if (code === CONFLICT) return undefined;
    if (code >= 400) throw new Error(`POST ${path}: ${code} ${JSON.stringify(body)}`);
    return true;
  });
  await waitUntil(`Azure to report ${vmId} as running`, patience, async () => {
    const path = `${vmId}?$expand=instanceView&${API_VERSION}`;
    const { code, body } = await send("GET", path);
    if (code >= 400) throw new Error(`GET ${path}: ${code} ${JSON.stringify(body)}`);
    const { provisioningState, instanceView } = (body as VmAnswer).properties;
    return (
      (provisioningState === "Succeeded" &&
        instanceView.statuses.some(({ code: status }) => status === "PowerState/running")) ||
      undefined
    );
  });
}

interface VmAnswer {
  readonly properties: {
    readonly provisioningState: string;
    readonly instanceView: { readonly statuses: readonly { readonly code: string }[] };
  };
}
