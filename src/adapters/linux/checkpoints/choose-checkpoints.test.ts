import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeSlot } from "./checkpoint-slot.ts";
import { chooseCheckpoints } from "./choose-checkpoints.ts";

/** As the smallest unit that a disk writes whole; smaller than any, so that more cases come about. */
const SECTOR_BYTES = 32;
/** Sequence numbers whose digits mix to others: of 199 and 201 to 299. */
const sequences = [1, 9, 10, 99, 100, 199, 200, 1999];

const slotOf = (sequence: number, heartbeat: number): Buffer =>
  encodeSlot({ sequence, text: `${JSON.stringify({ version: 1, heartbeat, volumes: [] })}\n` });
const file = (heartbeat: number): object => ({ bootId: undefined, heartbeat, volumes: [] });
const padded = (bytes: Buffer, size: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(size, "\n")], size);

/** The heartbeat in what is chosen. */
function heartbeatIn(first: Buffer, second: Buffer): number | string {
  const chosen = chooseCheckpoints([first, second]);
  return chosen.kind === "slot" ? chosen.file.heartbeat : chosen.kind;
}

/** A write over another one: the sequence number two before it, since the two files take turns. */
function overwrites(): readonly {
  readonly other: Buffer;
  readonly before: Buffer;
  readonly after: Buffer;
}[] {
  return sequences.flatMap((sequence) =>
    [0, 55, 1_000_000].map((heartbeat) => {
      const [before, other, after] = [
        slotOf(sequence, heartbeat),
        slotOf(sequence + 1, 77),
        slotOf(sequence + 2, 88),
      ];
      const size = Math.max(before.length, after.length);
      return { other, before: padded(before, size), after: padded(after, size) };
    }),
  );
}

describe("chooseCheckpoints", () => {
  const whole = slotOf(4, 40);
  const made = slotOf(0, 40);
  const rows = [
    {
      files: [undefined, undefined],
      chosen: { kind: "none" },
      because: "the node starts for the first time",
    },
    {
      files: [whole, undefined],
      chosen: {
        kind: "slot",
        index: 0,
        bytes: whole,
        sequence: 4,
        file: file(40),
        faultOfOther: "missing",
      },
      because: "the second one was removed",
    },
    {
      files: [undefined, whole],
      chosen: {
        kind: "slot",
        index: 1,
        bytes: whole,
        sequence: 4,
        file: file(40),
        faultOfOther: "missing",
      },
      because: "the first one was removed",
    },
    {
      files: [undefined, made],
      chosen: {
        kind: "slot",
        index: 1,
        bytes: made,
        sequence: 0,
        file: file(40),
        faultOfOther: undefined,
      },
      because: "a plug-in ended before it made the first one",
    },
    {
      files: [slotOf(3, 30), whole],
      chosen: { kind: "slot", index: 1, bytes: whole, sequence: 4, file: file(40), faultOfOther: undefined },
      because: "the second one is newer",
    },
    {
      files: [whole, slotOf(3, 30)],
      chosen: { kind: "slot", index: 0, bytes: whole, sequence: 4, file: file(40), faultOfOther: undefined },
      because: "the first one is newer",
    },
    {
      files: [whole, slotOf(5, 50).subarray(1)],
      chosen: { kind: "slot", index: 0, bytes: whole, sequence: 4, file: file(40), faultOfOther: "damaged" },
      because: "the newer one is damaged",
    },
    {
      files: [Buffer.alloc(64), Buffer.alloc(64)],
      chosen: { kind: "damaged", fault: "no whole write is in them" },
      because: "both are damaged",
    },
    {
      files: [Buffer.alloc(0), undefined],
      chosen: { kind: "damaged", fault: "no whole write is in them" },
      because: "the only one is empty",
    },
    {
      files: [whole, encodeSlot({ sequence: 5, text: '{"version":2}\n' })],
      chosen: { kind: "damaged", fault: "its version is 2, this driver knows 1" },
      because: "a newer plug-in wrote the newer one",
    },
  ] as const;
  for (const { files, chosen, because } of rows)
    it(`answers ${chosen.kind} where ${because}`, () => {
      assert.deepEqual(chooseCheckpoints(files), chosen);
    });

  /** Either is right until the write was acknowledged, and that before them never is. */
  const expectChosen = (
    torn: Buffer,
    { other, before, after }: ReturnType<typeof overwrites>[number],
  ): void => {
    const right = torn.equals(after) ? [88] : torn.equals(before) ? [77] : [77, 88];
    for (const chosen of [heartbeatIn(torn, other), heartbeatIn(other, torn)])
      assert.ok(right.includes(Number(chosen)), `${chosen} is in ${torn.toString()}`);
  };

  it("takes the file before, or the new one, of a write that ended at any byte", () => {
    for (const overwrite of overwrites())
      for (let bytes = 0; bytes <= overwrite.after.length; bytes += 1)
        expectChosen(
          Buffer.concat([overwrite.after.subarray(0, bytes), overwrite.before.subarray(bytes)]),
          overwrite,
        );
  });

  it("does so where any of its sectors have reached the disk, and others are lost", () => {
    for (const overwrite of overwrites()) {
      const sectors = Math.ceil(overwrite.after.length / SECTOR_BYTES);
      for (let written = 0; written < 2 ** sectors; written += 1) {
        const torn = Buffer.from(overwrite.before);
        for (let sector = 0; sector < sectors; sector += 1) {
          const at = sector * SECTOR_BYTES;
          if ((written >> sector) % 2 === 1) overwrite.after.copy(torn, at, at, at + SECTOR_BYTES);
        }
        expectChosen(torn, overwrite);
      }
    }
  });
});
