/** Bit of e2fsck's exit code that says that it has corrected something (e2fsck(8)). */
const CORRECTED = 1;

/** What e2fsck writes of a repair. The line before it says of what, where it is not the same. */
const OUTCOME = /\b(?:FIXED|CLEARED)\b/u;
const OUTCOME_ALONE = /^\s*(?:FIXED|CLEARED)\.\s*$/u;

/**
 * Lines of e2fsck 1.47 that tell of no damage: its summary, why it has looked, the replay of the journal, and
 * files that were deleted while they were open, as each crash leaves them; times of a clock that was ahead,
 * and a copy of the journal's inode, which it makes in a superblock without one. Lines begin with the path of
 * the device or with the label of its file system, unless they continue another one.
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
  // A clock was ahead: first by less than a day, then by more.
  /: Superblock last (?:mount|write) time is in the future\.$/u,
  /^\t\(by less than a day, probably due to the hardware clock being incorrectly set\)$/u,
  /: Superblock last (?:mount|write) time \([^()]+,$/u,
  /^\tnow = [^()]+\) is in the future\.$/u,
  /: Backing up journal inode block information\.$/u,
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
