import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ClusterAttachment, ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { ApiClient } from "./api/api-client.ts";
import {
  coreResources,
  deleteCoreObject,
  readCoreObject,
  removeCoreFinalizer,
} from "./core/core-object-calls.ts";
import { attacherFinalizer, clusterVolumeOf, type PersistentVolume } from "./core/core-persistent-volume.ts";
import type { CoreCaches } from "./core/core-sources.ts";
import {
  type ClusterVolumeAttachment,
  readClusterVolumeAttachment,
  type VolumeAttachment,
} from "./core/core-volume-attachment.ts";

/** PersistentVolumes that are released in parallel. */
const RELEASED_AT_ONCE = 16;

/** `ClusterVolumes` from PersistentVolumes and VolumeAttachments. */
export function createClusterVolumes(options: {
  readonly client: ApiClient;
  readonly caches: Pick<CoreCaches, "persistentVolumes" | "volumeAttachments">;
  readonly driverName: string;
}): ClusterVolumes {
  const { client, caches, driverName } = options;
  const { persistentVolumes, volumeAttachments } = caches;
  const finalizer = attacherFinalizer(driverName);

  const volumesPath = coreResources.persistentVolumes;
  const attachmentsPath = coreResources.volumeAttachments;

  const readVolume = (name: string, signal: AbortSignal): Promise<Result<PersistentVolume | undefined>> =>
    readCoreObject(client, volumesPath, name, signal);

  const readAttachmentObject = (
    name: string,
    signal: AbortSignal,
  ): Promise<Result<VolumeAttachment | undefined>> => readCoreObject(client, attachmentsPath, name, signal);

  function cachedVolumeId({
    inlineVolumeId,
    persistentVolumeName = "",
  }: ClusterVolumeAttachment): string | undefined {
    return inlineVolumeId ?? persistentVolumes.get(persistentVolumeName)?.volume?.volumeId;
  }

  async function readVolumeId(
    attachment: ClusterVolumeAttachment,
    signal: AbortSignal,
  ): Promise<Result<string | undefined>> {
    const { inlineVolumeId, persistentVolumeName } = attachment;
    if (inlineVolumeId !== undefined || persistentVolumeName === undefined) return ok(inlineVolumeId);
    const read = await readVolume(persistentVolumeName, signal);
    if (!read.ok) return read;
    return ok(
      read.value === undefined
        ? undefined
        : clusterVolumeOf(persistentVolumeName, read.value.spec, driverName)?.volumeId,
    );
  }

  /** An attacher leaves its finalizer on a PersistentVolume until that is deleted. */
  async function removeAttacherFinalizer(name: string, signal: AbortSignal): Promise<Result<void>> {
    const read = await readVolume(name, signal);
    if (!read.ok || read.value === undefined) return read.ok ? ok(undefined) : read;
    return removeCoreFinalizer(client, volumesPath, read.value.metadata, finalizer, signal);
  }

  /** Names of PersistentVolumes that VolumeAttachments of this driver name, but for one of these. */
  function attachedVolumes(exceptAttachment?: string): ReadonlySet<string> {
    const others = volumeAttachments
      .list()
      .filter(({ isOurs, metadata }) => isOurs && metadata.name !== exceptAttachment);
    return new Set(others.flatMap(({ persistentVolumeName }) => persistentVolumeName ?? []));
  }

  return {
    knowsAttachments: true,
    untilSynced: async (signal) => {
      await Promise.all([persistentVolumes.untilSynced(signal), volumeAttachments.untilSynced(signal)]);
    },
    volumes: () => persistentVolumes.list().flatMap(({ volume }) => volume ?? []),
    volumesOf: (diskUri) =>
      persistentVolumes.byIndex("diskKey", resourceUriKey(diskUri)).flatMap(({ volume }) => volume ?? []),
    volumeOf: (volumeId) => {
      const named = persistentVolumes.byIndex("diskKey", resourceUriKey(volumeId));
      const unreleased = named.filter(({ isReleased }) => !isReleased);
      const bound = unreleased.filter(({ volume }) => volume?.claim !== undefined);
      return [...bound, ...unreleased, ...named].find(({ volume }) => volume !== undefined)?.volume;
    },
    isNamed: (diskUri) => persistentVolumes.byIndex("diskKey", resourceUriKey(diskUri)).length > 0,
    attachments: () =>
      volumeAttachments
        .list()
        .flatMap((attachment) => attachmentOf(attachment, cachedVolumeId(attachment)) ?? []),
    attachmentOn: (volumeId, nodeName) =>
      volumeAttachments
        .byIndex("nodeName", nodeName)
        .flatMap((attachment) => attachmentOf(attachment, cachedVolumeId(attachment)) ?? [])
        .find((attachment) => isSameResourceUri(attachment.volumeId, volumeId)),
    onChange: (listener) => {
      volumeAttachments.onChange(({ previous, current }) => {
        const attachment = current ?? previous;
        if (attachment?.isOurs === true && isRelevantAttachmentChange(previous, current))
          listener(attachment.nodeName, cachedVolumeId(attachment));
      });
    },
    readAttachment: async (name, signal) => {
      const read = await readAttachmentObject(name, signal);
      if (!read.ok || read.value === undefined) return read.ok ? ok(undefined) : read;
      const attachment = readClusterVolumeAttachment(read.value, driverName);
      const volumeId = await readVolumeId(attachment, signal);
      return volumeId.ok ? ok(attachmentOf(attachment, volumeId.value)) : volumeId;
    },
    deleteAttachment: ({ name, uid, version }, signal) =>
      deleteCoreObject(client, attachmentsPath, { name, uid, resourceVersion: version }, signal),
    releaseAttachment: async (name, signal) => {
      const read = await readAttachmentObject(name, signal);
      if (!read.ok || read.value?.spec.attacher !== driverName) return read.ok ? ok(undefined) : read;
      const { metadata } = read.value;
      const { uid } = metadata;
      const deleted = await deleteCoreObject(client, attachmentsPath, { name, uid }, signal);
      if (!deleted.ok) return deleted;
      const finalizerRemoved = await removeCoreFinalizer(
        client,
        attachmentsPath,
        metadata,
        finalizer,
        signal,
      );
      const volumeName = read.value.spec.source.persistentVolumeName;
      return !finalizerRemoved.ok || volumeName === undefined || attachedVolumes(name).has(volumeName)
        ? finalizerRemoved
        : removeAttacherFinalizer(volumeName, signal);
    },
    releaseVolumes: async (signal) => {
      const attached = attachedVolumes();
      const kept = persistentVolumes
        .list()
        .filter(
          ({ volume, isKeptByAttacher, metadata }) =>
            volume !== undefined && isKeptByAttacher && !attached.has(metadata.name),
        );
      for (let first = 0; first < kept.length; first += RELEASED_AT_ONCE) {
        const removals = await Promise.all(
          kept
            .slice(first, first + RELEASED_AT_ONCE)
            .map(({ metadata }) => removeAttacherFinalizer(metadata.name, signal)),
        );
        const failed = removals.find((one) => !one.ok);
        if (failed !== undefined) return failed;
      }
      return ok(undefined);
    },
    nodePresence: async (nodeName, signal) => {
      const read = await readCoreObject(client, coreResources.nodes, nodeName, signal);
      if (!read.ok) return "unknown";
      return read.value === undefined ? "gone" : "present";
    },
  };
}

/** Whether it was added, is being deleted, or was removed: its status changes far more often. */
function isRelevantAttachmentChange(
  previous: ClusterVolumeAttachment | undefined,
  current: ClusterVolumeAttachment | undefined,
): boolean {
  return previous === undefined || current === undefined || previous.isTerminating !== current.isTerminating;
}

function attachmentOf(
  attachment: ClusterVolumeAttachment,
  volumeId: string | undefined,
): ClusterAttachment | undefined {
  if (!attachment.isOurs || volumeId === undefined) return undefined;
  const { metadata, nodeName, isAttached, isTerminating } = attachment;
  const { name, uid, resourceVersion: version } = metadata;
  return { name, volumeId, nodeName, isAttached, isTerminating, uid, version };
}
