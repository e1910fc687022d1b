import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, isObject, type Json, listAt, textAt } from "../api/json.ts";
import { aModel } from "../testing/model-fixture.ts";

function skusOf(resourceType: string, location = "westeurope"): readonly Json[] {
  const path = `/subscriptions/sub-1/providers/Microsoft.Compute/skus?$filter=location eq '${location}'`;
  const all = listAt(aModel().send("GET", path).body, "value") ?? [];
  return all.filter((sku) => textAt(sku, "resourceType") === resourceType);
}

function capabilitiesOf(name: string, size: string): Readonly<Record<string, string | undefined>> {
  const sku = skusOf("disks").find((each) => textAt(each, "name") === name && textAt(each, "size") === size);
  return Object.fromEntries(
    (listAt(sku, "capabilities") ?? []).map((each) => [textAt(each, "name") ?? "", textAt(each, "value")]),
  );
}

/** From a published list of `az vm list-skus -l westus` (2020). */
describe("the list of SKUs", () => {
  it("has both kinds of availability sets", () => {
    assert.deepEqual(
      skusOf("availabilitySets").map((sku) => [
        textAt(sku, "name"),
        at(sku, "capabilities"),
        at(sku, "size"),
      ]),
      ["Classic", "Aligned"].map((name) => [
        name,
        [{ name: "MaximumPlatformFaultDomainCount", value: "3" }],
        undefined,
      ]),
    );
  });

  it("has the SKUs of snapshots, which have no capabilities", () => {
    const names = (location: string): readonly (string | undefined)[] =>
      skusOf("snapshots", location).map((sku) => textAt(sku, "name"));
    assert.deepEqual(names("westeurope"), ["Standard_LRS", "Premium_LRS", "Standard_ZRS"]);
    assert.deepEqual(names("westus"), ["Standard_LRS", "Premium_LRS"]);
    assert.ok(skusOf("snapshots").every((sku) => isObject(sku) && !("capabilities" in sku)));
  });

  it("has sizes of disks with their credits for bursts", () => {
    assert.deepEqual(capabilitiesOf("Premium_LRS", "P6"), {
      MaxSizeGiB: "64",
      MinSizeGiB: "32",
      MaxIOps: "240",
      MinIOps: "240",
      MaxBandwidthMBps: "50",
      MinBandwidthMBps: "50",
      MaxValueOfMaxShares: "3",
      MaxBurstIops: "3500",
      MaxBurstBandwidthMBps: "170",
      MaxBurstDurationInMin: "30",
      BurstCreditBucketSizeInIO: "5868000",
      BurstCreditBucketSizeInGiB: "211",
    });
    const credits = (size: string): readonly (string | undefined)[] => {
      const { BurstCreditBucketSizeInIO: operations, BurstCreditBucketSizeInGiB: gib } = capabilitiesOf(
        "Premium_LRS",
        size,
      );
      return [operations, gib];
    };
    assert.deepEqual(["P1", "P10", "P15", "P20", "P30"].map(credits), [
      ["6084000", "255"],
      ["5400000", "123"],
      ["4320000", "79"],
      ["2160000", "35"],
      [undefined, undefined],
    ]);
    const { MinIOps, MaxIOps, MinBandwidthMBps, MinSizeGiB } = capabilitiesOf("Standard_LRS", "S60");
    assert.deepEqual([MinIOps, MaxIOps, MinBandwidthMBps, MinSizeGiB], ["500", "1300", "60", "4096"]);
  });

  it("has what the readers of an Ultra disk get", () => {
    const { MinIopsReadOnly, MinIOSizeKiBps, MaxIOSizeKiBps, MaxValueOfMaxShares } = capabilitiesOf(
      "UltraSSD_LRS",
      "U",
    );
    assert.deepEqual(
      [MinIopsReadOnly, MinIOSizeKiBps, MaxIOSizeKiBps, MaxValueOfMaxShares],
      ["100", "4", "256", "15"],
    );
  });
});
