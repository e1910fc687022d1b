import { createKeyedWork } from "../api/keyed-work.ts";
import { mayHaveHappened } from "../csi-outcome.ts";
import { mutableParametersOf, type VolumeClass } from "../volume-class.ts";
import { sidecarTimings } from "./sidecar-timings.ts";
import { callController, type Sidecar } from "./sidecar.ts";

const { timeoutMs, backoff } = sidecarTimings["csi-resizer"];

/**
 * The class that is requested, by claim, until the outcome is certain: a claim's `modifyVolumeStatus`, which
 * outlives a sidecar.
 */
export type BegunClasses = Map<string, VolumeClass>;

/**
 * external-resizer's modify controller: ControllerModifyVolume for claims whose VolumeAttributesClass is not
 * that of their volume. A class whose outcome is uncertain is requested again, whatever the claim names by
 * then; the present one comes after it.
 */
export function runModifyController(sidecar: Sidecar, begun: BegunClasses): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const claims = createKeyedWork({ tasks, clock, backoff, work: (name) => modify(name) });

  async function modify(name: string): Promise<boolean> {
    const claim = view.get("Claim", name);
    const volume = view.get("PersistentVolume", name);
    if (claim === undefined || volume === undefined || !claim.isBound) return true;
    if (claim.isDeleted || volume.isDeleted) return true;
    const volumeClass = begun.get(claim.uid) ?? claim.volumeClass;
    if (volumeClass === undefined) return true;
    if (!begun.has(claim.uid) && volumeClass === volume.volumeClass) return true;
    begun.set(claim.uid, volumeClass);
    const mutableParameters = { ...mutableParametersOf(volumeClass) };
    const request = { volumeId: volume.volumeId, secrets: {}, mutableParameters };
    const answer = await callController(sidecar, (csi) => csi.controllerModifyVolume, request, timeoutMs);
    if (!answer.ok) {
      trace.note(name, `ControllerModifyVolume failed: ${answer.code}`);
      if (!mayHaveHappened(answer.code)) begun.delete(claim.uid);
      return false;
    }
    api.change("PersistentVolume", name, { volumeClass });
    begun.delete(claim.uid);
    trace.note(name, `its disk is of class ${volumeClass}`);
    // Its user may have requested another class during the call.
    return api.get("Claim", name)?.volumeClass === volumeClass;
  }

  view.onChange(({ kind, name, current }) => {
    if ((kind === "Claim" || kind === "PersistentVolume") && current !== undefined) claims.queue(name);
  });
}
