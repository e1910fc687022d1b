import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { e2fsckRepairs } from "./e2fsck-repairs.ts";

const PATH = "/dev/loop3";
const FORCED = `${PATH} was not cleanly unmounted, check forced.`;
const SUMMARY = `${PATH}: 14/16384 files (0.0% non-contiguous), 5415/65536 blocks`;
const CLEAN = `${PATH}: clean, 14/16384 files, 9516/65536 blocks`;
const LESS_THAN_A_DAY = "\t(by less than a day, probably due to the hardware clock being incorrectly set)";
const ORPHANED = `${PATH}: Clearing orphaned inode 15 (uid=0, gid=0, mode=0100644, size=5)`;

interface Case {
  readonly because: string;
  readonly exitCode: number;
  readonly lines: readonly string[];
}

/** Output of e2fsck 1.47.0. */
const CRASHES: readonly Case[] = [
  { because: "a clean one", exitCode: 0, lines: [CLEAN] },
  { because: "a clean one that is due", exitCode: 0, lines: [`${CLEAN} (check in 4 mounts)`] },
  {
    because: "ext4 after a crash",
    exitCode: 0,
    lines: [`${PATH}: recovering journal`, ORPHANED, CLEAN],
  },
  {
    because: "ext4 with an orphan file after a crash",
    exitCode: 1,
    lines: [
      "data: recovering journal",
      ORPHANED,
      "data primary superblock features different from backup, check forced.",
      "data: Orphan file (inode 12) block 0 is not clean.",
      "CLEARED.",
      SUMMARY,
    ],
  },
  { because: "ext2 after a crash", exitCode: 1, lines: [FORCED, SUMMARY] },
  {
    because: "ext2 whose deleted file was open in a crash",
    exitCode: 1,
    lines: [FORCED, `${PATH}: Deleted inode 15 has zero dtime.  FIXED.`, SUMMARY],
  },
  {
    because: "what e2fsck has left as it is",
    exitCode: 1,
    lines: [FORCED, `${PATH}: Inode 12 extent tree (at level 1) could be narrower.  IGNORED.`, SUMMARY],
  },
  {
    because: "a last mount by a clock that was ahead",
    exitCode: 1,
    lines: [`${PATH}: Superblock last mount time is in the future.`, LESS_THAN_A_DAY, SUMMARY],
  },
  {
    because: "a last write by a clock that was ahead",
    exitCode: 1,
    lines: ["data: Superblock last write time is in the future.", LESS_THAN_A_DAY, SUMMARY],
  },
  ...["mount", "write"].map((last) => ({
    because: `a last ${last} by a clock that was days ahead`,
    exitCode: 1,
    lines: [
      `${PATH}: Superblock last ${last} time (Fri Dec  4 03:27:59 2026,`,
      "\tnow = Sun Nov 29 12:21:20 2026) is in the future.",
      "FIXED.",
      SUMMARY,
    ],
  })),
  {
    because: "a journal whose inode had no copy",
    exitCode: 1,
    lines: [`${PATH}: Backing up journal inode block information.`, "", FORCED, SUMMARY],
  },
];

const REPAIRS: readonly string[] = [
  `${PATH}: Entry 'f1' in / (2) has deleted/unused inode 12.  CLEARED.`,
  `${PATH}: Inode 12 ref count is 5, should be 1.  FIXED.`,
  `${PATH}: Unattached inode 12`,
  `${PATH}: Entry ': recovering journal' in / (2) has deleted/unused inode 12.  CLEARED.`,
];

describe("e2fsckRepairs", () => {
  for (const { because, exitCode, lines } of CRASHES)
    it(`finds no damage in ${because}`, () => {
      assert.deepEqual(e2fsckRepairs({ exitCode, output: lines.join("\n") }), []);
    });

  for (const repair of REPAIRS)
    it(`tells of ${repair.slice(PATH.length + 2)}`, () => {
      assert.deepEqual(
        e2fsckRepairs({ exitCode: 1, output: [FORCED, repair, ORPHANED, SUMMARY].join("\n") }),
        [repair],
      );
    });

  it("takes the line before an outcome on a line of its own for the repair", () => {
    const repair = `${PATH}: Block bitmap differences: +(5433--5434)`;
    assert.deepEqual(e2fsckRepairs({ exitCode: 1, output: `${FORCED}\n${repair}\nFIXED.\n${SUMMARY}\n` }), [
      repair,
    ]);
  });

  it("takes only outcomes for repairs where the exit code names none", () => {
    const fixed = `${PATH}: Superblock hint for external superblock should be 0x0000.  FIXED.`;
    assert.deepEqual(e2fsckRepairs({ exitCode: 0, output: `a warning\n${fixed}\n${CLEAN}` }), [fixed]);
  });
});
