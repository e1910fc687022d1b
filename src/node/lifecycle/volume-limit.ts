import { foreignDisksAmong, volumeLimitOf } from "../../core/azure/volume-limit.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts, VolumeLimit } from "../node-ports.ts";

export interface VolumeLimitOptions extends Pick<NodePorts, "clock" | "logger"> {
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
}

/** How long after the first read that finds a foreign disk the second follows, in milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/** Disks that were on the VM at one read. */
type Disks = InstanceMetadata["dataDisks"];

/**
 * How many volumes this node takes: the limit of its VM size, less the reserved slots and the foreign
 * disks. A disk counts as foreign only at the second read that finds it so: Azure reports a detach to its VMs
 * some seconds late. Where the first read finds one, the second follows within seconds: older versions of
 * kubelet ask for the limit only when the plug-in starts.
 */
export function createVolumeLimit(options: VolumeLimitOptions): VolumeLimit {
  const { given, vmSize, reserved, metadata, clock, logger } = options;
  let listed: number | undefined;
  let foreignDisks = 0;
  let measuredMs = -Infinity;
  let foreignAtLastRead: Disks | undefined;
  const limit = (): number => volumeLimitOf({ given, vmSize, listed, reserved, foreignDisks });

  async function look(service: InstanceMetadataService, signal: AbortSignal): Promise<void> {
    let earlier = foreignAtLastRead;
    let read = await readForeignDisks(options, service, signal);
    if (earlier === undefined && read.ok && read.value.length > 0) {
      earlier = read.value;
      await clock.sleep(LOOK_AGAIN_MS, signal).catch(() => undefined);
      const again = await readForeignDisks(options, service, signal);
      // A slot that stays free costs less than pods that wait for one that another disk has.
      if (again.ok) read = again;
      else if (!signal.aborted)
        logger.warn("a second read failed: what the first one found counts", { failure: again.failure });
    }
    measuredMs = clock.elapsedMs();
    if (!read.ok) {
      if (!signal.aborted)
        logger.warn("the VM's disks can't be counted: the volume limit stays as it was", {
          limit: limit(),
          failure: read.failure,
        });
      return;
    }
    const foreign = read.value;
    foreignAtLastRead = foreign;
    const before = limit();
    foreignDisks = foreign.filter(({ lun }) => earlier?.some((other) => other.lun === lun)).length;
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
  service: InstanceMetadataService,
  signal: AbortSignal,
): Promise<Result<Disks>> {
  const read = await service.read(signal);
  if (!read.ok) return read;
  const attachments = options.cache
    .byIndex("AzVolumeAttachment", "nodeName", options.nodeName)
    .map(({ spec }) => spec.volumeId);
  const checkpointed = options.checkpoints.volumes().map(({ volumeId }) => volumeId);
  const unknown = foreignDisksAmong(read.value.dataDisks, [...attachments, ...checkpointed]);
  if (unknown.length === 0 || options.ownNode === undefined) return ok(unknown);
  const node = await options.ownNode.read(signal);
  if (!node.ok && !signal.aborted)
    options.logger.warn("Kubernetes can't be asked which disks are its volumes", { failure: node.failure });
  return ok(foreignDisksAmong(unknown, node.ok ? (node.value?.volumeIds ?? []) : []));
}
