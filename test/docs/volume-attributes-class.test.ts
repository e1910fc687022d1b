import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { diskSkus } from "../../src/core/volume/disk-sku.ts";
import {
  checkModification,
  mutableParameterNames,
  parseModification,
} from "../../src/core/volume/modification/volume-modification.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const page = await readFile(join(ROOT, "docs/reference/volume-attributes-class.md"), "utf8");
const METADATA = { "csi.storage.k8s.io/pvc/name": "claim", "csi.storage.k8s.io/pvc/namespace": "ns" };

describe("docs/reference/volume-attributes-class.md", () => {
  it("has one row for each parameter that can change", () => {
    const rows = page.split("\n").flatMap((line) => /^\| `(\w+)` \| (?:`|text|whole)/u.exec(line)?.[1] ?? []);
    assert.deepEqual(rows, mutableParameterNames);
  });

  it("shows a class that ControllerModifyVolume takes", () => {
    const [, yaml = ""] = /```yaml\n([\s\S]*?)```/u.exec(page) ?? [];
    const { parameters } = parseDocument(yaml).toJS() as { parameters: Record<string, string> };
    assert.ok(parseModification({ ...parameters, ...METADATA }).ok);
  });

  it("states which SKUs a disk can get", () => {
    const table = page.split("\n").filter((line) => /^\| (?:Standard|the same|Premium)/u.test(line));
    const targetsOf = (from: string, zones: readonly string[]): readonly string[] =>
      diskSkus.filter((to) => {
        const disk = { skuName: from, sizeGiB: 64, maxShares: 1, tags: {} };
        const detail = { skuName: from, sizeGiB: 64, maxShares: 1, zones };
        return to !== from && checkModification({ skuName: to }, { detail, disk }).ok;
      });
    assert.equal(table.length, 5);
    assert.deepEqual(targetsOf("Premium_LRS", ["1"]), ["Standard_LRS", "StandardSSD_LRS", "PremiumV2_LRS"]);
    assert.deepEqual(targetsOf("Premium_LRS", []), [
      "Standard_LRS",
      "StandardSSD_LRS",
      "StandardSSD_ZRS",
      "Premium_ZRS",
      "PremiumV2_LRS",
    ]);
    assert.deepEqual(targetsOf("Premium_ZRS", []), ["StandardSSD_ZRS"]);
    assert.deepEqual([...targetsOf("PremiumV2_LRS", []), ...targetsOf("UltraSSD_LRS", [])], []);
  });
});
