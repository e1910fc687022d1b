import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { meets, parseListFilter } from "./list-filter.ts";

describe("the filter of a list of resources", () => {
  const disk = {
    id: "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute/disks/data",
    name: "data",
    type: "Microsoft.Compute/disks",
    location: "eastus",
    tags: { use: "salt and pepper", owner: "O'Hara", team: "storage" },
  };

  for (const [filter, expected] of [
    ["", true],
    ["name eq 'DATA'", true],
    ["name eq 'dat'", false],
    ["substringof('at', name)", true],
    ["substringof( 'RG' , resourceGroup )", true],
    ["resourceType eq 'microsoft.compute/disks' and location eq 'eastus'", true],
    ["resourceType eq 'Microsoft.Compute/disks' AND location eq 'westus'", false],
    ["tagName eq 'use' and tagValue eq 'salt and pepper'", true],
    ["tagName eq 'owner' and tagValue eq 'O''Hara'", true],
    ["tagName eq 'TEAM' and tagValue eq 'storage'", true],
    ["tagName eq 'team' and tagValue eq 'Storage'", false],
    ["tagName eq 'use' and tagValue eq 'storage'", false],
    ["tagName eq 'cost'", false],
    ["tagValue eq 'storage'", false],
    ["name ne 'other'", true],
    ["location ne 'EASTUS'", false],
    ["resourceType eq 'Microsoft.Compute/snapshots' or resourceType eq 'Microsoft.Compute/disks'", true],
    ["name eq 'other' or name eq 'data' and location eq 'westus'", false],
    ["substringof('at', name) OR substringof('x', resourceGroup)", true],
    ["startswith(tagName, 'OWN')", true],
    ["startswith(tagName, 'wner')", false],
    ["startswith(tagName, 't') and tagValue eq 'storage'", true],
    ["plan/publisher eq 'publisher'", false],
    ["identity/principalId ne 'x'", true],
  ] as const)
    it(`${expected ? "finds" : "does not find"} the disk by ${filter === "" ? "none" : filter}`, () => {
      const conditions = parseListFilter(filter);
      assert.ok(conditions);
      assert.equal(meets(disk, conditions), expected);
    });

  for (const filter of [
    "color eq 'red'",
    "name gt 'data'",
    "tagName ne 'use'",
    "substringof('east', location)",
    "(name eq 'data')",
    "name eq 'data' or",
    "name eq data",
    "name eq 'data",
    "name eq 'data' and",
    "name eq 'data' name eq 'data'",
    "startswith(name, 'data')",
  ])
    it(`is refused if it is ${filter}`, () => {
      assert.equal(parseListFilter(filter), undefined);
    });
});
