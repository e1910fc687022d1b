import type { FailureOf } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CallLane } from "./call-lane.ts";
import type { CommandRunner } from "./command/command-runner.ts";
import type { CommandTimeLimits } from "./command/command-time-limits.ts";
import type { DevicesOfProcesses } from "./command/device-users.ts";
import type { InstanceLock } from "./command/instance-lock.ts";
import type { SharedSearch } from "./command/shared-search.ts";

/** A file system that this process has frozen, and the process that holds and thaws it. */
export interface LiveFreeze {
  /** Ends the holder's standard input, which makes it thaw. */
  readonly end: () => void;
  /** Whether it has been asked to end. Since then it proves nothing, whatever its exit code is. */
  readonly isEnding: () => boolean;
  /** The holder's exit code once it has ended; null: it was killed. */
  readonly ended: Promise<number | null>;
}

/** The context of every part of the Linux host. */
export interface HostContext {
  /** Prefix of `/dev/disk/azure`; empty for the real one. */
  readonly deviceRoot: string;
  /** Whether other nodes, with links of their own, have loop devices on this kernel. */
  readonly sharesKernel: boolean;
  readonly sysRoot: string;
  readonly procRoot: string;
  /**
   * How long one `findDevice` waits for a device, and for its link and the kernel's address to agree, in
   * milliseconds.
   */
  readonly deviceWaitMs: number;
  /** Whether an ext file system that is mounted can be grown. */
  readonly mayGrowMountedExt: boolean;
  readonly clock: Clock;
  readonly limits: CommandTimeLimits;
  readonly runner: CommandRunner;
  readonly lock: InstanceLock;
  /** Asks all controllers to look for new devices: for all volumes that wait for one at once. */
  readonly rescan: SharedSearch<Result<void>>;
  /** The devices of all processes. */
  readonly processSearch: SharedSearch<DevicesOfProcesses>;
  /** Calls that look up paths on the node's own disk, which has the mount points. */
  readonly lookups: CallLane;
  /** Calls that make and remove mount points there: these hang first. */
  readonly changes: CallLane;
  /** Opens of volumes' devices and folders, two at once, each after a command has opened the same. */
  readonly deviceOpens: CallLane;
  /** Looks at the file systems of volumes. */
  readonly volumeLooks: CallLane;
  /** The last freeze of this process, or what it has thawed instead, by the number of the device. */
  readonly freezes: Map<string, LiveFreeze>;
  /**
   * What flushes have shown to be lost whose callers had left, by the path of the mount or the number of the
   * device: the kernel says it once, and a disk that fails is often slower than a caller waits.
   */
  readonly lateLosses: Map<string, FailureOf<"WritesLost">>;
}
