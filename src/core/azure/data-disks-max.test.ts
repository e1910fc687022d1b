import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  DATA_DISKS_MAX_UNKNOWN,
  DATA_DISKS_MAX_UNNAMED,
  dataDisksMaxOf,
  knownDataDisksMax,
} from "./data-disks-max.ts";

describe("dataDisksMaxOf", () => {
  for (const { name, dataDisksMax } of [
    { name: "Standard_B1s", dataDisksMax: 2 },
    { name: "Standard_D2s_v3", dataDisksMax: 4 },
    { name: "Standard_D4s_v5", dataDisksMax: 8 },
    { name: "Standard_D2s_v7", dataDisksMax: 10 },
    { name: "Standard_D4s_v6", dataDisksMax: 12 },
    { name: "Standard_D8s_v5", dataDisksMax: 16 },
    { name: "Standard_D8s_v6", dataDisksMax: 24 },
    { name: "Standard_E16s_v5", dataDisksMax: 32 },
    { name: "Standard_D16s_v6", dataDisksMax: 48 },
    { name: "Standard_M64s", dataDisksMax: 64 },
  ]) {
    it(`is ${dataDisksMax} for ${name}, whatever its case`, () => {
      assert.equal(dataDisksMaxOf(name), dataDisksMax);
      assert.equal(dataDisksMaxOf(name.toUpperCase()), dataDisksMax);
    });
  }

  for (const { name, dataDisksMax, because } of [
    { name: "Standard_D2ds_v4", dataDisksMax: 4, because: "two a vCPU" },
    { name: "Standard_E48ads_v5", dataDisksMax: 32, because: "never more than 32 in most families" },
    {
      name: "Standard_E8-2bds_v5",
      dataDisksMax: 16,
      because: "a size with fewer vCPUs in use takes as many as the whole one",
    },
    { name: "Standard_F4s_v2", dataDisksMax: 8, because: "families F and B have the rule from version 2 on" },
    {
      name: "Standard_D8lds_v6",
      dataDisksMax: 24,
      because: "Intel's and ARM's D and E take more from version 6 on",
    },
    { name: "Standard_D8ads_v6", dataDisksMax: 16, because: "AMD's do not" },
    { name: "Standard_D16as_v7", dataDisksMax: 48, because: "AMD's take more from version 7 on" },
    { name: "Standard_D16ans_v7", dataDisksMax: 32, because: "AMD's without NVMe do not" },
    { name: "Standard_FX16-4mds_v2", dataDisksMax: 48, because: "FX has NVMe from version 2 on" },
    { name: "Standard_M128s_v2", dataDisksMax: 16, because: "large M sizes take that many at least" },
    { name: "Standard_NC4as_T4_v3", dataDisksMax: 8, because: "earlier ones of the NC family take eight" },
    { name: "Standard_NC16ds_xl_RTXPRO6000BSE_v6", dataDisksMax: 1, because: "some take one only" },
    { name: "Standard_DC2as_v5", dataDisksMax: 4, because: "confidential sizes are like the others" },
  ]) {
    it(`is ${dataDisksMax} for ${name}, which the table lacks: ${because}`, () =>
      assert.equal(dataDisksMaxOf(name), dataDisksMax));
  }

  it("is a modest guess for an unknown size", () => {
    assert.equal(dataDisksMaxOf("Standard_Z99"), DATA_DISKS_MAX_UNKNOWN);
    assert.equal(dataDisksMaxOf("Standard_D99"), DATA_DISKS_MAX_UNKNOWN);
    assert.equal(dataDisksMaxOf(""), DATA_DISKS_MAX_UNNAMED);
    assert.equal(knownDataDisksMax("Standard_Z99"), undefined);
  });
});
