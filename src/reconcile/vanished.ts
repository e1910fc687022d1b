import { planWriter } from "../core/plan/plan-writer.ts";
import { isVanishedCheck } from "../core/plan/writer-action.ts";
import { ok } from "../core/result.ts";
import { confirmVanished } from "./confirm-vanished.ts";
import type { Reconciled, Reconciler } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { observeVolume } from "./observe-volume.ts";

/** How often Azure is asked about the same volume's VMs, in milliseconds. Three reads each time, at most; a VM that is being deleted takes longer. */
const ASK_AGAIN_MS = 10_000;

/**
 * Asks Azure whether VMs that keep a volume from its next writer still exist. In a loop of its own: the volume's loop never waits for Azure, and runs at each change of an
 * attachment, which a node may write as often as it likes. No change brings a question before its time.
 */
export function vanishedReconciler(ports: ControllerPorts): Reconciler {
  return {
    name: "vanished",
    workers: 16,
    backoff: { baseMs: 1_000, maxMs: ASK_AGAIN_MS },
    reconcile: (volumeName, signal) => checkVolume(ports, volumeName, signal),
  };
}

async function checkVolume(ports: ControllerPorts, volumeName: string, signal: AbortSignal): Promise<Reconciled> {
  const observed = observeVolume(ports, volumeName);
  const volumeId = observed?.volume.status?.detail?.diskUri;
  if (observed === undefined || volumeId === undefined) return ok({});
  const checks = planWriter(observed).filter(isVanishedCheck);
  for (const { node } of checks) {
    const confirmed = await confirmVanished(ports, { volumeName, volumeId }, node, signal);
    if (!confirmed.ok && confirmed.failure.kind !== "NotWriter") return confirmed;
  }
  return ok(checks.length === 0 ? {} : { againAfterMs: ASK_AGAIN_MS });
}
