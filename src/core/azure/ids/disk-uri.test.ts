import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDiskUri, isSameResourceUri, parseDiskUri, resourceUriKey } from "./disk-uri.ts";
import { canonicalInstanceUri, formatInstanceUri, parseInstanceUri } from "./instance-uri.ts";

const DISK_URI = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/pvc-1";
const COMPUTE = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute";

describe("disk URIs", () => {
  it("are parsed and formatted again", () => {
    const parts = { subscriptionId: "sub-1", resourceGroup: "rg-1", diskName: "pvc-1" };
    assert.deepEqual(parseDiskUri(DISK_URI), parts);
    assert.equal(formatDiskUri(parts), DISK_URI);
  });

  it("are parsed whatever the case of their fixed words, keeping the case of names", () => {
    assert.deepEqual(
      parseDiskUri("/SUBSCRIPTIONS/sub-1/resourcegroups/RG-1/providers/microsoft.compute/Disks/Pvc-1"),
      {
        subscriptionId: "sub-1",
        resourceGroup: "RG-1",
        diskName: "Pvc-1",
      },
    );
  });

  for (const [uri, because] of [
    ["", "empty"],
    ["pvc-1", "a bare name"],
    [`${DISK_URI}/`, "a trailing slash"],
    [`prefix${DISK_URI}`, "something before it"],
    [DISK_URI.replace("disks", "snapshots"), "another resource"],
    [DISK_URI.replace("rg-1", ""), "an empty part"],
    [`${DISK_URI}\nx`, "a second line"],
    [`${DISK_URI} `, "a space after it"],
    [DISK_URI.replace("pvc-1", "."), "the list of all disks"],
    [DISK_URI.replace("rg-1", ".."), "a step to the folder above"],
  ] as const) {
    it(`are refused: ${because}`, () => assert.equal(parseDiskUri(uri), undefined));
  }

  it("may have each name that Azure allows", () => {
    const parts = { subscriptionId: "s", resourceGroup: "Grün_(1).a-b", diskName: "_..data.1_" };
    assert.deepEqual(parseDiskUri(formatDiskUri(parts)), parts);
  });

  it("mean the same disk in any case", () => {
    assert.equal(isSameResourceUri(DISK_URI, DISK_URI.toUpperCase()), true);
    assert.equal(isSameResourceUri(DISK_URI, `${DISK_URI}0`), false);
    assert.equal(resourceUriKey(DISK_URI.toUpperCase()), DISK_URI.toLowerCase());
  });
});

describe("instance URIs", () => {
  for (const uri of [
    `${COMPUTE}/virtualMachines/node-a`,
    `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/3`,
  ]) {
    it(`are parsed and formatted again: ${uri}`, () => {
      const parts = parseInstanceUri(uri);
      assert.ok(parts !== undefined);
      assert.equal(formatInstanceUri(parts), uri);
    });
  }

  it("have one spelling for a uniform instance, which a disk names in another way", () => {
    const uri = `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/3`;
    for (const spelled of [uri, uri.replace(/3$/, "pool_3"), uri.replace(/3$/, "POOL_3")]) {
      assert.deepEqual(parseInstanceUri(spelled), {
        subscriptionId: "sub-1",
        resourceGroup: "rg-1",
        scaleSetName: "pool",
        instanceName: "3",
      });
      assert.equal(canonicalInstanceUri(spelled), uri);
      assert.equal(isSameResourceUri(spelled, uri.toUpperCase()), true);
    }
  });

  it("stay as they are if they name no uniform instance", () => {
    for (const other of [
      `${COMPUTE}/virtualMachines/pool_3`,
      `${COMPUTE}/virtualMachines/pool_3`.toUpperCase(),
      `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/other_3`,
      `${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/pool_x3`,
      "",
    ])
      assert.equal(canonicalInstanceUri(other), other);
  });

  it("are refused for other resources", () => assert.equal(parseInstanceUri(DISK_URI), undefined));
});
