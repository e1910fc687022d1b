import type { SourceEdit } from "./mutation.ts";

/**
 * A source with edits applied, each of which must fit exactly once: an edit that no longer fits is
 * reported.
 */
export function applyEdits(source: string, edits: readonly SourceEdit[]): string {
  return edits.reduce((text, { file, find, replace }) => {
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${parts.length - 1} places in ${file}, not one, read: ${find}`);
    return parts.join(replace);
  }, source);
}
