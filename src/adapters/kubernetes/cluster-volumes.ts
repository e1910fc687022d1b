import type { Failure } from "../../core/failure.ts";
import { resourceUriKey } from "../../core/model/disk-uri.ts";
import { ok, type Result } from "../../core/result.ts";
import type { ClusterAttachment, ClusterVolumes } from "../../ports/cluster-volumes.ts";
import type { ApiClient } from "./api-client.ts";
import { coreResources, deleteCoreObject, readCoreObject, removeCoreFinalizer } from "./core-object-calls.ts";
import { clusterVolumeOf, type PersistentVolume } from "./core-persistent-volume.ts";
import type { CoreCaches } from "./core-sources.ts";
import { type ClusterVolumeAttachment, readClusterVolumeAttachment, type VolumeAttachment } from "./core-volume-attachment.ts";

/** `ClusterVolumes` from PersistentVolumes and VolumeAttachments. */
export function createClusterVolumes(options: {
  readonly client: ApiClient;
  readonly caches: Pick<CoreCaches, "persistentVolumes" | "volumeAttachments">;
  readonly driverName: string;
}): ClusterVolumes {
  const { client, caches, driverName } = options;
  const { persistentVolumes, volumeAttachments } = caches;
  const finalizer = attacherFinalizer(driverName);

  function cachedVolumeId({ inlineVolumeId, persistentVolumeName = "" }: ClusterVolumeAttachment): string | undefined {
    return inlineVolumeId ?? persistentVolumes.get(persistentVolumeName)?.volume?.volumeId;
  }

  async function readVolumeId(attachment: ClusterVolumeAttachment, signal: AbortSignal): Promise<Result<string | undefined, Failure>> {
    const { inlineVolumeId, persistentVolumeName } = attachment;
    if (inlineVolumeId !== undefined || persistentVolumeName === undefined) return ok(inlineVolumeId);
    const read = await readCoreObject<PersistentVolume>(client, coreResources.persistentVolumes, persistentVolumeName, signal);
    if (!read.ok) return read;
    return ok(read.value === undefined ? undefined : clusterVolumeOf(persistentVolumeName, read.value.spec, driverName)?.volumeId);
  }

  /** An attacher leaves its finalizer on a PersistentVolume until that is deleted: without an attacher it would never go away after its claim. */
  async function freePersistentVolume(attachment: VolumeAttachment, signal: AbortSignal): Promise<Result<void, Failure>> {
    const name = attachment.spec.source.persistentVolumeName;
    const isAttachedElsewhere = volumeAttachments
      .list()
      .some((other) => other.isOurs && other.persistentVolumeName === name && other.metadata.name !== attachment.metadata.name);
    if (name === undefined || isAttachedElsewhere) return ok(undefined);
    const read = await readCoreObject<PersistentVolume>(client, coreResources.persistentVolumes, name, signal);
    if (!read.ok || read.value === undefined) return read.ok ? ok(undefined) : read;
    return removeCoreFinalizer(client, coreResources.persistentVolumes, read.value.metadata, finalizer, signal);
  }

  return {
    knowsAttachments: true,
    untilSynced: async (signal) => {
      await Promise.all([persistentVolumes.untilSynced(signal), volumeAttachments.untilSynced(signal)]);
    },
    volumes: () => persistentVolumes.list().flatMap(({ volume }) => volume ?? []),
    volumeOf: (volumeId) => {
      const named = persistentVolumes.byIndex("diskKey", resourceUriKey(volumeId)).flatMap(({ volume }) => volume ?? []);
      return named.find(({ claim }) => claim !== undefined) ?? named[0];
    },
    attachments: () => volumeAttachments.list().flatMap((attachment) => attachmentOf(attachment, cachedVolumeId(attachment)) ?? []),
    readAttachment: async (name, signal) => {
      const read = await readCoreObject<VolumeAttachment>(client, coreResources.volumeAttachments, name, signal);
      if (!read.ok || read.value === undefined) return read.ok ? ok(undefined) : read;
      const attachment = readClusterVolumeAttachment(read.value, driverName);
      const volumeId = await readVolumeId(attachment, signal);
      return volumeId.ok ? ok(attachmentOf(attachment, volumeId.value)) : volumeId;
    },
    releaseAttachment: async (name, signal) => {
      const read = await readCoreObject<VolumeAttachment>(client, coreResources.volumeAttachments, name, signal);
      if (!read.ok || read.value?.spec.attacher !== driverName) return read.ok ? ok(undefined) : read;
      const { metadata } = read.value;
      const deleted = await deleteCoreObject(client, coreResources.volumeAttachments, metadata, signal);
      if (!deleted.ok) return deleted;
      const freed = await removeCoreFinalizer(client, coreResources.volumeAttachments, metadata, finalizer, signal);
      return freed.ok ? freePersistentVolume(read.value, signal) : freed;
    },
    nodePresence: async (nodeName, signal) => {
      const read = await readCoreObject(client, coreResources.nodes, nodeName, signal);
      if (!read.ok) return "unknown";
      return read.value === undefined ? "gone" : "present";
    },
  };
}

function attachmentOf(attachment: ClusterVolumeAttachment, volumeId: string | undefined): ClusterAttachment | undefined {
  if (!attachment.isOurs || volumeId === undefined) return undefined;
  const { metadata, nodeName, isAttached, isLeaving } = attachment;
  return { name: metadata.name, volumeId, nodeName, isAttached, isLeaving };
}

/** What external-attacher puts on VolumeAttachments and PersistentVolumes that it cares for. */
function attacherFinalizer(driverName: string): string {
  const name = driverName.replaceAll(/[^a-zA-Z0-9-]/gu, "-");
  return `external-attacher/${name.endsWith("-") ? `${name}X` : name}`;
}
