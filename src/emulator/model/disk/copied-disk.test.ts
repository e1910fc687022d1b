import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at } from "../api/json.ts";
import { DEFAULT_LATENCIES } from "../pace/latency.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const HOUR_MS = 3_600_000;

/** A Premium SSD v2, and a copy of it that Azure fills in the background for an hour. */
function withCopy(): ModelFixture {
  const latencies = { ...DEFAULT_LATENCIES, diskBackgroundCopy: { medianMs: HOUR_MS, p99Ms: HOUR_MS } };
  const azure = aModel({ settings: { latencies } });
  azure.finish("PUT", "disks/source", diskBody({ sku: "PremiumV2_LRS" }));
  const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/source` };
  azure.finish("PUT", "disks/copy", diskBody({ sku: "PremiumV2_LRS", properties: { creationData } }));
  return azure;
}

describe("a disk whose copy continues in the background", () => {
  it("is attached at once", () => {
    const azure = withCopy();
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "copy" }));
    const { properties } = azure.send("GET", "disks/copy").body as { properties: Record<string, unknown> };
    assert.deepEqual([properties["diskState"], properties["completionPercent"]], ["Attached", 0]);
  });

  it("neither grows nor is copied or snapshotted before the end", () => {
    const azure = withCopy();
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/copy` };
    const grow = { properties: { diskSizeGB: 256 } };
    const copied = (): readonly unknown[] =>
      [
        azure.send("PUT", "disks/next", diskBody({ sku: "PremiumV2_LRS", properties: { creationData } })),
        azure.send("PUT", "snapshots/snap-1", {
          location: "eastus",
          properties: { creationData, incremental: true },
        }),
      ].map(({ status, body }) => codeOf(body) ?? status);
    assert.equal(codeOf(azure.send("PATCH", "disks/copy", grow).body), "OperationNotAllowed");
    assert.deepEqual(copied(), ["OperationNotAllowed", "OperationNotAllowed"]);
    azure.advance(2 * HOUR_MS);
    assert.equal(at(azure.send("GET", "disks/copy").body, "properties", "completionPercent"), 100);
    assert.deepEqual(copied(), [202, 202]);
    azure.settle();
    assert.equal(azure.send("PATCH", "disks/copy", grow).status, 202);
  });
});
