import { MOUNT_PROBLEM_DETAIL_MAX_CHARS } from "../api/attachment-bounds.ts";
import type { MountProblem } from "../api/az-volume-attachment.ts";
import { nameList } from "../failure/name-list.ts";

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
  WritesLost: "has reported lost writes of the volume",
};

const NODES_NAMED_MAX = 5;

/**
 * The same of one or several nodes, without their own text, for what is written again with each change of it.
 */
export function mountProblemSummary(
  [first = "", ...others]: readonly string[],
  reason: MountProblem["reason"],
): string {
  const also = others.length === 0 ? "" : ` (also ${nameList(others, NODES_NAMED_MAX - 1)})`;
  return `${first} ${SENTENCES[reason]}${also}`;
}

/** Those that last until the volume is unmounted, the worse one first. */
export const lastingMountProblems = [
  "MountDead",
  "FileSystemErrors",
] as const satisfies readonly MountProblem["reason"][];
