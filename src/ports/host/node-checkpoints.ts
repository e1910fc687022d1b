import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { DeviceSettingName } from "../../core/volume/device/device-settings.ts";
import type { ReservationKey } from "../../core/writer/reservation/reservation-key.ts";

/** The GUID and the resource id of the VM that wrote a checkpoint. */
export type CheckpointVm = Pick<NodeIdentity, "vmId" | "instanceUri">;

/** A node's checkpoint of one volume, written before each mount. */
export interface VolumeCheckpoint {
  readonly volumeName: string;
  readonly uid: string;
  readonly volumeId: string;
  readonly epoch: number;
  readonly stagingPath: string;
  readonly targetPaths: readonly string[];
  readonly lun: number;
  /**
   * The device's number; undefined if it was checkpointed before the machine was last started: numbers
   * are reassigned then, and this one may be any other disk's.
   */
  readonly majorMinor: string | undefined;
  readonly accessType: "block" | "mount";
  /**
   * What the settings of the device were before this driver changed any, for the unstage to restore.
   * Written before the first change.
   */
  readonly deviceSettings?: Readonly<Partial<Record<DeviceSettingName, string>>>;
  /** Under which this node has reserved the disk, or is about to, if that can be reserved. */
  readonly reservationKey?: ReservationKey;
  /** The VM that wrote it: a copied system disk contains the checkpoints of another VM. */
  readonly vm: CheckpointVm;
}

/** A file system that this node may have frozen; written before it does. */
export interface FreezeMark {
  readonly volumeName: string;
  /** Of the request. */
  readonly id: string;
  readonly path: string;
  readonly majorMinor: string;
}

/** A heartbeat counter, and the GUID of the VM that writes it. */
export interface CountedHeartbeat {
  readonly heartbeat: number;
  readonly vmId: string;
  /** In whose AzDriverNode; undefined: not known. */
  readonly nodeName?: string | undefined;
}

/**
 * The node's own memory: local files that survive plug-in restarts and reboots, never a copy of the
 * record. Written durably (fsync) before the call returns, but for what only removes: on a root disk that
 * takes no change, or does not answer, it counts at once, and succeeds. The plug-in that starts next may find
 * it again, as after a kill right before the removal.
 */
export interface NodeCheckpoints {
  /** Why the last change could not be written, and what to do; undefined: it was written. */
  readonly unwritten: () => Failure | undefined;
  readonly volumes: () => readonly VolumeCheckpoint[];
  /**
   * Adds or replaces the checkpoint of a volume. Fails with `CheckpointsFull` if it adds a volume or a target
   * and there is no space to keep for what comes later. Like every change, fails with `CheckpointsFull` if a
   * file has to be made or to grow and there is no space at all, and with `HostNotReady` if one can't be
   * written. One that removes targets or settings of the device, and does nothing else, fails with neither.
   */
  put(checkpoint: VolumeCheckpoint, signal: AbortSignal): Promise<Result<void>>;
  /** Fails only if it was cancelled, as `removeFreeze` does. */
  remove(volumeName: string, signal: AbortSignal): Promise<Result<void>>;
  /** What this node may have frozen. */
  readonly freezes: () => readonly FreezeMark[];
  /** Adds or replaces the mark of a volume. */
  putFreeze(mark: FreezeMark, signal: AbortSignal): Promise<Result<void>>;
  removeFreeze(volumeName: string, signal: AbortSignal): Promise<Result<void>>;
  /**
   * The last heartbeat counter that this node wrote. It counts from the call on, as a rollback does, also
   * where that fails.
   */
  readonly heartbeat: () => number;
  putHeartbeat(counted: CountedHeartbeat, signal: AbortSignal): Promise<Result<void>>;
  /** The GUID of the VM that wrote that counter; undefined: not known, or none was written. */
  readonly heartbeatVmId: () => string | undefined;
  /** The name of the node in whose AzDriverNode it was written; undefined: not known. */
  readonly heartbeatNodeName: () => string | undefined;
  /** The store incarnation in which this node last saw a rollback; undefined: never. */
  readonly rollbackIncarnation: () => number | undefined;
  putRollback(incarnation: number, signal: AbortSignal): Promise<Result<void>>;
}
