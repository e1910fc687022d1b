import { createKeyedWork } from "../api/keyed-work.ts";
import { callController, type Sidecar } from "./sidecar.ts";
import { volumeCapabilityOf } from "./volume-capability.ts";

/** As the chart starts it. */
const TIMEOUT_MS = 240_000;
const BACKOFF = { baseMs: 1_000, maxMs: 300_000 } as const;
const BYTES_PER_GIB = 1n << 30n;

/**
 * external-resizer: ControllerExpandVolume for claims that request more than their volume has. After
 * `FAILED_PRECONDITION` it waits until no pod uses the volume (`--handle-volume-inuse-error`). The kubelet
 * grows the file system.
 */
export function runExternalResizer(sidecar: Sidecar): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const claims = createKeyedWork({ tasks, clock, backoff: BACKOFF, work: (name) => expand(name) });
  const waitingForPods = new Set<string>();

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
    if (waitingForPods.has(name) && isUsed(name)) return true;
    waitingForPods.delete(name);
    const request = {
      volumeId: volume.volumeId,
      capacityRange: { requiredBytes: BigInt(claim.sizeGiB) * BYTES_PER_GIB, limitBytes: 0n },
      secrets: {},
      volumeCapability: volumeCapabilityOf(volume.workload),
    };
    const answer = await callController(sidecar, (csi) => csi.controllerExpandVolume, request, TIMEOUT_MS);
    if (!answer.ok) {
      trace.note(name, `ControllerExpandVolume failed: ${answer.code}`);
      if (answer.code === "FAILED_PRECONDITION") waitingForPods.add(name);
      return waitingForPods.has(name) && isUsed(name);
    }
    const sizeGiB = Number(answer.value.capacityBytes / BYTES_PER_GIB);
    api.change("PersistentVolume", name, { sizeGiB });
    if (!answer.value.nodeExpansionRequired) api.change("Claim", name, { capacityGiB: sizeGiB });
    trace.note(name, `its disk has ${sizeGiB} GiB`);
    return true;
  }

  function isUsed(volumeName: string): boolean {
    for (const pod of view.list("Pod"))
      if (pod.volumeName === volumeName && pod.nodeName !== undefined) return true;
    return false;
  }

  view.onChange((change) => {
    if (
      change.kind === "Claim" &&
      change.current !== undefined &&
      change.current.sizeGiB !== change.previous?.sizeGiB
    )
      claims.queue(change.name);
    if (change.kind === "PersistentVolume" && change.previous === undefined) claims.queue(change.name);
    if (
      change.kind === "Pod" &&
      change.current === undefined &&
      waitingForPods.has(change.previous?.volumeName ?? "")
    )
      claims.queue(change.previous?.volumeName ?? "");
  });
}
