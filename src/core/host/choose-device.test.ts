import assert from "node:assert/strict";
import { it } from "node:test";
import { chooseDevice } from "./choose-device.ts";
import type { DeviceCandidate } from "./choose-device.ts";

function aCandidate(given: Partial<DeviceCandidate>): DeviceCandidate {
  return { link: "/dev/disk/azure/scsi1/lun0", path: "/dev/sdc", majorMinor: "8:32", sizeBytes: 1n << 30n, ...given };
}

it("finds nothing without a link", () => {
  assert.deepEqual(chooseDevice([]), { kind: "none" });
});

it("takes two links to one device as one", () => {
  const device = aCandidate({});
  assert.deepEqual(chooseDevice([device, aCandidate({ link: "/dev/disk/azure/data/by-lun/0" })]), { kind: "found", device });
});

it("believes neither of two links that disagree", () => {
  const other = aCandidate({ link: "/dev/disk/azure/data/by-lun/0", path: "/dev/sdd", majorMinor: "8:48" });
  assert.deepEqual(chooseDevice([aCandidate({}), other]), {
    kind: "contradiction",
    devicePath: "/dev/sdc",
    problem: "/dev/disk/azure/scsi1/lun0 leads to /dev/sdc (8:32), but /dev/disk/azure/data/by-lun/0 to /dev/sdd (8:48): check the udev rules of the node",
  });
});
