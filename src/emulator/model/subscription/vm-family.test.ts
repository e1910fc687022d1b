import assert from "node:assert/strict";
import { it } from "node:test";
import { familyOf } from "./vm-family.ts";

// Recorded by karpenter-provider-azure and in public notes of `az vm list-skus` and `list-usage`.
const RECORDED: Readonly<Record<string, string>> = {
  Standard_B1s: "standardBSFamily",
  Standard_B20ms: "standardBSFamily",
  Standard_B2ats_v2: "standardBasv2Family",
  Standard_DS2_v2: "standardDSv2Family",
  Standard_D2_v3: "standardDv3Family",
  Standard_D64s_v3: "standardDSv3Family",
  Standard_D8s_v5: "standardDSv5Family",
  Standard_D2ads_v5: "standardDADSv5Family",
  Standard_D16plds_v5: "standardDPLDSv5Family",
  Standard_E4d_v5: "standardEDv5Family",
  Standard_F16s_v2: "standardFSv2Family",
  Standard_L32s_v3: "standardLSv3Family",
  "Standard_M8-2ms": "standardMSFamily",
  Standard_NC6s_v3: "standardNCSv3Family",
  Standard_NC24ads_A100_v4: "StandardNCADSA100v4Family",
  Standard_D128ds_v6: "StandardDdsv6Family",
  Standard_D2ps_v6: "StandardDpsv6Family",
  Standard_F2as_v6: "StandardFasv6Family",
};

it("a VM size has the family of which its quota of cores is named", () => {
  assert.deepEqual(Object.fromEntries(Object.keys(RECORDED).map((size) => [size, familyOf(size)])), RECORDED);
});
