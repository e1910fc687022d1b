import { join } from "node:path";

/**
 * Where the link of a placeholder leads: to nothing, so that every access below it fails, and no container
 * starts on it.
 */
const PLACEHOLDER_TARGET = "disk.csi.azure.com-no-volume-is-mounted-here";

/** Where the link of a placeholder in a folder leads. */
export function placeholderIn(folder: string): string {
  return join(folder, PLACEHOLDER_TARGET);
}

/** Whether a link is a placeholder's, by where it leads. */
export function isPlaceholder(target: string): boolean {
  return target.endsWith(PLACEHOLDER_TARGET);
}
