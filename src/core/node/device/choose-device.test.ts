import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { candidatesOf, chooseDevice } from "./choose-device.ts";
import type { LunSight, SeenDevice, SeenLink } from "./choose-device.ts";

const sdc = dataDisk("/dev/sdc", "8:32", 0);
const sdd = dataDisk("/dev/sdd", "8:48", 1);
const osDisk: SeenDevice = {
  ...sdc,
  path: "/dev/sda",
  majorMinor: "8:0",
  address: { kind: "elsewhere", shown: "SCSI 0:0:0:0 on controller {f8b3781a}" },
};
const unknown: SeenDevice = { ...sdc, address: { kind: "unknownController", lun: 0, shown: "SCSI 1:0:0:0" } };
const loop: SeenDevice = {
  ...sdc,
  path: "/dev/loop0",
  majorMinor: "7:0",
  address: { kind: "loop", shown: "a loop device" },
};

function dataDisk(path: string | undefined, majorMinor: string, lun: number): SeenDevice {
  return {
    path,
    majorMinor,
    sizeBytes: 1n << 30n,
    address: { kind: "dataDisk", lun, shown: `SCSI 3:0:0:${lun}` },
  };
}

function agentLink(device: SeenDevice | undefined): SeenLink {
  return { link: "/dev/disk/azure/scsi1/lun0", device };
}

function utilsLink(device: SeenDevice | undefined): SeenLink {
  return { link: "/dev/disk/azure/data/by-lun/0", device };
}

function aSight(given: Partial<LunSight>): LunSight {
  return { lun: 0, links: [], disks: [], sharesKernel: false, ...given };
}

describe("chooseDevice", () => {
  const found: readonly {
    readonly because: string;
    readonly sight: Partial<LunSight>;
    readonly device: SeenDevice;
  }[] = [
    {
      because: "the kernel's address alone, before udev has made a link or without rules",
      sight: { disks: [sdc] },
      device: sdc,
    },
    { because: "link and kernel agree", sight: { disks: [sdc], links: [agentLink(sdc)] }, device: sdc },
    {
      because: "both links and the kernel agree",
      sight: { disks: [sdc], links: [agentLink(sdc), utilsLink(sdc)] },
      device: sdc,
    },
    {
      because: "a link that leads nowhere contradicts nothing",
      sight: { disks: [sdc], links: [agentLink(undefined)] },
      device: sdc,
    },
    {
      because: "the kernel shows the LUN, and the link the kind of controller",
      sight: { links: [agentLink(unknown)] },
      device: unknown,
    },
    {
      because: "loop devices stand for disks on a shared kernel",
      sight: { links: [agentLink(loop)], sharesKernel: true },
      device: loop,
    },
  ];
  for (const { because, sight, device } of found)
    it(`finds a device: ${because}`, () =>
      assert.deepEqual(chooseDevice(aSight(sight)), { kind: "found", device }));

  const refused: readonly {
    readonly because: string;
    readonly sight: Partial<LunSight>;
    readonly devicePath: string;
    readonly problem: string;
  }[] = [
    {
      because: "the link is outdated, and leads to the disk that is at another LUN now",
      sight: { links: [agentLink(sdd)] },
      devicePath: "/dev/sdd",
      problem:
        "/dev/disk/azure/scsi1/lun0 leads to /dev/sdd (8:48, SCSI 3:0:0:1), " +
        "while by the kernel's addresses there is no disk at LUN 0",
    },
    {
      because: "the link is outdated, and the kernel has the disk under another name",
      sight: { links: [agentLink(sdd)], disks: [sdc] },
      devicePath: "/dev/sdd",
      problem:
        "/dev/disk/azure/scsi1/lun0 leads to /dev/sdd (8:48, SCSI 3:0:0:1), " +
        "while by the kernel's addresses LUN 0 is /dev/sdc (8:32, SCSI 3:0:0:0)",
    },
    {
      because: "one of two links lags",
      sight: { links: [agentLink(sdc), utilsLink(sdd)], disks: [sdc] },
      devicePath: "/dev/sdd",
      problem:
        "/dev/disk/azure/data/by-lun/0 leads to /dev/sdd (8:48, SCSI 3:0:0:1), " +
        "while by the kernel's addresses LUN 0 is /dev/sdc (8:32, SCSI 3:0:0:0)",
    },
    {
      because: "the OS disk is no data disk, whatever link leads to it",
      sight: { links: [agentLink(osDisk)] },
      devicePath: "/dev/sda",
      problem:
        "/dev/disk/azure/scsi1/lun0 leads to /dev/sda (8:0, SCSI 0:0:0:0 on controller {f8b3781a}), " +
        "while by the kernel's addresses there is no disk at LUN 0",
    },
    {
      because: "a loop device is no data disk of a node that has the kernel for itself",
      sight: { links: [agentLink(loop)] },
      devicePath: "/dev/loop0",
      problem:
        "/dev/disk/azure/scsi1/lun0 leads to /dev/loop0 (7:0, a loop device), " +
        "while by the kernel's addresses there is no disk at LUN 0",
    },
    {
      because: "an address counts on a shared kernel, too",
      sight: { links: [agentLink(sdd)], sharesKernel: true },
      devicePath: "/dev/sdd",
      problem:
        "/dev/disk/azure/scsi1/lun0 leads to /dev/sdd (8:48, SCSI 3:0:0:1), " +
        "while by the kernel's addresses there is no disk at LUN 0",
    },
    {
      because: "two controllers have the LUN",
      sight: { disks: [sdc, dataDisk("/dev/sdx", "65:112", 0)] },
      devicePath: "/dev/sdc",
      problem: "LUN 0 is both /dev/sdc (8:32, SCSI 3:0:0:0) and /dev/sdx (65:112, SCSI 3:0:0:0)",
    },
    {
      because: "two links lead to two loop devices",
      sight: {
        links: [agentLink(loop), utilsLink({ ...loop, path: "/dev/loop1", majorMinor: "7:1" })],
        sharesKernel: true,
      },
      devicePath: "/dev/loop0",
      problem: "LUN 0 is both /dev/loop0 (7:0, a loop device) and /dev/loop1 (7:1, a loop device)",
    },
  ];
  for (const { because, sight, devicePath, problem } of refused) {
    it(`refuses: ${because}`, () =>
      assert.deepEqual(chooseDevice(aSight(sight)), {
        kind: "contradiction",
        devicePath,
        problem: `${problem}: check the udev rules of the node, and whether udev runs`,
      }));
  }

  it("says what it saw of a LUN without a device", () => {
    assert.deepEqual(chooseDevice(aSight({})), { kind: "absent", seen: [] });
    assert.deepEqual(chooseDevice(aSight({ links: [agentLink(undefined)] })), {
      kind: "absent",
      seen: ["/dev/disk/azure/scsi1/lun0, which leads to no device that the kernel has"],
    });
    assert.deepEqual(chooseDevice(aSight({ disks: [dataDisk(undefined, "8:32", 0)] })), {
      kind: "absent",
      seen: ["a device (8:32, SCSI 3:0:0:0) without a node under /dev"],
    });
  });
});

describe("candidatesOf", () => {
  it("omits a device that another LUN has, and names each of the others once", () => {
    assert.deepEqual(candidatesOf(aSight({ disks: [sdc], links: [agentLink(sdd), utilsLink(sdc)] })), [sdc]);
    const other = { ...loop, path: "/dev/loop1", majorMinor: "7:1" };
    assert.deepEqual(
      candidatesOf(aSight({ links: [agentLink(loop), utilsLink(other)], sharesKernel: true })),
      [loop, other],
    );
  });
});
