/** Bit of e2fsck's exit code that says that it has corrected something (e2fsck(8)). */
const CORRECTED = 1;

/** What e2fsck writes of a repair. The line before it says of what, where it is not the same. */
const OUTCOME = /\b(?:FIXED|CLEARED)\b/u;
const OUTCOME_ALONE = /^\s*(?:FIXED|CLEARED)\.\s*$/u;

/**
 * Ends of lines of e2fsck 1.47 that tell of no damage: its summary, why it has looked, the replay of the
 * journal, and files that were deleted while they were open, as each crash leaves them. The lines begin with
 * the device's path, or with the label of its file system.
 */
const WITHOUT_DAMAGE: readonly RegExp[] = [
  /: (?:clean, )?\d+\/\d+ files(?: \([\d.]+% non-contiguous\))?, \d+\/\d+ blocks(?: \(check .*\))?$/u,
  /, check forced\.$/u,
  /: recovering journal$/u,
  /: (?:Clearing|Truncating) orphaned inode \d+ \(uid=\d+, gid=\d+, mode=\d+, size=\d+\)$/u,
  // Ext2 has no list of deleted files that are open.
  /: Deleted inode \d+ has zero dtime\.(?:\s+FIXED\.)?$/u,
  /: Orphan file \(inode \d+\) block \d+ is not clean\.(?:\s+CLEARED\.)?$/u,
  /: Feature orphan_present is set but orphan file is clean\.(?:\s+CLEARED\.)?$/u,
  // It is left as it is.
  /\s+IGNORED\.$/u,
  /: \*{5} REBOOT SYSTEM \*{5}$/u,
];

/**
 * The lines of `e2fsck -p` that tell of repaired damage; none where it has found none. It ends many of its
 * repairs with FIXED, those that remove something with CLEARED, and some with neither: where its exit code
 * says that it has corrected something, each line counts that is not known to tell of no damage.
 */
export function e2fsckRepairs({
  exitCode,
  output,
}: {
  readonly exitCode: number;
  readonly output: string;
}): readonly string[] {
  const lines = output
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !OUTCOME_ALONE.test(line))
    .filter((line) => !WITHOUT_DAMAGE.some((pattern) => pattern.test(line)));
  return (exitCode & CORRECTED) === CORRECTED ? lines : lines.filter((line) => OUTCOME.test(line));
}
