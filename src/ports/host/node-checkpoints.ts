import type { NodeIdentity } from "../../core/api/node-identity.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";

/** The GUID and the resource id of the VM on which something was noted. */
export type NotedVm = Pick<NodeIdentity, "vmId" | "instanceUri">;

/** What a node notes of one volume before each mount. */
export interface VolumeCheckpoint {
  readonly volumeName: string;
  readonly uid: string;
  readonly volumeId: string;
  readonly epoch: number;
  readonly stagingPath: string;
  readonly targetPaths: readonly string[];
  readonly lun: number;
  /**
   * The device's number; undefined if it was noted before the machine was last started: numbers are given
   * anew then, and this one may be any other disk's.
   */
  readonly majorMinor: string | undefined;
  readonly accessType: "block" | "mount";
  /**
   * The VM on which it was noted: a copy of a system disk brings the notes of another VM along. Undefined
   * in what an older plug-in wrote.
   */
  readonly vm?: NotedVm;
}

/**
 * The node's own memory: a local file that survives plug-in restarts and reboots, never a copy of the
 * record. Written durably (fsync) before the call returns.
 */
export interface NodeCheckpoints {
  readonly volumes: () => readonly VolumeCheckpoint[];
  /** Adds or replaces the note of a volume. Fails with `HostNotReady` if the file can't be written. */
  put(checkpoint: VolumeCheckpoint, signal: AbortSignal): Promise<Result<void, Failure>>;
  remove(volumeName: string, signal: AbortSignal): Promise<Result<void, Failure>>;
  /** The last heartbeat counter that this node wrote. */
  readonly heartbeat: () => number;
  putHeartbeat(heartbeat: number, signal: AbortSignal): Promise<Result<void, Failure>>;
  /** The store incarnation in which this node last saw that the store went back; undefined: it never did. */
  readonly doubtedIncarnation: () => number | undefined;
  putDoubt(generation: number, signal: AbortSignal): Promise<Result<void, Failure>>;
}
