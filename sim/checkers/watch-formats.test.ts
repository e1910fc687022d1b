import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { createOutsideEvents } from "../history/outside-events.ts";
import { aHistory, aMachine, diskUri } from "./testing/a-history.ts";
import { watchFormats } from "./watch-formats.ts";

function aDisk({ isCopy = false, isMarked = false } = {}) {
  const history = aHistory();
  const outside = createOutsideEvents(history.clock);
  const disk = createModelDisk({ diskUri, sizeBytes: 1n << 30n });
  if (isMarked) disk.formatMark = { diskUri, uuid: "uuid-1" };
  const azure = { ...history.azure, isCopy: () => isCopy, diskOf: () => disk };
  watchFormats({ ...history, azure, outside });
  const { machine } = aMachine("node-a");
  const write = (by: "format" | "check" | "mount" | "flush"): void =>
    history.happen({ kind: "wrote", diskUri, machine, by });
  return { history, outside, disk, write };
}

describe("nothing is formatted that had data", () => {
  it("allows a first format, and another one until the disk has been mounted", () => {
    const { history, write } = aDisk();
    for (const by of ["format", "format", "check", "mount", "flush"] as const) write(by);
    assert.deepEqual(history.violations, []);
  });

  it("reports a format of a disk that was mounted, or written raw", () => {
    for (const use of ["mount", "flush"] as const) {
      const { history, write } = aDisk();
      write(use);
      write("format");
      assert.deepEqual(history.invariants(), ["formatted-data"]);
    }
  });

  it("reports the first use of a disk with the mark of a first format", () => {
    for (const use of ["mount", "flush"] as const) {
      const { history, write } = aDisk({ isMarked: true });
      write("format");
      assert.deepEqual(history.violations, []);
      write(use);
      write(use);
      assert.deepEqual(
        history.violations.map(({ detail }) => detail),
        ["node-a uses vol-1, which has the mark of a first format"],
      );
    }
  });

  it("reports a mark that comes to a disk in use", () => {
    const { history, disk, write } = aDisk();
    write("mount");
    disk.formatMark = { diskUri, uuid: "uuid-1" };
    write("flush");
    assert.deepEqual(history.invariants(), ["formatted-data"]);
  });

  it("reports a format of a copy of another disk, though it was never mounted", () => {
    const { history, write } = aDisk({ isCopy: true });
    write("format");
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      ["node-a formatted vol-1, that is a copy of another disk"],
    );
  });

  it("reports a format over another client's data", () => {
    const { history, outside, write } = aDisk();
    outside.noteForeignData(diskUri.toUpperCase());
    write("format");
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      ["node-a formatted vol-1, that holds another client's data"],
    );
  });
});
