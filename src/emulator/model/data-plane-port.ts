import { keyOf } from "./api/resource/resource-id.ts";

/**
 * The interface between the model of Azure and the block devices that stand for its disks.
 *
 * Ids are ARM ids in the case in which the resource was created. Every method is idempotent, since a failed
 * step is repeated with its operation. It rejects with an `Error` that says what was tried; the operation
 * then fails. Calls of one operation come one after the other. Calls of different operations may overlap,
 * but never for the same disk and VM.
 */
export interface DataPlane {
  /** Creates the empty file behind a disk. */
  diskCreated(disk: DiskSize): Promise<void>;
  /** Grows a disk; every VM that has it sees the new size. */
  diskResized(disk: DiskSize): Promise<void>;
  /** Removes the file behind a disk, which no VM has any more. */
  diskDeleted(disk: { readonly diskId: string }): Promise<void>;
  /** Creates a disk or snapshot with the present bytes of `sourceId` (a disk or a snapshot). */
  diskCopied(copy: DiskCopy): Promise<void>;
  /**
   * Shows the disk to the VM. Afterwards the device exists, unless the VM is stopped; then it appears with
   * `vmStarted`.
   */
  diskAttached(attachment: DataPlaneAttachment): Promise<void>;
  /**
   * Removes the disk from the VM. Afterwards no write of that VM reaches the disk, even through open files.
   */
  diskDetached(detachment: DataPlaneDetachment): Promise<void>;
  /** The VM lost power. Afterwards none of its writes reaches any of its disks. */
  vmStopped(vm: DataPlaneVm): Promise<void>;
  /** The VM has power (again). Afterwards the devices of all its attached disks exist. */
  vmStarted(vm: DataPlaneVm): Promise<void>;
}

export interface DataPlaneVm {
  /** ARM id of the virtual machine. */
  readonly vmId: string;
  readonly vmName: string;
}

export interface DiskSize {
  readonly diskId: string;
  readonly sizeBytes: bigint;
}

interface DiskCopy extends DiskSize {
  readonly sourceId: string;
}

export interface DataPlaneDetachment extends DataPlaneVm {
  readonly diskId: string;
  /** 0 .. 63, unique for each VM. */
  readonly lun: number;
}

export interface DataPlaneAttachment extends DataPlaneDetachment {
  readonly controllerType: DiskControllerType;
}

/** Decides which links under `/dev/disk/azure` a guest finds. */
export type DiskControllerType = "SCSI" | "NVMe";

/** One call of the data plane, as data: requested by the pure model, carried out by its caller. */
export type DataPlaneEffect =
  | ({ readonly kind: "diskCreated" } & DiskSize)
  | ({ readonly kind: "diskResized" } & DiskSize)
  | { readonly kind: "diskDeleted"; readonly diskId: string }
  | ({ readonly kind: "diskCopied" } & DiskCopy)
  | ({ readonly kind: "diskAttached" } & DataPlaneAttachment)
  | ({ readonly kind: "diskDetached" } & DataPlaneDetachment)
  | ({ readonly kind: "vmStopped" } & DataPlaneVm)
  | ({ readonly kind: "vmStarted" } & DataPlaneVm);

/** Tells the disks of all VMs apart. */
export function slotKeyOf({ vmId, diskId }: Pick<DataPlaneDetachment, "vmId" | "diskId">): string {
  return `${keyOf(vmId)} ${keyOf(diskId)}`;
}
