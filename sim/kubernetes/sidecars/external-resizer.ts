import { bytesToGibRoundedUp, gibToBytes } from "../../../src/core/primitives/units.ts";
import { createKeyedWork } from "../api/keyed-work.ts";
import { mayHaveHappened } from "../csi-outcome.ts";
import { sidecarTimings } from "./sidecar-timings.ts";
import { callController, type Sidecar } from "./sidecar.ts";
import { volumeCapabilityOf } from "./volume-capability.ts";

const { timeoutMs, backoff } = sidecarTimings["csi-resizer"];
/** Of the final codes, those after which the claim's status says that its size is infeasible. */
const infeasibleCodes: readonly string[] = ["INVALID_ARGUMENT", "OUT_OF_RANGE", "NOT_FOUND"];

/** The size that was requested last, in GiB, and what the claim's status says of it. */
interface AllocatedSize {
  readonly sizeGiB: number;
  readonly state: "inProgress" | "infeasible" | "granted";
}

/** By the claim's uid: its `status.allocatedResources`, which outlives a sidecar. */
export type AllocatedSizes = Map<string, AllocatedSize>;

/**
 * external-resizer 2.2.0: ControllerExpandVolume for claims that request more than their volume has. A size
 * whose outcome is uncertain is requested again, whatever the claim requests by then; after a final failure
 * the claim counts again, which only this process remembers unless the size was infeasible. After a failure
 * only its backoff or another size of the claim repeats the call: no change of a pod does, whatever
 * `--handle-volume-inuse-error` says. The kubelet grows the file system.
 */
export function runExternalResizer(sidecar: Sidecar, allocated: AllocatedSizes): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const refusedClaims = new Set<string>();
  const claims = createKeyedWork({ tasks, clock, backoff, work: (name) => expand(name) });

  async function expand(name: string): Promise<boolean> {
    const claim = view.get("Claim", name);
    const volume = view.get("PersistentVolume", name);
    if (claim === undefined || volume === undefined || claim.isDeleted || volume.isDeleted || !claim.isBound)
      return true;
    const { uid } = claim;
    const last = allocated.get(uid);
    const isUncertain = last?.state === "inProgress" && !refusedClaims.has(uid);
    const sizeGiB = isUncertain ? last.sizeGiB : claim.sizeGiB;
    // It puts the volume that it has changed into its own cache.
    const presentGiB = Math.max(volume.sizeGiB, last?.state === "granted" ? last.sizeGiB : 0);
    if (sizeGiB <= presentGiB) return true;
    allocated.set(uid, { sizeGiB, state: "inProgress" });
    const request = {
      volumeId: volume.volumeId,
      capacityRange: { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n },
      secrets: {},
      volumeCapability: volumeCapabilityOf(volume.workload),
    };
    const answer = await callController(sidecar, (csi) => csi.controllerExpandVolume, request, timeoutMs);
    if (!answer.ok) {
      trace.note(name, `ControllerExpandVolume to ${sizeGiB} GiB failed: ${answer.code}`);
      if (mayHaveHappened(answer.code)) refusedClaims.delete(uid);
      else refusedClaims.add(uid);
      if (infeasibleCodes.includes(answer.code)) allocated.set(uid, { sizeGiB, state: "infeasible" });
      return false;
    }
    refusedClaims.delete(uid);
    allocated.set(uid, { sizeGiB, state: "granted" });
    const grownGiB = bytesToGibRoundedUp(answer.value.capacityBytes);
    api.change("PersistentVolume", name, { sizeGiB: grownGiB });
    if (!answer.value.nodeExpansionRequired) api.change("Claim", name, { capacityGiB: grownGiB });
    trace.note(name, `its disk has ${grownGiB} GiB`);
    // The change of the claim's status queues it again: it may have requested more before this call.
    if ((view.get("Claim", name)?.sizeGiB ?? 0) > grownGiB) claims.queue(name);
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
