import { foreignDisksAmong, volumeLimitOf } from "../../core/azure/volume-limit.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { Logger } from "../../ports/logger.ts";
import type { VolumeLimit } from "../node-ports.ts";

export interface VolumeLimitOptions {
  /** The operator's setting; undefined: the limit of the VM size. */
  readonly given: number | undefined;
  readonly vmSize: string;
  /** Slots that are reserved for other disks. */
  readonly reserved: number;
  readonly nodeName: string;
  /** Undefined: the disks of the VM are unknown, so none counts as foreign. */
  readonly metadata: InstanceMetadataService | undefined;
  /** Undefined: there is no Kubernetes. */
  readonly ownNode: OwnNode | undefined;
  readonly cache: Pick<ObjectCache, "byIndex">;
  readonly checkpoints: Pick<NodeCheckpoints, "volumes">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Disks that were on the VM at one read. */
type Disks = InstanceMetadata["dataDisks"];

/**
 * How many volumes this node takes: the limit of its VM size, less the reserved slots and the foreign
 * disks. A disk counts as foreign only at the second read that finds it so, except at the very first
 * read: Azure reports a detach to its VMs some seconds late.
 */
export function createVolumeLimit(options: VolumeLimitOptions): VolumeLimit {
  const { given, vmSize, reserved, metadata, clock, logger } = options;
  let listed: number | undefined;
  let foreignDisks = 0;
  let measuredMs = -Infinity;
  let foreignAtLastRead: Disks | undefined;
  const limit = (): number => volumeLimitOf({ given, vmSize, listed, reserved, foreignDisks });

  async function look(service: InstanceMetadataService, signal: AbortSignal): Promise<void> {
    const read = await service.read(signal);
    measuredMs = clock.elapsedMs();
    if (!read.ok) {
      if (!signal.aborted)
        logger.warn("the VM's disks can't be counted: the volume limit stays as it was", {
          limit: limit(),
          failure: read.failure,
        });
      return;
    }
    const foreign = await readForeignDisks(options, read.value.dataDisks, signal);
    const earlier = foreignAtLastRead ?? foreign;
    foreignAtLastRead = foreign;
    const before = limit();
    foreignDisks = foreign.filter(({ lun }) => earlier.some((other) => other.lun === lun)).length;
    if (limit() !== before)
      logger.info("volume limit", {
        limit: limit(),
        vmSize,
        reserved,
        foreignDisks: foreign.map(({ diskUri, lun }) => diskUri ?? `LUN ${lun}`),
      });
  }

  return {
    measure: async (maxAgeMs, signal) => {
      if (given === undefined && metadata !== undefined && clock.elapsedMs() - measuredMs >= maxAgeMs)
        await look(metadata, signal);
      return limit();
    },
    learn: (dataDisksMax) => {
      // A new AzDriverNode lacks it until a controller has written it again.
      if (dataDisksMax === undefined || dataDisksMax === listed) return;
      logger.info("data disks by Azure's list", { vmSize, dataDisksMax });
      listed = dataDisksMax;
    },
  };
}

/**
 * Disks for which neither the store, nor this node's checkpoints, nor Kubernetes knows a volume of the
 * driver's. Kubernetes is asked only if there are any: V1's are known only there.
 */
async function readForeignDisks(
  options: VolumeLimitOptions,
  disks: Disks,
  signal: AbortSignal,
): Promise<Disks> {
  const attachments = options.cache
    .byIndex("AzVolumeAttachment", "nodeName", options.nodeName)
    .map(({ spec }) => spec.volumeId);
  const checkpointed = options.checkpoints.volumes().map(({ volumeId }) => volumeId);
  const unknown = foreignDisksAmong(disks, [...attachments, ...checkpointed]);
  if (unknown.length === 0 || options.ownNode === undefined) return unknown;
  const node = await options.ownNode.read(signal);
  if (!node.ok && !signal.aborted)
    options.logger.warn("Kubernetes can't be asked which disks are its volumes", { failure: node.failure });
  return foreignDisksAmong(unknown, node.ok ? (node.value?.volumeIds ?? []) : []);
}
