/**
 * Entries in a node's answer to a recall: the target paths that are still bound, of which the last is
 * replaced by the number of the rest if there are more. With the other bounds of an AzVolumeAttachment, a
 * third of etcd's 1.5 MiB is left for the controller, at up to 6 bytes a character in JSON.
 */
export const REPORTED_TARGETS_MAX = 16;

/** The longest path, in characters: `PATH_MAX` of Linux. */
export const TARGET_MAX_CHARS = 4_096;

/** All keys and values of a volume context, in characters: four times the 4 KiB that CSI allows a map. */
export const VOLUME_CONTEXT_MAX_CHARS = 16_384;

/** The longest freeze of a file system, in seconds. */
export const FREEZE_SECONDS_MAX = 60;

/** The longest reason why a file system was not frozen, in characters. */
export const FREEZE_DETAIL_MAX_CHARS = 512;

/** The longest text in which a node states what is wrong with a mount, in characters. */
export const MOUNT_PROBLEM_DETAIL_MAX_CHARS = 512;

/** The longest resource id, in characters: with all parts at Azure's limits it has less than half as many. */
export const RESOURCE_ID_MAX_CHARS = 1_024;

/** The longest id or counter that a controller or node creates, in characters. */
export const TOKEN_MAX_CHARS = 256;

/** The longest timestamp, in characters. */
export const TIMESTAMP_MAX_CHARS = 64;

/** The target paths that are still bound, as an answer to a recall reports them. */
export function reportedTargets(paths: readonly string[]): readonly string[] {
  if (paths.length <= REPORTED_TARGETS_MAX) return paths;
  const named = paths.slice(0, REPORTED_TARGETS_MAX - 1);
  return [...named, `${paths.length - named.length} more`];
}
/** The hexadecimal digits of a reservation key, which has 64 bits. */
export const RESERVATION_KEY_CHARS = 16;
