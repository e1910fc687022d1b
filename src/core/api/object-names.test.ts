import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatDiskUri } from "../azure/ids/disk-uri.ts";
import {
  attachmentObjectName,
  diskNameFor,
  foreignVolumeObjectName,
  labelValue,
  ownVolumeObjectName,
  volumeObjectNames,
} from "./object-names.ts";

const OBJECT_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/u;
const DISK_NAME = /^(?=.{1,80}$)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$/u;
const LABEL_VALUE = /^(?=.{0,63}$)([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/u;
const anyText = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.stringMatching(/^[a-z0-9A-Z._-]{1,130}$/u),
);

function aDiskUri(diskName: string, resourceGroup = "rg-1"): string {
  return formatDiskUri({ subscriptionId: "sub-1", resourceGroup, diskName });
}

describe("diskNameFor", () => {
  it("keeps the names that Kubernetes gives to volumes", () => {
    assert.equal(
      diskNameFor("pvc-7f9c24e8-3b12-4fef-91e0-56ce7d4a3a7a"),
      "pvc-7f9c24e8-3b12-4fef-91e0-56ce7d4a3a7a",
    );
  });

  for (const [volumeName, because] of [
    ["a".repeat(128), "longer than a disk name may be"],
    ["volume with spaces/and slashes", "characters that Azure refuses"],
    ["my_volume", "an underscore, which object names can't have"],
    ["-volume-", "ends that Azure refuses"],
    ["300-\u212A", "the sign of the unit kelvin, which is k in lower case"],
  ] as const) {
    it(`makes a legal name with a hash: ${because}`, () => {
      assert.match(diskNameFor(volumeName), DISK_NAME);
      assert.match(diskNameFor(volumeName), /-[0-9a-f]{24}$/u);
    });
  }

  it("answers a legal disk name whose object name is legal, for any text", () => {
    fc.assert(
      fc.property(anyText, (volumeName) => {
        assert.match(diskNameFor(volumeName), DISK_NAME);
        assert.match(ownVolumeObjectName(diskNameFor(volumeName)), OBJECT_NAME);
      }),
    );
  });

  it("keeps long names apart that differ in their last character", () => {
    assert.notEqual(diskNameFor(`${"a".repeat(128)}1`), diskNameFor(`${"a".repeat(128)}2`));
  });
});

describe("AzVolume object names", () => {
  it("are found again from the disk's URI, in any case", () => {
    assert.equal(volumeObjectNames(aDiskUri("Pvc-1"))[0], ownVolumeObjectName("Pvc-1"));
    assert.deepEqual(
      volumeObjectNames(aDiskUri("Pvc-1").toUpperCase()),
      volumeObjectNames(aDiskUri("Pvc-1")),
    );
  });

  it("are hashed only where the disk's name is no object name", () => {
    assert.deepEqual(volumeObjectNames(aDiskUri("data_disk")), [
      foreignVolumeObjectName(aDiskUri("data_disk")),
    ]);
  });

  it("keep disks of one name in two resource groups apart", () => {
    assert.notEqual(
      foreignVolumeObjectName(aDiskUri("data", "rg-1")),
      foreignVolumeObjectName(aDiskUri("data", "rg-2")),
    );
  });

  it("are legal for any URI", () => {
    fc.assert(
      fc.property(anyText, (text) =>
        volumeObjectNames(text).forEach((name) => assert.match(name, OBJECT_NAME)),
      ),
    );
  });
});

describe("attachmentObjectName", () => {
  it("says which disk and node it is about", () => {
    assert.match(
      attachmentObjectName({ diskUri: aDiskUri("pvc-1"), nodeName: "node-a" }),
      /^pvc-1-node-a-[0-9a-f]{24}$/u,
    );
  });

  it("keeps pairs apart that read the same when joined", () => {
    assert.notEqual(
      attachmentObjectName({ diskUri: aDiskUri("pvc-1-a"), nodeName: "b" }),
      attachmentObjectName({ diskUri: aDiskUri("pvc-1"), nodeName: "a-b" }),
    );
  });

  it("is the same for one disk however its URI is spelled", () => {
    assert.equal(
      attachmentObjectName({ diskUri: aDiskUri("pvc-1"), nodeName: "node-a" }),
      attachmentObjectName({ diskUri: aDiskUri("pvc-1").toUpperCase(), nodeName: "node-a" }),
    );
  });

  it("is legal for any names", () => {
    fc.assert(
      fc.property(anyText, anyText, (diskName, nodeName) =>
        assert.match(attachmentObjectName({ diskUri: aDiskUri(diskName), nodeName }), OBJECT_NAME),
      ),
    );
  });
});

describe("labelValue", () => {
  it("keeps what is a label value already", () => assert.equal(labelValue("Node_a.1"), "Node_a.1"));

  it("is legal for any text and keeps long texts apart", () => {
    fc.assert(fc.property(anyText, (text) => assert.match(labelValue(text), LABEL_VALUE)));
    assert.notEqual(labelValue(`${"a".repeat(63)}1`), labelValue(`${"a".repeat(63)}2`));
  });
});
