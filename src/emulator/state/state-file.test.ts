import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { RecordedInput } from "./recorded-input.ts";
import { openStateFile } from "./state-file.ts";

const folder = mkdtempSync(join(tmpdir(), "emulator-state-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = (): string => join(folder, `state-${files++}.jsonl`);

/** A line of about this length, with line separators that are none in JSON lines. */
function input(length: number, atMs = 1): RecordedInput {
  const request = { method: "PUT", path: "/x", body: `\u2028\u2029\r${"ä".repeat(length)}` } as const;
  return { kind: "call", atMs, request, status: 200, requestId: "id" };
}

function readAll(path: string, setUp = { seed: 1 }): readonly RecordedInput[] {
  const file = openStateFile(path, { setUp, nowMs: 99 });
  try {
    assert.equal(file.startedAtMs, 5);
    return [...file.record.inputs()];
  } finally {
    file.close();
  }
}

function written(path: string, inputs: readonly RecordedInput[]): void {
  const file = openStateFile(path, { setUp: { seed: 1 }, nowMs: 5 });
  for (const one of inputs) file.record.append(one);
  file.close();
}

describe("a state file", () => {
  it("has every input again, long ones and line separators included", () => {
    const path = newPath();
    const inputs = [input(3), input(700_000), input(1), input(2_500_000), input(0)];
    written(path, inputs);
    assert.deepEqual(readAll(path), inputs);
  });

  it("loses only the line that a killed process left unfinished", () => {
    const path = newPath();
    written(path, [input(1), input(2)]);
    const sizeBytes = readFileSync(path).length;
    for (const leftBytes of [1, 1_500_000]) {
      appendFileSync(path, Buffer.alloc(leftBytes, "x"));
      assert.deepEqual(readAll(path), [input(1), input(2)]);
      assert.equal(readFileSync(path).length, sizeBytes);
    }
    written(path, [input(3)]);
    assert.deepEqual(readAll(path), [input(1), input(2), input(3)]);
  });

  it("begins again if the process was killed during the first line", () => {
    const path = newPath();
    written(path, []);
    truncateSync(path, 10);
    written(path, [input(1)]);
    assert.deepEqual(readAll(path), [input(1)]);
  });

  it("is refused with the values that differ from those it was begun with", () => {
    const path = newPath();
    written(path, [input(1)]);
    assert.throws(
      () => readAll(path, { seed: 2 }),
      /begun with other values of seed: use the same ones, or/u,
    );
    assert.deepEqual(readAll(path), [input(1)]);
  });

  it("is refused if it is no state, or damaged, with the line", () => {
    const path = newPath();
    writeFileSync(path, "{}\n");
    assert.throws(() => readAll(path), /is no state of this emulator/u);
    written(newPath(), []);
    const damaged = newPath();
    written(damaged, [input(1)]);
    appendFileSync(damaged, '{"kind":\n');
    assert.throws(() => readAll(damaged), /, line 3, is damaged: /u);
  });
});
