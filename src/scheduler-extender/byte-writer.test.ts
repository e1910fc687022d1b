import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteWriter, ByteWriters } from "./byte-writer.ts";

describe("ByteWriter", () => {
  it("joins bytes and text of any length, and starts over in the same memory", () => {
    const writer = new ByteWriter();
    const large = Buffer.alloc(700_000, "x");
    writer.appendText('{"é":"');
    writer.append(large);
    writer.append(Buffer.from("abcdef"), 2, 4);
    assert.deepEqual(writer.written().toString("utf8"), `{"é":"${large.toString("latin1")}cd`);
    const { capacity } = writer;
    writer.clear();
    writer.appendText("short");
    assert.deepEqual(
      [writer.written().toString("utf8"), writer.length, writer.capacity],
      ["short", 5, capacity],
    );
  });

  it("gives room to a caller that writes by itself", () => {
    const writer = new ByteWriter();
    writer.appendText("a");
    writer.reserve(4).setInt32(writer.length, 0x62636465);
    writer.advance(writer.length + 4);
    assert.equal(writer.written().toString("latin1"), "abcde");
  });
});

describe("ByteWriters", () => {
  it("reuses returned writers, empty, up to its limits of number and size", () => {
    const writers = new ByteWriters({ keptMax: 1, capacityMax: 1_000_000 });
    const [first, second] = [writers.take(), writers.take()];
    first.appendText("first");
    writers.giveBack(first);
    writers.giveBack(second);
    assert.deepEqual([writers.take() === first, first.length, writers.take() === second], [true, 0, false]);
    first.append(Buffer.alloc(2_000_000));
    writers.giveBack(first);
    assert.notEqual(writers.take(), first);
  });
});
