import { topMountAt, type MountinfoEntry } from "./parse-mountinfo.ts";

/** The source of a placeholder in mountinfo, `findmnt` and `df`, where people see it first. */
export const placeholderSource = "azuredisk-removed";

/**
 * The file system itself is read-only, not only its mount. A container's bind of it, which its runtime
 * mounts read-write, can't be written to either.
 */
export const placeholderOptions = "ro,nosuid,nodev,noexec,size=4k,mode=0555";

/** Whether a mount is the placeholder at a target whose volume was removed under its pod. */
export function isPlaceholder({ fsType, source }: Pick<MountinfoEntry, "fsType" | "source">): boolean {
  return fsType === "tmpfs" && source === placeholderSource;
}

/**
 * The next step towards a path that shows a placeholder. `mountBeneath`: below the present mount, which
 * stays visible until it is unmounted.
 */
export type PlaceholderStep = "done" | "mount" | "mountBeneath" | "unmount";

/**
 * Plans the next step. Mounting beneath comes first, so that the directory below is never visible. It
 * needs a parent whose mounts are propagated, and is planned only once (`hasTriedBeneath`). A mount on
 * top of a placeholder is only unmounted.
 */
export function planPlaceholder(
  entries: readonly MountinfoEntry[],
  path: string,
  hasTriedBeneath: boolean,
): PlaceholderStep {
  const top = topMountAt(entries, path);
  if (top === undefined) return "mount";
  if (isPlaceholder(top)) return "done";
  const stacked = entries.filter((entry) => entry.mountPoint === path);
  if (hasTriedBeneath || stacked.some(isPlaceholder)) return "unmount";
  const parent = entries.find(
    (entry) => stacked.some(({ parentId }) => parentId === entry.id) && !stacked.includes(entry),
  );
  return parent?.isShared === true ? "mountBeneath" : "unmount";
}
