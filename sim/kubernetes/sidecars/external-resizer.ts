import { createKeyedWork } from "../api/keyed-work.ts";
import { sidecarTimings } from "./sidecar-timings.ts";
import { callController, type Sidecar } from "./sidecar.ts";
import { volumeCapabilityOf } from "./volume-capability.ts";

const { timeoutMs, backoff } = sidecarTimings["csi-resizer"];
const BYTES_PER_GIB = 1n << 30n;

/**
 * external-resizer: ControllerExpandVolume for claims that request more than their volume has. After a
 * failure only its backoff repeats the call: no change of a pod does, whatever
 * `--handle-volume-inuse-error` says. The kubelet grows the file system.
 */
export function runExternalResizer(sidecar: Sidecar): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const claims = createKeyedWork({ tasks, clock, backoff, work: (name) => expand(name) });

  async function expand(name: string): Promise<boolean> {
    const claim = view.get("Claim", name);
    const volume = view.get("PersistentVolume", name);
    if (
      claim === undefined ||
      volume === undefined ||
      claim.isDeleted ||
      volume.isDeleted ||
      !claim.isBound ||
      claim.sizeGiB <= volume.sizeGiB
    )
      return true;
    const request = {
      volumeId: volume.volumeId,
      capacityRange: { requiredBytes: BigInt(claim.sizeGiB) * BYTES_PER_GIB, limitBytes: 0n },
      secrets: {},
      volumeCapability: volumeCapabilityOf(volume.workload),
    };
    const answer = await callController(sidecar, (csi) => csi.controllerExpandVolume, request, timeoutMs);
    if (!answer.ok) {
      trace.note(name, `ControllerExpandVolume failed: ${answer.code}`);
      return false;
    }
    const sizeGiB = Number(answer.value.capacityBytes / BYTES_PER_GIB);
    api.change("PersistentVolume", name, { sizeGiB });
    if (!answer.value.nodeExpansionRequired) api.change("Claim", name, { capacityGiB: sizeGiB });
    trace.note(name, `its disk has ${sizeGiB} GiB`);
    return true;
  }

  view.onChange((change) => {
    if (
      change.kind === "Claim" &&
      change.current !== undefined &&
      change.current.sizeGiB !== change.previous?.sizeGiB
    )
      claims.queue(change.name);
    if (change.kind === "PersistentVolume" && change.previous === undefined) claims.queue(change.name);
  });
}
