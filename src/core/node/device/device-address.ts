/** The model of the NVMe controller of Azure's remote disks (local ones: `Microsoft NVMe Direct Disk`). */
export const remoteDiskController = /^MSFT NVMe Accelerator\b/u;

/** What sysfs shows of the path to a block device. */
export interface BusFacts {
  /** The last part of where the device's `device` link leads, such as `3:0:0:1` or `nvme0`, if anywhere. */
  readonly parent: string | undefined;
  /** For SCSI, the `device_id` of the VMBus device that the disk's controller is. */
  readonly controllerId: string | undefined;
  /** For NVMe, the namespace id and the controller's model. */
  readonly namespaceId: string | undefined;
  readonly controllerModel: string | undefined;
}

/** The location of a block device by the kernel. `shown`: for messages. */
export type DeviceAddress =
  /** A data disk of this VM: on a controller that Azure attaches data disks to. */
  | { readonly kind: "dataDisk"; readonly lun: number; readonly shown: string }
  /** The kernel shows the LUN, but not the controller. */
  | { readonly kind: "unknownController"; readonly lun: number; readonly shown: string }
  /** No data disk: the OS disk, a local disk, a device of another bus. */
  | { readonly kind: "elsewhere"; readonly shown: string }
  /** A loop device, which is on no bus. */
  | { readonly kind: "loop"; readonly shown: string };

/**
 * The SCSI controllers of data disks, by `device_id`: those that the rules of azure-vm-utils
 * (80-azure-disk.rules) link below `data/by-lun`. The first is `scsi1` in those of the Azure Linux agent
 * (66-azure-storage.rules). The OS disk and the temporary disk are on `f8b3781a-…`, or on an IDE controller
 * (`00000000-000n-…`).
 */
const dataDiskControllers = new Set(
  ["b", "c", "d"].map((letter) => `{f8b3781${letter}-1e82-4818-a1c3-63d806ec15bb}`),
);

/** Namespace 1 is the OS disk, and the data disk of LUN n is namespace n + 2 (azure-nvme-id(8)). */
const firstDataNamespace = 2;

const loopMajor = "7";

const SCSI_ADDRESS = /^\d+:\d+:\d+:(\d+)$/u;

/** The SCSI LUN in the name of a device's parent; undefined for a device that is no SCSI disk. */
export function scsiLunOf(parent: string): number | undefined {
  const lun = SCSI_ADDRESS.exec(parent)?.[1];
  return lun === undefined ? undefined : Number(lun);
}

export function isNvmeParent(parent: string): boolean {
  return parent.startsWith("nvme");
}

/** The address that the kernel shows for a block device. */
export function deviceAddress(majorMinor: string, facts: BusFacts): DeviceAddress {
  const { parent } = facts;
  if (parent === undefined)
    return majorMinor.startsWith(`${loopMajor}:`)
      ? { kind: "loop", shown: "a loop device" }
      : { kind: "elsewhere", shown: "on no SCSI or NVMe controller" };
  const scsiLun = scsiLunOf(parent);
  if (scsiLun !== undefined) return scsiAddress(parent, scsiLun, facts.controllerId);
  return isNvmeParent(parent)
    ? nvmeAddress(facts)
    : { kind: "elsewhere", shown: `on ${parent}, which is no SCSI or NVMe controller` };
}

function scsiAddress(parent: string, lun: number, controllerId: string | undefined): DeviceAddress {
  const shown = `SCSI ${parent}`;
  if (controllerId === undefined) return { kind: "unknownController", lun, shown };
  return dataDiskControllers.has(controllerId.toLowerCase())
    ? { kind: "dataDisk", lun, shown }
    : { kind: "elsewhere", shown: `${shown} on controller ${controllerId}, which has no data disks` };
}

function nvmeAddress({ namespaceId, controllerModel }: BusFacts): DeviceAddress {
  const id = Number(namespaceId);
  if (!Number.isInteger(id)) return { kind: "elsewhere", shown: "an NVMe device without a namespace id" };
  const shown = `NVMe namespace ${id}`;
  const lun = id - firstDataNamespace;
  if (controllerModel === undefined) return { kind: "unknownController", lun, shown };
  if (!remoteDiskController.test(controllerModel))
    return { kind: "elsewhere", shown: `${shown} of ${controllerModel}, which has no data disks` };
  return lun < 0 ? { kind: "elsewhere", shown: `${shown}, the OS disk` } : { kind: "dataDisk", lun, shown };
}
