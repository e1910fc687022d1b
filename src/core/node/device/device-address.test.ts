import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deviceAddress } from "./device-address.ts";
import type { BusFacts, DeviceAddress } from "./device-address.ts";

const none: BusFacts = {
  parent: undefined,
  controllerId: undefined,
  namespaceId: undefined,
  controllerModel: undefined,
};
const accelerator = "MSFT NVMe Accelerator v1.0";

describe("deviceAddress", () => {
  const rows: readonly {
    readonly because: string;
    readonly majorMinor?: string;
    readonly facts: Partial<BusFacts>;
    readonly address: DeviceAddress;
  }[] = [
    {
      because: "a data disk of the first SCSI controller for them",
      facts: { parent: "3:0:0:7", controllerId: "{f8b3781b-1e82-4818-a1c3-63d806ec15bb}" },
      address: { kind: "dataDisk", lun: 7, shown: "SCSI 3:0:0:7" },
    },
    {
      because: "a data disk of a further one",
      facts: { parent: "5:0:0:63", controllerId: "{F8B3781D-1E82-4818-A1C3-63D806EC15BB}" },
      address: { kind: "dataDisk", lun: 63, shown: "SCSI 5:0:0:63" },
    },
    {
      because: "a data disk of the second one",
      facts: { parent: "4:0:0:0", controllerId: "{f8b3781c-1e82-4818-a1c3-63d806ec15bb}" },
      address: { kind: "dataDisk", lun: 0, shown: "SCSI 4:0:0:0" },
    },
    {
      because: "the OS disk or the temporary disk of a Gen2 VM",
      facts: { parent: "0:0:0:1", controllerId: "{f8b3781a-1e82-4818-a1c3-63d806ec15bb}" },
      address: {
        kind: "elsewhere",
        shown: "SCSI 0:0:0:1 on controller {f8b3781a-1e82-4818-a1c3-63d806ec15bb}, which has no data disks",
      },
    },
    {
      because: "the OS disk of a Gen1 VM",
      facts: { parent: "0:0:0:0", controllerId: "{00000000-0000-8899-0000-000000000000}" },
      address: {
        kind: "elsewhere",
        shown: "SCSI 0:0:0:0 on controller {00000000-0000-8899-0000-000000000000}, which has no data disks",
      },
    },
    {
      because: "a SCSI disk of no VMBus controller",
      facts: { parent: "1:0:0:1" },
      address: { kind: "unknownController", lun: 1, shown: "SCSI 1:0:0:1" },
    },
    {
      because: "a remote NVMe disk: LUN 0 is namespace 2",
      facts: { parent: "nvme0", namespaceId: "2", controllerModel: accelerator },
      address: { kind: "dataDisk", lun: 0, shown: "NVMe namespace 2" },
    },
    {
      because: "a remote NVMe disk below a multipath subsystem",
      facts: { parent: "nvme-subsys0", namespaceId: "65", controllerModel: accelerator },
      address: { kind: "dataDisk", lun: 63, shown: "NVMe namespace 65" },
    },
    {
      because: "the NVMe OS disk",
      facts: { parent: "nvme0", namespaceId: "1", controllerModel: accelerator },
      address: { kind: "elsewhere", shown: "NVMe namespace 1, the OS disk" },
    },
    {
      because: "a local NVMe disk",
      facts: { parent: "nvme1", namespaceId: "2", controllerModel: "Microsoft NVMe Direct Disk v2" },
      address: {
        kind: "elsewhere",
        shown: "NVMe namespace 2 of Microsoft NVMe Direct Disk v2, which has no data disks",
      },
    },
    {
      because: "an NVMe disk of a controller without a model",
      facts: { parent: "nvme0", namespaceId: "3" },
      address: { kind: "unknownController", lun: 1, shown: "NVMe namespace 3" },
    },
    {
      because: "NVMe without a namespace id",
      facts: { parent: "nvme0" },
      address: { kind: "elsewhere", shown: "an NVMe device without a namespace id" },
    },
    {
      because: "NVMe with a namespace id that is none",
      facts: { parent: "nvme0", namespaceId: "1c", controllerModel: accelerator },
      address: { kind: "elsewhere", shown: "an NVMe device without a namespace id" },
    },
    {
      because: "virtio",
      facts: { parent: "virtio1" },
      address: { kind: "elsewhere", shown: "on virtio1, which is no SCSI or NVMe controller" },
    },
    {
      because: "a loop device",
      majorMinor: "7:3",
      facts: {},
      address: { kind: "loop", shown: "a loop device" },
    },
    {
      because: "a partition, or device mapper",
      majorMinor: "253:7",
      facts: {},
      address: { kind: "elsewhere", shown: "on no SCSI or NVMe controller" },
    },
  ];
  for (const { because, majorMinor = "8:32", facts, address } of rows)
    it(`recognizes ${because}`, () =>
      assert.deepEqual(deviceAddress(majorMinor, { ...none, ...facts }), address));
});
