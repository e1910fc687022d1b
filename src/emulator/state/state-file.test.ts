import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { RecordedInput } from "./recorded-input.ts";
import { openStateFile } from "./state-file.ts";

const folder = mkdtempSync(join(tmpdir(), "emulator-state-"));
after(() => rmSync(folder, { recursive: true }));

const canLock = process.platform === "linux";

let files = 0;
const newPath = (): string => join(folder, `state-${files++}.jsonl`);

/** A line of about this length, with line separators that are none in JSON lines. */
function input(length: number): RecordedInput {
  const request = { method: "PUT", path: "/x", body: `\u2028\u2029\r${"ä".repeat(length)}` } as const;
  return { kind: "call", atMs: 1, request, status: 200, requestId: "id" };
}

async function readAll(path: string, setUp = { seed: 1 }): Promise<readonly RecordedInput[]> {
  const file = await openStateFile(path, { setUp: () => setUp, nowMs: 99 });
  try {
    assert.equal(file.startedAtMs, 5);
    return [...file.record.inputs()];
  } finally {
    file.close();
  }
}

async function written(path: string, inputs: readonly RecordedInput[]): Promise<void> {
  const file = await openStateFile(path, { setUp: () => ({ seed: 1 }), nowMs: 5 });
  for (const one of inputs) file.record.append(one);
  file.close();
}

describe("a state file", () => {
  it("has every input again, long ones and line separators included", async () => {
    const path = newPath();
    const inputs = [input(3), input(700_000), input(1), input(2_500_000), input(0)];
    await written(path, inputs);
    assert.deepEqual(await readAll(path), inputs);
  });

  it("loses only the line that a killed process left unfinished", async () => {
    const path = newPath();
    await written(path, [input(1), input(2)]);
    const sizeBytes = readFileSync(path).length;
    for (const leftBytes of [1, 1_500_000]) {
      appendFileSync(path, Buffer.alloc(leftBytes, "x"));
      assert.deepEqual(await readAll(path), [input(1), input(2)]);
      assert.equal(readFileSync(path).length, sizeBytes);
    }
    await written(path, [input(3)]);
    assert.deepEqual(await readAll(path), [input(1), input(2), input(3)]);
  });

  it("is refused, and stays, if its first line has no end", async () => {
    const path = newPath();
    await written(path, []);
    for (const sizeBytes of [readFileSync(path).length - 1, 10]) {
      truncateSync(path, sizeBytes);
      await assert.rejects(
        readAll(path),
        /is damaged: its first line has no end.* remove the file to begin/u,
      );
      assert.equal(readFileSync(path).length, sizeBytes);
    }
  });

  it("begins in an empty file", async () => {
    const path = newPath();
    writeFileSync(path, "");
    await written(path, [input(1)]);
    assert.deepEqual(await readAll(path), [input(1)]);
  });

  it("is refused with the values that differ from those it was begun with", async () => {
    const path = newPath();
    await written(path, [input(1)]);
    await assert.rejects(
      readAll(path, { seed: 2 }),
      /begun with other values of seed: use the same ones, or/u,
    );
    assert.deepEqual(await readAll(path), [input(1)]);
  });

  it("belongs to one process at a time", { skip: canLock ? false : "locks need Linux" }, async () => {
    const path = newPath();
    const first = await openStateFile(path, { setUp: () => ({}), nowMs: 1 });
    await assert.rejects(
      openStateFile(path, { setUp: () => ({}), nowMs: 2 }),
      /another emulator uses .*: end that one/u,
    );
    first.close();
    (await openStateFile(path, { setUp: () => ({}), nowMs: 3 })).close();
  });

  it("is refused if it is no state, or damaged, with the line", async () => {
    const path = newPath();
    // Files of others, and what a power loss has left of one of its own, also without a line's end.
    for (const other of ["{}\n", "{}", "my state", "\0".repeat(4096)]) {
      writeFileSync(path, other);
      await assert.rejects(readAll(path), /is no state of this emulator/u);
      assert.equal(readFileSync(path, "utf8"), other);
    }
    const damaged = newPath();
    await written(damaged, [input(1)]);
    appendFileSync(damaged, '{"kind":\n');
    await assert.rejects(readAll(damaged), /, line 3, is damaged: /u);
  });
});
