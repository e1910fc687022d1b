import { gibToBytes } from "../../../src/core/primitives/units.ts";
import type { NodePublishVolumeRequest, NodeStageVolumeRequest } from "../../../src/csi/gen/csi/v1/csi.ts";
import { volumeAttachmentNameOf } from "../api/api-objects.ts";
import { mayHaveHappened } from "../csi-outcome.ts";
import { volumeCapabilityOf } from "../sidecars/volume-capability.ts";
import { callNode, type KubeletContext } from "./kubelet-context.ts";
import { stagingPathOf, targetPathOf } from "./kubelet-files.ts";
import type { Certainty, VolumeState } from "./volume-state.ts";

/**
 * A kubelet's operations on one volume. Each returns whether it succeeded, and records in the state and in
 * the kubelet's folders what may have happened.
 */
export interface VolumeOperations {
  stageAndPublish(state: VolumeState, podUid: string): Promise<boolean>;
  unpublish(state: VolumeState, podUid: string): Promise<boolean>;
  unstage(state: VolumeState): Promise<boolean>;
  /** Grows the file system of a volume that is published for a pod. */
  growPublished(state: VolumeState, podUid: string): Promise<boolean>;
  /** Whether the disk has grown, and its file system has not. */
  hasGrown(volumeName: string): boolean;
}

/** The operations of one process of a kubelet. */
export function createVolumeOperations(context: KubeletContext): VolumeOperations {
  const { api, tasks, files, nodeName, attach, trace } = context;

  async function stageAndPublish(state: VolumeState, podUid: string): Promise<boolean> {
    await context.untilReachable(tasks.signal);
    const volume = api.get("PersistentVolume", state.name);
    const attachment = api.get("VolumeAttachment", volumeAttachmentNameOf(state.name, nodeName));
    if (volume === undefined || (attach === "kubernetes" && attachment?.isAttached !== true)) return false;
    const { volumeId, volumeContext, workload } = volume;
    const { access, sharedBy } = workload;
    files.volumes.set(state.name, { volumeId, access, isShared: sharedBy !== undefined });
    const shared = {
      volumeId,
      publishContext: { ...attachment?.publishContext },
      stagingTargetPath: stagingPathOf(state.name, access),
      volumeCapability: volumeCapabilityOf(workload),
      secrets: {},
      volumeContext: { ...volumeContext },
    };
    if (state.staged !== "yes" && !(await stage(state, shared))) return false;
    if (
      access === "mount" &&
      state.published.size === 0 &&
      hasGrown(state.name) &&
      !(await grow(state, shared.stagingTargetPath))
    )
      return false;
    return publish(state, podUid, {
      ...shared,
      targetPath: targetPathOf(state.name, podUid, access),
      readonly: false,
    });
  }

  async function stage(state: VolumeState, request: NodeStageVolumeRequest): Promise<boolean> {
    files.stagings.add(state.name);
    const answer = await callNode(context, (csi) => csi.nodeStageVolume, request);
    state.staged = certaintyAfter(state, state.staged, answer);
    if (state.staged === "no") files.stagings.delete(state.name);
    if (answer?.ok === true) state.growsUnmounted = false;
    return answer?.ok === true;
  }

  async function publish(
    state: VolumeState,
    podUid: string,
    request: NodePublishVolumeRequest,
  ): Promise<boolean> {
    files.targets.set(podUid, state.name);
    const answer = await callNode(context, (csi) => csi.nodePublishVolume, request);
    const certainty = certaintyAfter(state, state.published.get(podUid) ?? "no", answer);
    if (answer?.ok === true) files.published.set(podUid, state.name);
    if (certainty !== "no") state.published.set(podUid, certainty);
    else {
      state.published.delete(podUid);
      files.targets.delete(podUid);
    }
    return answer?.ok === true;
  }

  async function grow(state: VolumeState, volumePath: string): Promise<boolean> {
    await context.untilReachable(tasks.signal);
    const volume = api.get("PersistentVolume", state.name);
    if (volume === undefined) return false;
    const { volumeId, sizeGiB, workload } = volume;
    const request = {
      volumeId,
      volumePath,
      capacityRange: { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n },
      stagingTargetPath: stagingPathOf(state.name, workload.access),
      volumeCapability: volumeCapabilityOf(workload),
      secrets: {},
    };
    const answer = await callNode(context, (csi) => csi.nodeExpandVolume, request);
    // Not while it is in use: that is no reason to keep a pod from starting.
    state.growsUnmounted = answer?.ok === false && answer.code === "FAILED_PRECONDITION";
    if (answer?.ok !== true) return state.growsUnmounted;
    await context.untilReachable(tasks.signal);
    api.change("Claim", state.name, { capacityGiB: sizeGiB });
    trace.note(state.name, `what is on it has ${sizeGiB} GiB`);
    return true;
  }

  function hasGrown(volumeName: string): boolean {
    const capacityGiB = api.get("Claim", volumeName)?.capacityGiB;
    return capacityGiB !== undefined && capacityGiB < (api.get("PersistentVolume", volumeName)?.sizeGiB ?? 0);
  }

  return {
    stageAndPublish,
    growPublished: (state, podUid) => {
      const access = files.volumes.get(state.name)?.access ?? "mount";
      return grow(state, targetPathOf(state.name, podUid, access));
    },
    hasGrown,
    unpublish: async (state, podUid) => {
      const volume = files.volumes.get(state.name);
      if (volume === undefined) return false;
      const request = {
        volumeId: volume.volumeId,
        targetPath: targetPathOf(state.name, podUid, volume.access),
      };
      // It may be half done, whatever the response: for a new pod it is published again.
      state.published.set(podUid, "uncertain");
      files.published.delete(podUid);
      const answer = await callNode(context, (csi) => csi.nodeUnpublishVolume, request);
      if (answer?.ok !== true) return false;
      state.published.delete(podUid);
      files.targets.delete(podUid);
      return true;
    },
    unstage: async (state) => {
      const volume = files.volumes.get(state.name);
      if (volume === undefined) return false;
      const request = {
        volumeId: volume.volumeId,
        stagingTargetPath: stagingPathOf(state.name, volume.access),
      };
      // It may be half done, whatever the response: for a new pod it is staged again.
      state.staged = "uncertain";
      const answer = await callNode(context, (csi) => csi.nodeUnstageVolume, request);
      if (answer?.ok !== true) return false;
      state.staged = "no";
      state.isReconstructed = false;
      files.stagings.delete(state.name);
      return true;
    },
  };
}

/** The state after a call that may have changed something; without a response no call was made. */
function certaintyAfter(
  state: VolumeState,
  before: Certainty,
  answer: { readonly ok: boolean; readonly code?: string } | undefined,
): Certainty {
  if (answer === undefined) return before;
  if (answer.ok) return "yes";
  if (mayHaveHappened(answer.code ?? "")) return before === "no" ? "uncertain" : before;
  return before === "uncertain" && !state.isReconstructed ? "no" : before;
}
