import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLineWriter } from "./line-writer.ts";

const KIB = 1024;
/** A line of one KiB. */
const lineOf = (number: number): string => `${`${number}`.padEnd(KIB - 1, "x")}\n`;

/** A reader that takes so many bytes, on a clock of its own. */
function aReader() {
  let [text, room, roomEachPause, nowMs] = ["", 0, 0, 0];
  const due: (() => void)[] = [];
  const writer = createLineWriter({
    take: (bytes) => {
      const taken = Math.min(room, bytes.length);
      text += bytes.toString("utf8", 0, taken);
      room -= taken;
      return taken;
    },
    droppedNote: (lines) => `dropped ${lines}\n`,
    elapsedMs: () => nowMs,
    later: (act) => void due.push(act),
    pause: (ms) => {
      nowMs += ms;
      room += roomEachPause;
    },
  });
  return {
    writer,
    text: () => text,
    give: (bytes: number) => void (room += bytes),
    giveEachPause: (bytes: number) => void (roomEachPause = bytes),
    /** Lets the time of each retry come that is due now. */
    retry: () => due.splice(0).forEach((act) => act()),
    retries: () => due.length,
    nowMs: () => nowMs,
  };
}

describe("a line writer", () => {
  it("passes lines on at once to a reader that takes them", () => {
    const reader = aReader();
    reader.give(Infinity);
    reader.writer.write("a\n");
    reader.writer.write("b\n");
    assert.deepEqual([reader.text(), reader.retries()], ["a\nb\n", 0]);
  });

  it("continues in the middle of a line, and keeps the order", () => {
    const reader = aReader();
    reader.give(3);
    reader.writer.write("hello\n");
    reader.writer.write("again\n");
    assert.deepEqual([reader.text(), reader.retries()], ["hel", 1]);
    reader.retry();
    assert.deepEqual([reader.text(), reader.retries()], ["hel", 1]);
    reader.give(4);
    reader.retry();
    assert.deepEqual([reader.text(), reader.retries()], ["hello\na", 1]);
    reader.give(Infinity);
    reader.retry();
    assert.deepEqual([reader.text(), reader.retries()], ["hello\nagain\n", 0]);
  });

  it("drops lines between the oldest and the newest, and counts them", () => {
    const reader = aReader();
    const lines = Array.from({ length: 3000 }, (_, number) => lineOf(number));
    for (const line of lines) reader.writer.write(line);
    reader.give(Infinity);
    reader.writer.flush(0);
    const [oldest, newest] = reader.text().split(/dropped \d+\n/u);
    assert.equal(oldest, lines.slice(0, KIB + 1).join(""));
    assert.equal(newest, lines.slice(-64).join(""));
    assert.match(reader.text(), new RegExp(`dropped ${3000 - KIB - 1 - 64}\n`, "u"));
  });

  it("keeps a newest line of any length", () => {
    const reader = aReader();
    for (let number = 0; number < 1100; number += 1) reader.writer.write(lineOf(number));
    const last = `${"x".repeat(100 * KIB)}\n`;
    reader.writer.write(last);
    reader.give(Infinity);
    reader.writer.flush(0);
    assert.ok(reader.text().endsWith(`dropped ${1100 - KIB - 1}\n${last}`));
  });

  it("waits for its reader for a limited time as it ends", () => {
    const reader = aReader();
    reader.writer.write("a\n");
    reader.writer.flush(100);
    assert.deepEqual([reader.text(), reader.nowMs()], ["", 100]);
    reader.give(Infinity);
    reader.writer.flush(100);
    assert.deepEqual([reader.text(), reader.nowMs()], ["a\n", 100]);
  });

  for (const count of [1000, 3000])
    it(`says last why its process ends to a reader that is slow (${count} lines)`, () => {
      const reader = aReader();
      const lines = Array.from({ length: count }, (_, number) => lineOf(number));
      for (const line of lines) reader.writer.write(line);
      reader.giveEachPause(2.5 * KIB);
      reader.writer.flush(100);
      // Half of the time for the oldest, and the line that is begun then.
      assert.equal(
        reader.text(),
        [...lines.slice(0, 26), `dropped ${count - 26 - 16}\n`, ...lines.slice(-16)].join(""),
      );
    });
});
