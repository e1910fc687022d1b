import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { recordedVm } from "../../core/attachment/attachment-state.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { withShownSize } from "../../core/volume/device/shown-size.ts";
import { otherDiskThan } from "../../core/volume/replaced-disk.ts";
import {
  keepsState,
  type KeptState,
  NOTHING_KEPT,
  stateFromTags,
} from "../../core/volume/tags/state-tags.ts";
import { type KnownUse, type RebuildReason, rebuiltRecord } from "../../core/writer/record/rebuilt-record.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { isMadeByV2 } from "../disk/disk-tags.ts";
import { quarantinedIn, withKeptFormat } from "../disk/restore-state.ts";
import { nodeNameOf, withNodeUid } from "../node-of-vm.ts";
import { nodesWithCheckpoint } from "./checkpointed-volumes.ts";
import { readDiskUnlessGone } from "./confirm-disk-gone.ts";
import { type AttachedVm, findAttachedVms, type VolumeDisk } from "./find-attached-vms.ts";
import { forgetOthers, recordAttachedVms } from "./record-attached-vms.ts";

/** A volume of which nothing has been done yet. */
export const NO_STATUS: VolumeStatus = { state: "Pending", observedGeneration: 0, conditions: [] };

/**
 * The lane of the VMs' reads, and of the disk's: the volume waits for them as for a first attach. Thousands
 * of records are rebuilt together, and take nothing of what is kept for failovers.
 */
const LANE: Lane = "primaryAttach";

/** What Azure shows of a disk whose record was rebuilt. */
interface FoundDisk {
  readonly attachedVms: readonly AttachedVm[];
  readonly kept: KeptState;
}

/**
 * Rebuilds the record of a volume that is adopted, was rolled back, or was published by another driver
 * (`rebuiltRecord`). `disk` is read after the store incarnation of `reason`: an earlier answer may lack
 * what a later record has allowed. Undefined: the disk is gone, and on no VM. Idempotent. Fails as Azure
 * and the store do, and with `ObjectNotFound` where a `rediscovered` record was granted since `volume` was
 * read.
 */
export async function rebuildRecord(
  ports: AdoptionPorts,
  volume: AzVolume,
  disk: DiskFacts | undefined,
  reason: RebuildReason,
  signal: AbortSignal,
): Promise<Result<FoundDisk>> {
  const attachedVms = disk === undefined ? ok([]) : await findAttachedVms(ports, disk, LANE, signal);
  if (!attachedVms.ok) return attachedVms;
  const kept = disk === undefined ? NOTHING_KEPT : stateFromTags(disk);
  const use = knownUse(ports, volume, attachedVms.value);
  const hadRecord = use.hadRecord || keepsState(kept) || (disk !== undefined && isMadeByV2(disk.tags));
  const earlier = volume.spec.earlierRecord;
  const known = { ...use, quarantined: quarantinedIn(ports, kept), hadRecord, earlier };
  const { name, uid } = volume.metadata;
  const epoch = volume.status?.record?.epoch;
  // The reads take seconds. A grant in between is newer than what another driver has published.
  const isStillDue = ({ status }: AzVolume): boolean =>
    reason.kind !== "rediscovered" || status?.record?.epoch === epoch;
  const written = await ports.steps.run("record-found", () =>
    changeStatus(
      ports.store,
      { kind: "AzVolume", name, uid, isTarget: isStillDue },
      (present) => {
        const status = present.status ?? NO_STATUS;
        // A volume that several nodes may write has none.
        if (status.record === undefined && !isSingleWriter(present.spec.capabilities)) return undefined;
        const record = rebuiltRecord(status.record, known, reason);
        return record === undefined
          ? undefined
          : { ...present, status: { ...withDiskFacts(present, status, { disk, kept }), record } };
      },
      signal,
    ),
  );
  return written.ok ? ok({ attachedVms: attachedVms.value, kept }) : written;
}

/**
 * Rebuilds the record of a volume that has one, and repairs its attachments. After a crash the record is
 * kept, but the attachments are repaired again, because completion of that step is not persisted. Fails as
 * Azure and the store do.
 */
export async function rebuildVolume(
  ports: AdoptionPorts,
  volume: AzVolume,
  reason: RebuildReason,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const recorded = recordedDisk(volume);
  if (recorded === undefined) return ok(undefined);
  const read = await readRecordedDisk(ports, recorded, signal);
  return read.ok ? rebuildFromDisk(ports, read.value, reason, signal) : read;
}

/** The disk of a volume that has a record; undefined: it has no disk yet, or no record. */
export function recordedDisk(volume: AzVolume): VolumeDisk | undefined {
  const { detail, record } = volume.status ?? NO_STATUS;
  return detail === undefined || record === undefined ? undefined : { volume, diskUri: detail.diskUri };
}

/** A volume whose disk was read; `disk` undefined: it is gone. */
export interface ReadDisk extends VolumeDisk {
  readonly disk: DiskFacts | undefined;
}

/**
 * Reads the disk for `rebuildFromDisk`. The record of one that is gone is rebuilt as well, since no component
 * acts on an untrusted one. Fails as Azure does.
 */
export async function readRecordedDisk(
  { cloud }: Pick<AdoptionPorts, "cloud">,
  recorded: VolumeDisk,
  signal: AbortSignal,
): Promise<Result<ReadDisk>> {
  // Of one that a read alone misses, the record would name none of the VMs that have it.
  const disk = await readDiskUnlessGone(cloud, recorded.diskUri, signal);
  return disk.ok ? ok({ ...recorded, disk: disk.value }) : disk;
}

/** The second half of `rebuildVolume`: `disk` as `rebuildRecord` requires it. Reads its VMs after it. */
export async function rebuildFromDisk(
  ports: AdoptionPorts,
  { volume, diskUri, disk }: ReadDisk,
  reason: RebuildReason,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const rebuilt = await rebuildRecord(ports, volume, disk, reason, signal);
  if (!rebuilt.ok) return rebuilt.failure.kind === "ObjectNotFound" ? ok(undefined) : rebuilt;
  const { attachedVms } = rebuilt.value;
  const recorded = await recordAttachedVms(ports, volume, diskUri, attachedVms, signal);
  // The record is rebuilt, and no later pass need come back to its attachments: one delays no other.
  const forgotten = await forgetOthers(ports, volume.metadata.name, attachedVms, signal);
  return recorded.ok ? forgotten : recorded;
}

/**
 * A disk that has grown since the backup would not be accepted as the volume's device. The size and the file
 * system of another disk that has its name are not the volume's. The VMs that have it are distrusted all the
 * same, and so are those that its tags name: a person may have taken it for the volume's since the backup.
 */
function withDiskFacts(
  volume: AzVolume,
  status: VolumeStatus,
  { disk, kept }: { readonly disk: DiskFacts | undefined; readonly kept: KeptState },
): VolumeStatus {
  if (status.detail === undefined || disk === undefined || otherDiskThan(volume, disk) !== undefined)
    return status;
  return { ...status, detail: withKeptFormat(withShownSize(status.detail, disk), kept) };
}

/**
 * What Azure, the nodes' checkpoints and the attachments say of a disk. A checkpoint is reported only with
 * the next heartbeat, and survives a rollback. A record has allowed each attach that has begun.
 */
export function knownUse(
  ports: AdoptionPorts,
  volume: AzVolume,
  attachedVms: readonly AttachedVm[],
): Omit<KnownUse, "quarantined"> {
  const checkpoints = nodesWithCheckpoint(ports, volume);
  const checkpointedVms = checkpoints
    .filter(({ isOfAnotherVm }) => !isOfAnotherVm)
    .flatMap(({ node }) => believedVm(ports, node.metadata.name, node.status) ?? [])
    // Of a VM that Azure names, Azure has just reported the GUID.
    .filter(
      ({ instanceUri }) =>
        !attachedVms.some((attachedVm) => isSameResourceUri(attachedVm.node.instanceUri, instanceUri)),
    );
  const begun = ports.cache
    .byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name)
    .filter(({ status }) => status !== undefined && status.state !== "Pending");
  const epochs = checkpoints.flatMap(({ epoch }) => epoch ?? []);
  return {
    attachedTo: attachedVms.map(({ node }) => node),
    checkpointed: [...checkpointedVms, ...begun.flatMap((attachment) => recordedVm(attachment) ?? [])],
    epochs,
    hadRecord: epochs.length > 0 || begun.length > 0,
  };
}

/**
 * The VM of a node with a checkpoint of the volume: the one that its Node names, or that it reports and
 * is believed to be. Undefined: only the node itself says so, and a write barrier could reach another VM.
 * The report of an earlier VM of the name gets no uid: that is the uid of the Node of another VM, whose
 * token could move the entry then.
 */
function believedVm(
  ports: AdoptionPorts,
  nodeName: string,
  { vmId, instanceUri }: Pick<NodeIdentity, "vmId" | "instanceUri">,
): NodeIdentity | undefined {
  const named = ports.users.cachedNode(nodeName).instanceUri;
  const reported = { nodeName, vmId, instanceUri };
  if (named !== undefined) return { ...withNodeUid(ports, reported), instanceUri: named };
  return nodeNameOf(ports, instanceUri) === nodeName ? reported : undefined;
}
