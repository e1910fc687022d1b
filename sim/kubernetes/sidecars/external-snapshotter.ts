import { bytesToGibRoundedUp } from "../../../src/core/primitives/units.ts";
import { createKeyedWork } from "../api/keyed-work.ts";
import { mayHaveHappened } from "../csi-outcome.ts";
import { sidecarTimings } from "./sidecar-timings.ts";
import { callController, type Sidecar } from "./sidecar.ts";

const { timeoutMs, backoff } = sidecarTimings["csi-snapshotter"];

/**
 * csi-snapshotter: CreateSnapshot for each VolumeSnapshot until it is ready to use, and DeleteSnapshot for
 * those that are deleted. A deletion waits for the end of a CreateSnapshot that may have done something: only
 * its answer says what to delete.
 */
export function runExternalSnapshotter(sidecar: Sidecar): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const snapshots = createKeyedWork({ tasks, clock, backoff, work: (name) => sync(name) });

  async function sync(name: string): Promise<boolean> {
    const snapshot = api.get("VolumeSnapshot", name);
    if (snapshot === undefined) return true;
    const { isDeleted, isBeingCreated, isReady, snapshotHandle } = snapshot;
    if (isDeleted && snapshotHandle !== undefined) return remove(name, snapshotHandle);
    if (isDeleted && !isBeingCreated) {
      api.remove("VolumeSnapshot", name);
      return true;
    }
    return isReady ? true : create(name);
  }

  async function create(name: string): Promise<boolean> {
    // The annotation is written first. There is none to write where the object has gone.
    const snapshot = api.get("VolumeSnapshot", name);
    if (snapshot === undefined) return true;
    if (snapshot.snapshotHandle === undefined) api.change("VolumeSnapshot", name, { isBeingCreated: true });
    const { sourceVolumeId, location, freezeSeconds, instantAccessMinutes: instant } = snapshot;
    const parameters: Record<string, string> = {
      ...(location === undefined ? {} : { location }),
      ...(freezeSeconds === undefined ? {} : { fileSystemFreezeSeconds: `${freezeSeconds}` }),
      ...(instant === undefined ? {} : { instantAccessDurationMinutes: `${instant}` }),
    };
    const answer = await callController(
      sidecar,
      (csi) => csi.createSnapshot,
      { name, sourceVolumeId, parameters, secrets: {}, accessibilityRequirements: undefined },
      timeoutMs,
    );
    if (!answer.ok) {
      const isRefused = !mayHaveHappened(answer.code);
      trace.note(name, `CreateSnapshot failed: ${answer.code}`);
      api.change("VolumeSnapshot", name, isRefused ? { isRefused, isBeingCreated: false } : { isRefused });
      return false;
    }
    const { snapshotId = "", readyToUse: isReady = false, sizeBytes = 0n } = answer.value.snapshot ?? {};
    const known = { snapshotHandle: snapshotId, sizeGiB: bytesToGibRoundedUp(sizeBytes) };
    const made = { ...known, isReady, isBeingCreated: false, isRefused: false };
    api.change("VolumeSnapshot", name, made);
    trace.note(name, isReady ? "is ready" : "is not ready yet");
    if (api.get("VolumeSnapshot", name)?.isDeleted === true) snapshots.queue(name);
    return isReady;
  }

  async function remove(name: string, snapshotId: string): Promise<boolean> {
    const answer = await callController(
      sidecar,
      (csi) => csi.deleteSnapshot,
      { snapshotId, secrets: {} },
      timeoutMs,
    );
    if (!answer.ok) {
      trace.note(name, `DeleteSnapshot failed: ${answer.code}`);
      return false;
    }
    api.remove("VolumeSnapshot", name);
    trace.note(name, "is deleted");
    return true;
  }

  view.onChange((change) => {
    if (change.kind !== "VolumeSnapshot" || change.current === undefined) return;
    if (change.previous === undefined || change.current.isDeleted) snapshots.queue(change.name);
  });
}
