import type { MountinfoEntry } from "./parse-mountinfo.ts";
import { topMountAt } from "./parse-mountinfo.ts";

/** What mountinfo, `findmnt` and `df` show as the source of a tombstone: people find it there before they find it here. */
export const tombstoneSource = "azuredisk-removed";

/** Read-only is the file system itself, not only its mount: a container's bind of it, which its runtime mounts read-write, can't be written to either. */
export const tombstoneOptions = "ro,nosuid,nodev,noexec,size=4k,mode=0555";

/** Whether a mount is what is left at a target whose volume was taken away from under its pod. */
export function isTombstone({ fsType, source }: Pick<MountinfoEntry, "fsType" | "source">): boolean {
  return fsType === "tmpfs" && source === tombstoneSource;
}

/** The next step towards a path that shows a tombstone. `mountBeneath`: below what is mounted there, which still shows until it is unmounted. */
export type TombstoneStep = "done" | "mount" | "mountBeneath" | "unmount";

/**
 * Plans the next step. Beneath comes first, so that the directory below never shows; it takes a parent whose mounts are propagated, and is planned only once:
 * `hasTriedBeneath` says that it was. What is mounted over a tombstone is just unmounted.
 */
export function planTombstone(entries: readonly MountinfoEntry[], path: string, hasTriedBeneath: boolean): TombstoneStep {
  const top = topMountAt(entries, path);
  if (top === undefined) return "mount";
  if (isTombstone(top)) return "done";
  const stacked = entries.filter((entry) => entry.mountPoint === path);
  if (hasTriedBeneath || stacked.some(isTombstone)) return "unmount";
  const parent = entries.find((entry) => stacked.some(({ parentId }) => parentId === entry.id) && !stacked.includes(entry));
  return parent?.isShared === true ? "mountBeneath" : "unmount";
}
