import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DiskPerformance, raisedPerformance, throughputProblem } from "./disk-performance.ts";

const performance = (iops: number | undefined, mbps: number | undefined): DiskPerformance => ({
  diskIOPSReadWrite: iops,
  diskMBpsReadWrite: mbps,
});

describe("raisedPerformance", () => {
  const rows: readonly [
    because: string,
    skuName: string,
    sizeGiB: number,
    before: DiskPerformance,
    raised: DiskPerformance,
  ][] = [
    ["an Ultra disk has enough", "UltraSSD_LRS", 500, performance(500, 100), {}],
    [
      "it has an operation for each GiB",
      "ultrassd_lrs",
      501,
      performance(500, 100),
      { diskIOPSReadWrite: 501 },
    ],
    ["their throughput rises, too", "UltraSSD_LRS", 25_601, performance(500, 100), performance(25_601, 101)],
    ["Azure took less throughput", "UltraSSD_LRS", 500, performance(51_200, 100), {}],
    ["Azure shows no performance", "UltraSSD_LRS", 1024, performance(undefined, undefined), {}],
    ["of Premium SSD v2 the least is the same", "PremiumV2_LRS", 65_536, performance(3000, 125), {}],
    ["others follow their size", "Premium_LRS", 1024, performance(500, 100), {}],
  ];
  for (const [because, skuName, sizeGiB, before, raised] of rows)
    it(because, () => assert.deepEqual(raisedPerformance(skuName, sizeGiB, before), raised));
});

describe("throughputProblem", () => {
  const problemOf = (skuName: string, change: DiskPerformance, present = performance(3000, 125)): unknown =>
    throughputProblem(skuName, present, change);

  it("compares it with the IOPS that the disk has, or is to have", () => {
    const problem =
      "must be from 125 to 750 for a PremiumV2_LRS disk of 3000 IOPS; raise DiskIOPSReadWrite for more";
    assert.deepEqual(
      [
        problemOf("PremiumV2_LRS", performance(undefined, 751)),
        problemOf("PremiumV2_LRS", performance(undefined, 750)),
        problemOf("PremiumV2_LRS", performance(3004, 751)),
      ],
      [problem, undefined, undefined],
    );
  });

  it("leaves room for operations of 4 KiB", () =>
    assert.deepEqual(
      [99, 100].map((mbps) =>
        problemOf("UltraSSD_LRS", performance(undefined, mbps), performance(25_600, 200)),
      ),
      ["must be from 100 to 6400 for a UltraSSD_LRS disk of 25600 IOPS", undefined],
    ));

  it("leaves to Azure what it does not know", () =>
    assert.deepEqual(
      [
        problemOf("Premium_LRS", performance(undefined, 751)),
        problemOf("PremiumV2_LRS", performance(undefined, 751), performance(undefined, undefined)),
        problemOf("PremiumV2_LRS", performance(3000, undefined)),
      ],
      [undefined, undefined, undefined],
    ));
});
