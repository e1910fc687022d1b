import type { MountinfoEntry } from "./parse-mountinfo.ts";

/** What a node observes of a mount and of its device. */
export interface MountEvidence {
  readonly entry: Pick<MountinfoEntry, "options" | "superOptions">;
  /** Undefined: the kernel no longer knows the device. */
  readonly device: { readonly sizeBytes: bigint; readonly state: string | undefined } | undefined;
  /** The size that the file system states; undefined where it can't be read, or for a bound raw device. */
  readonly fileSystemBytes: bigint | undefined;
  /** Whether reading the mount's root, or the device past every cache, answered an I/O error. */
  readonly answersIoError: boolean;
}

/** States of a SCSI device or NVMe controller from which it does not recover. */
const goneStates = new Set([
  "offline",
  "transport-offline",
  "cancel",
  "deleted",
  "deleting",
  "deleting (no IO)",
  "dead",
]);

/**
 * Why a mount is dead, so that only an unmount is left; undefined if it lives. The options passed to
 * `mount` show nothing of it. Measured on Linux 6.18: a detached ext4 shows `emergency_ro` only after its
 * first failed commit, a shut-down XFS shows nothing and answers EIO. Before either, only the device's
 * size or a direct read shows it. Older kernels show an aborted ext4 as `ro` in the file system's options
 * where the mount says `rw`.
 */
export function whyMountIsDead({
  entry,
  device,
  fileSystemBytes,
  answersIoError,
}: MountEvidence): string | undefined {
  if (device === undefined) return "its device is gone";
  if (device.state !== undefined && goneStates.has(device.state)) return `its device is ${device.state}`;
  if (fileSystemBytes !== undefined && device.sizeBytes < fileSystemBytes)
    return `its device has ${device.sizeBytes} of the file system's ${fileSystemBytes} bytes`;
  const shutDown = entry.superOptions.find((option) => option === "emergency_ro" || option === "shutdown");
  if (shutDown !== undefined) return `its file system has shut down (${shutDown})`;
  if (entry.superOptions.includes("ro") && entry.options.includes("rw"))
    return "its file system went read-only after an error";
  return answersIoError ? "it answers I/O errors" : undefined;
}
