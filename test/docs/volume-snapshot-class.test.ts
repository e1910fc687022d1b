import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { snapshotParameterNotes } from "../../scripts/generate/reference/snapshot-parameter-notes.ts";
import {
  parseSnapshotParameters,
  snapshotParameterTable,
} from "../../src/core/volume/parameters/snapshot-parameters.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const page = await readFile(join(ROOT, "docs/reference/volume-snapshot-class.md"), "utf8");

function accepts(parameters: Readonly<Record<string, string>>): boolean {
  return parseSnapshotParameters(parameters, { tags: {}, subscriptionId: "the-disk-s" }).ok;
}

describe("docs/reference/volume-snapshot-class.md", () => {
  for (const [name, { example, needs }] of Object.entries(snapshotParameterNotes))
    it(`gives ${name} an example that is accepted`, () =>
      assert.ok(accepts({ ...needs, [name]: example }), example));

  for (const [name, row] of Object.entries(snapshotParameterTable)) {
    if (row.kind === "choice")
      it(`states every ${name}`, () =>
        assert.deepEqual(
          [...row.choices, "None at all"].filter((value) => accepts({ [name]: value })),
          row.choices,
        ));
    if (row.kind === "count")
      it(`states the least and the greatest ${name}`, () =>
        assert.deepEqual(
          [row.min - 1, row.min, row.max, row.max + 1].map((value) => accepts({ [name]: String(value) })),
          [false, true, true, false],
        ));
  }

  it("shows only classes from which CreateSnapshot makes a snapshot", () => {
    const yaml = /```yaml\n([\s\S]*?)```/u.exec(page)?.[1] ?? "";
    const classes = parseAllDocuments(yaml)
      .map((document) => document.toJS() as { kind: string; parameters?: Record<string, string> })
      .filter(({ kind }) => kind === "VolumeSnapshotClass");
    assert.deepEqual(
      classes.map(({ parameters }) => accepts(parameters ?? {})),
      [true],
    );
  });
});
