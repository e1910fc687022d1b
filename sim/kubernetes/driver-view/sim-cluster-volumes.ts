import { ok } from "../../../src/core/failure/result.ts";
import type {
  ClusterAttachment,
  ClusterVolume,
  ClusterVolumes,
} from "../../../src/ports/cluster/cluster-volumes.ts";
import type { PersistentVolume, VolumeAttachment } from "../api/api-objects.ts";
import type { ApiServer } from "../api/api-server.ts";
import type { ApiView } from "../api/api-view.ts";
import type { CallApi } from "./call-api.ts";

/**
 * `ClusterVolumes` from a process' cache and from direct reads; the same results as `adapters/kubernetes`.
 */
export function createClusterVolumes(view: ApiView, api: ApiServer, callApi: CallApi): ClusterVolumes {
  const attached = (): ReadonlySet<string> =>
    new Set([...view.list("VolumeAttachment")].map(({ volumeName }) => volumeName));

  /** Removes an attacher's finalizer; a deleted volume goes with it. */
  function freeVolume(name: string): void {
    const volume = api.get("PersistentVolume", name);
    if (volume?.isDeleted === true) api.remove("PersistentVolume", name);
    else api.change("PersistentVolume", name, { isKeptByAttacher: false });
  }

  return {
    knowsAttachments: true,
    untilSynced: view.untilSynced,
    volumes: () => byName(view.list("PersistentVolume")).map(clusterVolume),
    volumesOf: (diskUri) =>
      byName(view.list("PersistentVolume"))
        .map(clusterVolume)
        .filter((volume) => volume.volumeId.toLowerCase() === diskUri.toLowerCase()),
    volumeOf: (volumeId) =>
      byName(view.list("PersistentVolume"))
        .map(clusterVolume)
        .find((volume) => volume.volumeId.toLowerCase() === volumeId.toLowerCase()),
    isNamed: (diskUri) =>
      [...view.list("PersistentVolume")].some(
        (volume) => clusterVolume(volume).volumeId.toLowerCase() === diskUri.toLowerCase(),
      ),
    attachments: () =>
      byName(view.list("VolumeAttachment")).flatMap(
        (attachment) =>
          clusterAttachment(attachment, view.get("PersistentVolume", attachment.volumeName)) ?? [],
      ),
    attachmentOn: (volumeId, nodeName) =>
      [...view.list("VolumeAttachment")]
        .filter((attachment) => attachment.nodeName === nodeName)
        .flatMap(
          (attachment) =>
            clusterAttachment(attachment, view.get("PersistentVolume", attachment.volumeName)) ?? [],
        )
        .find((attachment) => attachment.volumeId.toLowerCase() === volumeId.toLowerCase()),
    onChange: (listener) => {
      view.onChange((change) => {
        if (change.kind !== "VolumeAttachment") return;
        const { previous, current } = change;
        if (previous !== undefined && current !== undefined && previous.isDeleted === current.isDeleted)
          return;
        const attachment = current ?? previous;
        if (attachment === undefined) return;
        const { nodeName, volumeName } = attachment;
        listener(nodeName, view.get("PersistentVolume", volumeName)?.volumeId);
      });
    },
    readAttachment: (name, signal) =>
      callApi(() => {
        const attachment = api.get("VolumeAttachment", name);
        return attachment === undefined
          ? undefined
          : clusterAttachment(attachment, api.get("PersistentVolume", attachment.volumeName));
      }, signal),
    deleteAttachment: (expected, signal) =>
      callApi(() => {
        const { name } = expected;
        const attachment = api.get("VolumeAttachment", name);
        if (attachment?.uid !== expected.uid || versionOf(attachment) !== expected.version) return false;
        if (attachment.isKeptByAttacher)
          api.change("VolumeAttachment", name, { isDeleted: true, error: undefined });
        else api.remove("VolumeAttachment", name);
        return true;
      }, signal),
    releaseAttachment: async (name, signal) => {
      const volumeName = await callApi(() => {
        const attachment = api.get("VolumeAttachment", name);
        api.remove("VolumeAttachment", name);
        return attachment?.volumeName;
      }, signal);
      if (!volumeName.ok || volumeName.value === undefined) return volumeName.ok ? ok(undefined) : volumeName;
      const isLast = ![...view.list("VolumeAttachment")].some(
        (other) => other.name !== name && other.volumeName === volumeName.value,
      );
      return isLast ? callApi(() => freeVolume(volumeName.value ?? ""), signal) : ok(undefined);
    },
    releaseVolumes: async (signal) => {
      for (const { name, isKeptByAttacher } of byName(view.list("PersistentVolume"))) {
        if (!isKeptByAttacher || attached().has(name)) continue;
        const freed = await callApi(() => freeVolume(name), signal);
        if (!freed.ok) return freed;
      }
      return ok(undefined);
    },
    nodePresence: async (nodeName, signal) => {
      const read = await callApi(() => api.get("Node", nodeName) !== undefined, signal);
      if (!read.ok) return "unknown";
      return read.value ? "present" : "gone";
    },
  };
}

function byName<T extends { readonly name: string }>(objects: Iterable<T>): readonly T[] {
  return [...objects].toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

function clusterVolume({
  name,
  volumeId,
  workload,
  volumeContext,
  claimUid,
}: PersistentVolume): ClusterVolume {
  const { access, sharedBy } = workload;
  return {
    name,
    volumeId,
    capabilities: [
      {
        accessMode: sharedBy === undefined ? "SINGLE_NODE_WRITER" : "MULTI_NODE_MULTI_WRITER",
        accessType: access,
        ...(access === "mount" ? { fsType: "ext4" } : {}),
      },
    ],
    volumeContext,
    readOnly: false,
    claim: { namespace: "default", name: `data-${name}-0`, uid: claimUid },
  };
}

/** What the driver reads of it has changed where this has. */
function versionOf({ isAttached, isDeleted, isKeptByAttacher }: VolumeAttachment): string {
  return JSON.stringify([isAttached, isDeleted, isKeptByAttacher]);
}

function clusterAttachment(
  attachment: VolumeAttachment,
  volume: PersistentVolume | undefined,
): ClusterAttachment | undefined {
  if (volume === undefined) return undefined;
  const { volumeId } = volume;
  const { name, nodeName, isAttached, isDeleted, uid } = attachment;
  return {
    name,
    volumeId,
    nodeName,
    isAttached,
    isTerminating: isDeleted,
    uid,
    version: versionOf(attachment),
  };
}
