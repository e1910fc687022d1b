import type { MountinfoEntry } from "./parse-mountinfo.ts";
import { topMountAt } from "./parse-mountinfo.ts";

/**
 * What mountinfo, `findmnt` and `df` show as the source of a placeholder: people find it there before they
 * find it here.
 */
export const placeholderSource = "azuredisk-removed";

/**
 * Read-only is the file system itself, not only its mount: a container's bind of it, which its runtime
 * mounts read-write, can't be written to either.
 */
export const placeholderOptions = "ro,nosuid,nodev,noexec,size=4k,mode=0555";

/** Whether a mount is what is left at a target whose volume was taken away from under its pod. */
export function isPlaceholder({ fsType, source }: Pick<MountinfoEntry, "fsType" | "source">): boolean {
  return fsType === "tmpfs" && source === placeholderSource;
}

/**
 * The next step towards a path that shows a placeholder. `mountBeneath`: below what is mounted there, which
 * still shows until it is unmounted.
 */
export type PlaceholderStep = "done" | "mount" | "mountBeneath" | "unmount";

/**
 * Plans the next step. Beneath comes first, so that the directory below never shows; it takes a parent
 * whose mounts are propagated, and is planned only once: `hasTriedBeneath` says that it was. What is
 * mounted over a placeholder is just unmounted.
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
