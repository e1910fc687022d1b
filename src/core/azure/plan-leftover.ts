/** An entry of a VM's list of data disks that may have no disk behind it. */
export interface SuspectEntry {
  /** The VM's last operation failed. */
  readonly isVmFailed: boolean;
  /**
   * An update of this driver that failed was to attach it: `entered` was the first to list the disk, and
   * `retried` found it listed.
   */
  readonly ownAttach: "entered" | "retried" | undefined;
  /** The record lets the disk be taken off the node: it does not hold the volume. */
  readonly isFree: boolean;
  /** Azure has refused or failed an update because it does not find the disk. */
  readonly isMissed: boolean;
  /** What the disk shows, read after the VM's list. */
  readonly disk: "onThisVm" | "notOnThisVm" | "gone" | "unreadable";
}

/** What the next update of the VM does with the entry. */
export type LeftoverMove =
  | "keep"
  /** Marks it as one to detach. */
  | "takeOff"
  /** Leaves it out of the list: Azure refuses an entry whose disk does not exist, marked or not. */
  | "leaveOut";

/**
 * Decides what becomes of an entry that a failed attach may have left behind. Azure tries it again with
 * each update of the VM, and fails that update too while it can't attach the disk. Only the driver's own
 * attach is ever undone, and only where the disk itself does not name the VM: a disk that may be attached
 * stays, and so does what another client has asked for. A disk that two answers of Azure call missing
 * has no user left.
 */
export function planLeftover({ isVmFailed, ownAttach, isFree, isMissed, disk }: SuspectEntry): LeftoverMove {
  const isOwn = isVmFailed && (ownAttach === "entered" || (ownAttach === "retried" && isFree));
  if (disk === "gone") return isOwn || isMissed ? "leaveOut" : "keep";
  return disk === "notOnThisVm" && isOwn ? "takeOff" : "keep";
}
