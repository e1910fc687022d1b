import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import { DEFAULT_LATENCIES } from "../pace/latency.ts";
import { aModel, codeOf, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
const DISK = "disks/pvc-1";

const skuOf = (name: string): Json => ({ sku: { name } });

function withDisk(sku = "Premium_LRS", properties: Record<string, Json> = {}): ModelFixture {
  const latencies = { ...DEFAULT_LATENCIES, diskConvert: { medianMs: HOUR_MS, p99Ms: HOUR_MS } };
  const azure = aModel({ settings: { latencies } });
  azure.finish("PUT", DISK, diskBody({ sku, properties }));
  return azure;
}

function shownOf(azure: ModelFixture, property: string): Json | undefined {
  return at(azure.send("GET", DISK).body, "properties", property);
}

describe("the conversion of a disk", () => {
  it("continues after its operation, and is reported in percent", () => {
    const azure = withDisk();
    assert.equal(shownOf(azure, "completionPercent"), undefined);
    azure.finish("PATCH", DISK, skuOf("PremiumV2_LRS"));
    azure.advance(HOUR_MS / 2);
    const half = shownOf(azure, "completionPercent");
    assert.ok(typeof half === "number" && half >= 50 && half < 55, JSON.stringify(half));
    assert.equal(
      codeOf(azure.send("PATCH", DISK, { properties: { diskSizeGB: 256 } }).body),
      "OperationNotAllowed",
    );
    azure.advance(HOUR_MS);
    assert.equal(shownOf(azure, "completionPercent"), 100);
    assert.equal(azure.send("PATCH", DISK, { properties: { diskSizeGB: 256 } }).status, 202);
  });

  it("keeps sectors of 512 bytes", () => {
    const azure = withDisk();
    azure.finish("PATCH", DISK, skuOf("PremiumV2_LRS"));
    assert.equal(at(shownOf(azure, "creationData"), "logicalSectorSize"), 512);
  });

  it("is refused while the host caches the disk", () => {
    const azure = withDisk();
    azure.finish(
      "PATCH",
      "virtualMachines/node-a",
      listBody({ 0: "pvc-1" }, { "pvc-1": { caching: "ReadOnly" } }),
    );
    const refused = azure.send("PATCH", DISK, skuOf("PremiumV2_LRS"));
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
    assert.match(JSON.stringify(refused.body), /host caching must be None/);
  });

  it("is refused while bursting is on", () => {
    const azure = withDisk("Premium_LRS", { diskSizeGB: 1024, burstingEnabled: true });
    assert.match(
      JSON.stringify(
        azure.send("PATCH", DISK, {
          ...(skuOf("PremiumV2_LRS") as Record<string, Json>),
          properties: { burstingEnabled: false },
        }).body,
      ),
      /bursting must be off/,
    );
  });

  it("is refused above 50 at a time in a region", () => {
    const azure = withDisk();
    for (let index = 0; index < 50; index++) {
      azure.finish("PUT", `disks/other-${index}`, diskBody());
      azure.finish("PATCH", `disks/other-${index}`, skuOf("PremiumV2_LRS"));
    }
    assert.match(
      JSON.stringify(azure.send("PATCH", DISK, skuOf("PremiumV2_LRS")).body),
      /50 conversions are under way/,
    );
  });
});

describe("bursting on demand and the tier of a Premium disk", () => {
  const bursting = (burstingEnabled: boolean): Json => ({ properties: { burstingEnabled } });
  const tier = (name: string): Json => ({ properties: { tier: name } });
  const answer = (azure: ModelFixture, body: Json): unknown => {
    const { status, body: answered } = azure.send("PATCH", DISK, body);
    azure.settle();
    return codeOf(answered) ?? status;
  };

  it("ends as the disk becomes one of another type", () => {
    const azure = withDisk("Premium_LRS", { diskSizeGB: 1024, burstingEnabled: true });
    assert.equal(answer(azure, skuOf("StandardSSD_LRS")), 202);
    assert.equal(shownOf(azure, "burstingEnabled"), undefined);
    azure.finish("PATCH", DISK, skuOf("Premium_LRS"));
    assert.equal(shownOf(azure, "burstingEnabled"), undefined);
  });

  it("lets a client put back what it has read with another SKU or size", () => {
    const putBack = (azure: ModelFixture, change: Record<string, Json>): Json | undefined => {
      const read = azure.send("GET", DISK).body as { readonly properties: Record<string, Json> };
      const { properties = {}, ...top } = change;
      return azure.finish("PUT", DISK, {
        ...read,
        ...top,
        properties: { ...read.properties, ...(properties as object) },
      });
    };
    const azure = withDisk("Premium_LRS", { diskSizeGB: 1024, burstingEnabled: true });
    assert.equal(
      textAt(putBack(azure, skuOf("StandardSSD_LRS") as Record<string, Json>), "status"),
      "Succeeded",
    );
    assert.equal(shownOf(azure, "burstingEnabled"), undefined);
    const raised = withDisk();
    raised.finish("PATCH", DISK, tier("P30"));
    assert.equal(textAt(putBack(raised, { properties: { diskSizeGB: 2048 } }), "status"), "Succeeded");
    assert.equal(shownOf(raised, "tier"), "P40");
    raised.advance(12 * HOUR_MS);
    raised.finish("PATCH", DISK, tier("P50"));
    assert.equal(
      textAt(putBack(raised, skuOf("StandardSSD_LRS") as Record<string, Json>), "status"),
      "Succeeded",
    );
    const enabled = withDisk("Standard_LRS", { diskSizeGB: 1024 });
    const change = { ...(skuOf("StandardSSD_LRS") as object), ...(bursting(true) as object) };
    assert.equal(codeOf(enabled.send("PATCH", DISK, change).body), "InvalidParameter");
  });

  it("is switched on only while no running VM has the disk, and off 12 hours later", () => {
    const azure = withDisk("Premium_LRS", { diskSizeGB: 1024 });
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.equal(answer(azure, bursting(true)), "OperationNotAllowed");
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    assert.equal(answer(azure, bursting(true)), 202);
    azure.finish("POST", "virtualMachines/node-a/start");
    assert.equal(answer(azure, bursting(false)), "OperationNotAllowed");
    azure.advance(12 * HOUR_MS);
    assert.equal(answer(azure, bursting(false)), 202);
  });

  it("is raised any time, and lowered once in 12 hours", () => {
    const azure = withDisk();
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(
      ["P40", "P30", "P50", "P40"].map((name) => answer(azure, tier(name))),
      [202, 202, 202, "OperationNotAllowed"],
    );
    azure.advance(12 * HOUR_MS);
    assert.equal(answer(azure, tier("P10")), 202);
    assert.equal(shownOf(azure, "tier"), "P10");
  });

  it("stays as it is while running VMs share the disk", () => {
    const azure = withDisk("Premium_LRS", { maxShares: 2 });
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.equal(answer(azure, tier("P40")), "OperationNotAllowed");
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    assert.equal(answer(azure, tier("P40")), 202);
  });

  it("grows with the disk beyond the tier that was chosen", () => {
    const azure = withDisk();
    azure.finish("PATCH", DISK, tier("P30"));
    azure.finish("PATCH", DISK, { properties: { diskSizeGB: 2048 } });
    assert.equal(shownOf(azure, "tier"), "P40");
  });
});

describe("changes of a disk in a day", () => {
  it("are two of the SKU", () => {
    const azure = withDisk();
    azure.finish("PATCH", DISK, skuOf("StandardSSD_LRS"));
    azure.finish("PATCH", DISK, skuOf("Standard_LRS"));
    const third = azure.send("PATCH", DISK, skuOf("Premium_LRS"));
    assert.deepEqual([third.status, codeOf(third.body)], [409, "OperationNotAllowed"]);
    azure.advance(DAY_MS);
    assert.equal(azure.send("PATCH", DISK, skuOf("Premium_LRS")).status, 202);
  });

  it("are four of the performance, its creation included", () => {
    const azure = withDisk("PremiumV2_LRS");
    for (const diskIOPSReadWrite of [3100, 3200, 3300])
      azure.finish("PATCH", DISK, { properties: { diskIOPSReadWrite } });
    const same = { properties: { diskIOPSReadWrite: 3300 } };
    assert.equal(azure.finish("PATCH", DISK, same) !== undefined, true);
    const next = { properties: { diskIOPSReadWrite: 3400 } };
    assert.equal(codeOf(azure.send("PATCH", DISK, next).body), "OperationNotAllowed");
    azure.advance(DAY_MS);
    assert.equal(azure.send("PATCH", DISK, next).status, 202);
  });
});
