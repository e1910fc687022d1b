import { MOUNT_PROBLEM_DETAIL_MAX_CHARS } from "../api/attachment-bounds.ts";
import type { MountProblem } from "../api/az-volume-attachment.ts";

/** Control characters, marks of the direction of text, and breaks of lines and paragraphs. */
const UNPRINTED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/**
 * A node's text on one line and within its bound: a token may write any text, and an event, a condition or a
 * terminal shows it.
 */
export function mountProblemDetail(text: string): string {
  return text.replace(UNPRINTED, " ").slice(0, MOUNT_PROBLEM_DETAIL_MAX_CHARS);
}

/** What a node has found of a mount, as a sentence without its full stop. */
export function mountProblemMessage(
  nodeName: string,
  { reason, detail }: Pick<MountProblem, "reason" | "detail">,
): string {
  return `${nodeName} ${SENTENCES[reason]}: ${mountProblemDetail(detail)}`;
}

const SENTENCES: Readonly<Record<MountProblem["reason"], string>> = {
  MountDead: "has lost the use of the volume",
  FileSystemErrors: "has found errors in the file system of the volume",
  FileSystemRepaired: "has repaired the file system before its mount",
};

/** The same without the node's own text, for what is written again with each change of it. */
export function mountProblemSummary(nodeName: string, reason: MountProblem["reason"]): string {
  return `${nodeName} ${SENTENCES[reason]}`;
}

/** Those that last until the volume is unmounted, the worse one first. */
export const lastingMountProblems = [
  "MountDead",
  "FileSystemErrors",
] as const satisfies readonly MountProblem["reason"][];
