import { createKeyedWork } from "../api/keyed-work.ts";
import { callController, type Sidecar } from "./sidecar.ts";

/** As the chart starts it. */
const TIMEOUT_MS = 240_000;
const BACKOFF = { baseMs: 1_000, maxMs: 300_000 } as const;

/**
 * external-resizer's modify controller: ControllerModifyVolume for claims whose VolumeAttributesClass is not
 * that of their volume. The class that was asked for last is repeated until it is applied.
 */
export function runModifyController(sidecar: Sidecar): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const claims = createKeyedWork({ tasks, clock, backoff: BACKOFF, work: (name) => modify(name) });

  async function modify(name: string): Promise<boolean> {
    const claim = view.get("Claim", name);
    const volume = view.get("PersistentVolume", name);
    if (claim === undefined || volume === undefined || !claim.isBound) return true;
    if (claim.isDeleted || volume.isDeleted) return true;
    const { networkAccessPolicy } = claim;
    if (networkAccessPolicy === undefined || networkAccessPolicy === volume.networkAccessPolicy) return true;
    const request = { volumeId: volume.volumeId, secrets: {}, mutableParameters: { networkAccessPolicy } };
    const answer = await callController(sidecar, (csi) => csi.controllerModifyVolume, request, TIMEOUT_MS);
    if (!answer.ok) {
      trace.note(name, `ControllerModifyVolume failed: ${answer.code}`);
      return false;
    }
    api.change("PersistentVolume", name, { networkAccessPolicy });
    trace.note(name, `its disk has network access policy ${networkAccessPolicy}`);
    // Its user may have asked for another class during the call.
    return api.get("Claim", name)?.networkAccessPolicy === networkAccessPolicy;
  }

  view.onChange(({ kind, name, current }) => {
    if ((kind === "Claim" || kind === "PersistentVolume") && current !== undefined) claims.queue(name);
  });
}
