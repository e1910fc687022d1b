import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  DATA_DISKS_MAX_UNKNOWN,
  DATA_DISKS_MAX_UNNAMED,
  dataDisksMaxByFamily,
  dataDisksMaxOf,
  knownDataDisksMax,
  parseVmSizeName,
} from "./data-disks-max.ts";
import { dataDisksTable } from "./gen/data-disks-table.ts";

/** Each size of the table, read another way than the driver does. */
const tableSizes: readonly (readonly [vmSize: string, disks: number])[] = dataDisksTable
  .trim()
  .split("\n")
  .flatMap((row) => {
    const [series = "", groups = ""] = row.split("=");
    return [...groups.matchAll(/(\d+):([\d,]+)/gu)].flatMap(([, disks, vCpus = ""]) =>
      vCpus.split(",").map((each) => [`Standard_${series.replace("#", each)}`, Number(disks)] as const),
    );
  });

describe("knownDataDisksMax", () => {
  it("answers each size of the table with its own number", () => {
    assert.ok(tableSizes.length > 2000, `${tableSizes.length} sizes`);
    assert.deepEqual(
      tableSizes.map(([vmSize]) => [vmSize, knownDataDisksMax(vmSize)]),
      tableSizes,
    );
  });

  for (const { name, dataDisksMax } of [
    { name: "Standard_B1s", dataDisksMax: 2 },
    { name: "Standard_D2s_v3", dataDisksMax: 4 },
    { name: "Standard_NC4as_T4_v3", dataDisksMax: 8 },
    { name: "Standard_D2s_v7", dataDisksMax: 10 },
    { name: "Standard_D4s_v6", dataDisksMax: 12 },
    { name: "Standard_D8s_v5", dataDisksMax: 16 },
    { name: "Standard_D8s_v6", dataDisksMax: 24 },
    { name: "Standard_E104i_v5", dataDisksMax: 64 },
    { name: "Standard_D16as_v7", dataDisksMax: 48 },
    { name: "Standard_NC36lds_xl_RTXPRO6000BSE_v6", dataDisksMax: 1 },
    { name: "Basic_A1", dataDisksMax: 2 },
  ]) {
    it(`is ${dataDisksMax} for ${name}, whatever its case`, () => {
      for (const spelling of [name, name.toUpperCase(), name.toLowerCase()])
        assert.equal(knownDataDisksMax(spelling), dataDisksMax);
    });
  }

  it("answers a size with fewer vCPUs in use as the whole size", () => {
    const sizes = tableSizes.filter(([vmSize]) => /_e\d+(?:bds|s)_v[56]$/u.test(vmSize));
    assert.ok(sizes.length > 20);
    for (const [vmSize, disks] of sizes)
      assert.equal(knownDataDisksMax(vmSize.replace(/\d+/u, "$&-2")), disks, vmSize);
  });

  it("answers 16 for Standard_E8-4s_v5 and Standard_E8-4ds_v5, as for the whole sizes", () => {
    for (const name of ["Standard_E8-4s_v5", "Standard_E8-4ds_v5", "Standard_E8s_v5", "Standard_E8ds_v5"])
      assert.equal(knownDataDisksMax(name), 16, name);
  });

  for (const [kind, name, regular] of [
    ["promotional", "Standard_DS3_v2_Promo", "Standard_DS3_v2"],
    ["dedicated hosts'", "Standard_E16ds_v4_ADHType1", "Standard_E16ds_v4"],
  ] as const)
    it(`answers a ${kind} size as the regular one`, () => {
      assert.equal(typeof knownDataDisksMax(regular), "number");
      assert.equal(knownDataDisksMax(name), knownDataDisksMax(regular));
    });

  it("knows no size outside the table, nor a text that is no size", () => {
    for (const name of ["Standard_D3s_v5", "Standard_D8s_v99", "Standard", "", "d2s_v5=4:2\nd", "#s_v5"])
      assert.equal(knownDataDisksMax(name), undefined, name);
  });
});

describe("dataDisksMaxByFamily", () => {
  it("never exceeds the table for a size that has a rule", () => {
    const newer = tableSizes.filter(([vmSize]) => (parseVmSizeName(vmSize)?.version ?? 0) >= 3);
    assert.ok(newer.length > 2000, `${newer.length} sizes`);
    assert.deepEqual(
      newer.filter(([vmSize, disks]) => dataDisksMaxByFamily(vmSize) > disks),
      [],
    );
  });

  it("exceeds the table for one size in a hundred without a rule", () => {
    const exceeded = tableSizes.filter(([vmSize, disks]) => dataDisksMaxByFamily(vmSize) > disks);
    assert.ok(exceeded.length < tableSizes.length / 100, `${exceeded.length} sizes`);
  });

  for (const { name, dataDisksMax, because } of [
    { name: "Standard_D8s_v99", dataDisksMax: 16, because: "two a vCPU in the general families" },
    { name: "Standard_E96-48ads_v99", dataDisksMax: 32, because: "never more than 32" },
    { name: "Standard_L12as_v99", dataDisksMax: 12, because: "one a vCPU in families of large sizes" },
    { name: "Standard_M128s_v99", dataDisksMax: 16, because: "no more than 16 there" },
    { name: "Standard_NC96s_v99", dataDisksMax: 1, because: "some sizes with GPUs take one only" },
    { name: "Standard_D64_v2", dataDisksMax: 4, because: "the first number of an old name is no vCPUs" },
    { name: "Standard_E8ns_v6_SPECIAL", dataDisksMax: 16, because: "a special size has its family's rule" },
    { name: "Standard_Z64_v99", dataDisksMax: 4, because: "the family is new" },
  ]) {
    it(`is ${dataDisksMax} for ${name}: ${because}`, () =>
      assert.equal(dataDisksMaxByFamily(name), dataDisksMax));
  }
});

describe("dataDisksMaxOf", () => {
  it("prefers the table to the family's rule", () => {
    assert.equal(dataDisksMaxOf("Standard_D16s_v6"), 48);
    assert.equal(dataDisksMaxOf("Standard_D16s_v99"), 32);
  });

  it("is a modest guess for an unknown size, and V1's for one without name", () => {
    assert.equal(dataDisksMaxOf("Standard_Z99"), DATA_DISKS_MAX_UNKNOWN);
    assert.equal(dataDisksMaxOf(""), DATA_DISKS_MAX_UNNAMED);
  });
});
