import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createAcknowledgedRecords } from "./acknowledged-records.ts";

function aHistory() {
  const details: string[] = [];
  const records = createAcknowledgedRecords(({ invariant, detail }) =>
    details.push(`${invariant}: ${detail}`),
  );
  for (const [number, text] of ["pod-1 #0", "pod-1 #1"].entries())
    records.acknowledge({ volumeName: "vol-1", number, text });
  return { records, details };
}

describe("acknowledged records", () => {
  it("requires only acknowledged records: the disk may have more, and other volumes", () => {
    const { records, details } = aHistory();
    records.compare("vol-1", "pod-2", (number) => ["pod-1 #0", "pod-1 #1", "pod-1 #2, never synced"][number]);
    records.compare("vol-2", "pod-3", () => undefined);
    assert.deepEqual([details, records.count("vol-1")], [[], 2]);
  });

  it("reports a lost record, and one with an older text", () => {
    const { records, details } = aHistory();
    records.compare("vol-1", "pod-2", (number) => (number === 0 ? "pod-1 #0" : undefined));
    records.compare("vol-1", "pod-2", (number) => ["pod-0 #0", "pod-1 #1"][number]);
    assert.deepEqual(details, [
      `synced-data-lost: pod-2 reads nothing where record 1 of vol-1 was acknowledged as "pod-1 #1"`,
      `synced-data-lost: pod-2 reads "pod-0 #0" where record 0 of vol-1 was acknowledged as "pod-1 #0"`,
    ]);
  });

  it("reports two containers that both received the same record number", () => {
    const { records, details } = aHistory();
    records.acknowledge({ volumeName: "vol-1", number: 1, text: "pod-9 #1" });
    assert.deepEqual(details, [
      `synced-data-lost: record 1 of vol-1 was acknowledged twice: first "pod-1 #1", which "pod-9 #1" ` +
        "has overwritten",
    ]);
  });
});
