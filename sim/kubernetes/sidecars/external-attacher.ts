import type { VolumeAttachment } from "../api/api-objects.ts";
import { createKeyedWork } from "../api/keyed-work.ts";
import { sidecarTimings } from "./sidecar-timings.ts";
import { callController, type Sidecar } from "./sidecar.ts";
import { volumeCapabilityOf } from "./volume-capability.ts";

const { timeoutMs, backoff } = sidecarTimings["csi-attacher"];

/**
 * external-attacher: turns VolumeAttachments into ControllerPublishVolume, and deleted ones into
 * ControllerUnpublishVolume, one call for each at a time.
 */
export function runExternalAttacher(sidecar: Sidecar): void {
  const { api, view, tasks, clock, trace } = sidecar;
  const attachments = createKeyedWork({ tasks, clock, backoff, work: (name) => reconcile(name) });

  async function reconcile(name: string): Promise<boolean> {
    const attachment = view.get("VolumeAttachment", name);
    if (attachment === undefined) return true;
    if (attachment.isDeleted) return attachment.isKeptByAttacher ? unpublish(attachment) : true;
    return attachment.isAttached ? true : publish(attachment);
  }

  async function publish({
    name,
    uid,
    volumeName,
    nodeName,
    isKeptByAttacher,
  }: VolumeAttachment): Promise<boolean> {
    const volume = api.get("PersistentVolume", volumeName);
    if (volume === undefined || volume.isDeleted)
      return record(name, uid, { error: `PersistentVolume ${volumeName} is gone or going` });
    api.change("PersistentVolume", volumeName, { isKeptByAttacher: true });
    // Only this write asks the API server whether there is such a VolumeAttachment (csi_handler.go).
    if (!isKeptByAttacher && !record(name, uid, { isKeptByAttacher: true })) return true;
    const { volumeId, workload, volumeContext } = volume;
    const request = {
      volumeId,
      nodeId: nodeName,
      volumeCapability: volumeCapabilityOf(workload),
      readonly: false,
      secrets: {},
      volumeContext: { ...volumeContext },
    };
    const answer = await callController(sidecar, (csi) => csi.controllerPublishVolume, request, timeoutMs);
    if (!answer.ok) {
      record(name, uid, { error: answer.message });
      return false;
    }
    record(name, uid, { isAttached: true, publishContext: answer.value.publishContext, error: undefined });
    return true;
  }

  async function unpublish({ name, uid, volumeName, nodeName }: VolumeAttachment): Promise<boolean> {
    const volumeId = api.get("PersistentVolume", volumeName)?.volumeId;
    if (volumeId === undefined) return true;
    const answer = await callController(
      sidecar,
      (csi) => csi.controllerUnpublishVolume,
      { volumeId, nodeId: nodeName, secrets: {} },
      timeoutMs,
    );
    // A missing volume is not attached either: it takes this one error for success.
    if (!answer.ok && answer.code !== "NOT_FOUND") {
      record(name, uid, { error: answer.message });
      return false;
    }
    if (api.get("VolumeAttachment", name)?.uid === uid) {
      api.remove("VolumeAttachment", name);
      trace.note(volumeName, `its VolumeAttachment for ${nodeName} is gone`);
    }
    return true;
  }

  /** Writes to the very VolumeAttachment that it is about; returns whether it still exists. */
  function record(name: string, uid: string, change: Partial<VolumeAttachment>): boolean {
    return api.get("VolumeAttachment", name)?.uid === uid && api.change("VolumeAttachment", name, change);
  }

  /** It keeps a volume only for the sake of VolumeAttachments. */
  function freeVolume(volumeName: string): void {
    const volume = api.get("PersistentVolume", volumeName);
    if (
      volume?.isDeleted === true &&
      !api.list("VolumeAttachment").some((other) => other.volumeName === volumeName)
    )
      api.remove("PersistentVolume", volumeName);
  }

  view.onChange((change) => {
    if (change.kind === "PersistentVolume") freeVolume(change.name);
    if (change.kind !== "VolumeAttachment") return;
    const { name, previous, current } = change;
    if (current === undefined) return freeVolume(previous?.volumeName ?? "");
    // Its own write does not trigger it: an error that it recorded must not end its own pause.
    const isNews =
      previous === undefined || previous.uid !== current.uid || previous.isDeleted !== current.isDeleted;
    if (isNews) attachments.queue(name);
  });
}
