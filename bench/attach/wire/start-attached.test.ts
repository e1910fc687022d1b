import assert from "node:assert/strict";
import { it } from "node:test";
import { measureStartAttached } from "./start-attached.ts";

it("rebuilds attached volumes, starts on their records, and then leaves Azure alone", async () => {
  const { volumes, nodes, ...start } = await measureStartAttached({ volumes: 64, restMs: 5_000 });
  assert.deepEqual([volumes, nodes, start.restCallsPerMinute], [64, 4, 0]);
  // The record, its barrier, the disk and the attachment of each volume; the second start changes none.
  assert.ok(start.heldWrites >= 5 * volumes, `${start.heldWrites} writes`);
  assert.ok(start.againWrites < volumes / 2, `${start.againWrites} writes at the second start`);
  assert.ok(start.restWritesPerSecond <= 1, `${start.restWritesPerSecond} writes a second`);
  assert.ok(start.againMiB <= 130, `${start.againMiB} MiB`);
});
