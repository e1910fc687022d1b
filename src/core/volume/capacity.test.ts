import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gibToBytes } from "../primitives/units.ts";
import { chooseDiskSize, isSizeWithin } from "./capacity.ts";
import type { DiskSku } from "./disk-sku.ts";

const GIB = gibToBytes(1);

function choose(request: {
  requiredBytes?: bigint;
  limitBytes?: bigint;
  skuName?: DiskSku;
  enablePerformancePlus?: boolean;
}): ReturnType<typeof chooseDiskSize> {
  return chooseDiskSize(
    { requiredBytes: request.requiredBytes ?? 0n, limitBytes: request.limitBytes ?? 0n },
    { skuName: request.skuName ?? "Premium_LRS", enablePerformancePlus: request.enablePerformancePlus },
  );
}

describe("chooseDiskSize", () => {
  const accepted = [
    { request: {}, sizeGiB: 1, because: "nothing stated is the smallest disk" },
    { request: { requiredBytes: 1n }, sizeGiB: 1, because: "a byte is rounded up to a GiB" },
    { request: { requiredBytes: GIB }, sizeGiB: 1, because: "a whole GiB stays" },
    { request: { requiredBytes: GIB + 1n }, sizeGiB: 2, because: "a byte more is another GiB" },
    { request: { limitBytes: GIB }, sizeGiB: 1, because: "the limit itself is allowed" },
    {
      request: { requiredBytes: 3n * GIB - 5n, limitBytes: 3n * GIB },
      sizeGiB: 3,
      because: "rounding up reaches the limit but does not pass it",
    },
    { request: { limitBytes: 2n ** 63n - 1n }, sizeGiB: 1, because: "a limit above every disk is no limit" },
    { request: { requiredBytes: 32_767n * GIB }, sizeGiB: 32_767, because: "the largest Premium disk" },
    {
      request: { requiredBytes: 65_536n * GIB, skuName: "PremiumV2_LRS" as const },
      sizeGiB: 65_536,
      because: "Premium v2 goes to 64 TiB",
    },
    {
      request: { requiredBytes: GIB, skuName: "UltraSSD_LRS" as const },
      sizeGiB: 4,
      because: "Ultra disks start at 4 GiB",
    },
    {
      request: { requiredBytes: GIB, enablePerformancePlus: true },
      sizeGiB: 513,
      because: "performance plus starts at 513 GiB",
    },
    {
      request: { requiredBytes: GIB, enablePerformancePlus: false },
      sizeGiB: 1,
      because: "performance plus is off",
    },
  ];
  for (const { request, sizeGiB, because } of accepted) {
    it(`answers ${sizeGiB} GiB: ${because}`, () =>
      assert.deepEqual(choose(request), { ok: true, value: { sizeGiB } }));
  }

  const refused = [
    {
      request: { requiredBytes: -1n },
      kind: "InvalidArgument",
      field: "capacity_range.required_bytes",
      because: "a negative size",
    },
    {
      request: { limitBytes: -1n },
      kind: "InvalidArgument",
      field: "capacity_range.limit_bytes",
      because: "a negative limit",
    },
    {
      request: { requiredBytes: 2n * GIB, limitBytes: GIB },
      kind: "InvalidArgument",
      field: "capacity_range.required_bytes",
      because: "more required than allowed",
    },
    {
      request: { limitBytes: GIB - 1n },
      kind: "OutOfRange",
      field: "capacity_range.limit_bytes",
      because: "no disk is that small",
    },
    {
      request: { requiredBytes: GIB + 1n, limitBytes: GIB + 2n },
      kind: "OutOfRange",
      field: "capacity_range.limit_bytes",
      because: "no whole GiB lies in the range",
    },
    {
      request: { requiredBytes: 32_768n * GIB },
      kind: "OutOfRange",
      field: "capacity_range.required_bytes",
      because: "no Premium disk is that large",
    },
    {
      request: { requiredBytes: 2n ** 63n - 1n },
      kind: "OutOfRange",
      field: "capacity_range.required_bytes",
      because: "the largest int64",
    },
    {
      request: { limitBytes: 2n * GIB, skuName: "UltraSSD_LRS" as const },
      kind: "OutOfRange",
      field: "capacity_range.limit_bytes",
      because: "no Ultra disk is that small",
    },
  ];
  for (const { request, kind, field, because } of refused) {
    it(`refuses with ${kind}: ${because}`, () => {
      const chosen = choose(request);
      assert.ok(!chosen.ok);
      assert.deepEqual([chosen.failure.kind, chosen.failure.field], [kind, field]);
    });
  }
});

describe("isSizeWithin", () => {
  const range = { requiredBytes: 2n * GIB, limitBytes: 3n * GIB };
  for (const [sizeGiB, within] of [
    [1, false],
    [2, true],
    [3, true],
    [4, false],
  ] as const) {
    it(`says ${within} of ${sizeGiB} GiB between 2 and 3`, () =>
      assert.equal(isSizeWithin(range, sizeGiB), within));
  }

  it("has no upper end where no limit is stated", () =>
    assert.equal(isSizeWithin({ requiredBytes: 0n, limitBytes: 0n }, 65_536), true));
});
