/**
 * The seam between the model of Azure and the block devices that stand for its disks.
 *
 * Ids are ARM ids in the case in which the resource was created. Every method is idempotent, since a failed
 * step is repeated with its operation, and rejects with an `Error` that says what was tried; the operation
 * it belongs to then fails. Calls of one operation come one after the other; calls of different operations
 * may overlap, never for the same disk and VM at once.
 */
export interface DataPlane {
  /** Creates the empty file behind a disk. */
  diskCreated(disk: DiskSize): Promise<void>;
  /** Grows a disk; every VM that has it sees the new size. */
  diskResized(disk: DiskSize): Promise<void>;
  /** Removes the file behind a disk, which no VM has any more. */
  diskDeleted(disk: { readonly diskId: string }): Promise<void>;
  /** Creates a disk or snapshot with the bytes that `sourceId` (a disk or a snapshot) has now. */
  diskCopied(copy: {
    readonly sourceId: string;
    readonly diskId: string;
    readonly sizeBytes: bigint;
  }): Promise<void>;
  /**
   * Shows the disk to the VM: afterwards the device exists, unless the VM is stopped; then it appears with
   * `vmStarted`.
   */
  diskAttached(attachment: DataPlaneAttachment): Promise<void>;
  /**
   * Takes the disk from the VM: afterwards no write of that VM reaches the disk, whatever it still has
   * open.
   */
  diskDetached(detachment: DataPlaneDetachment): Promise<void>;
  /** The VM lost power: afterwards no write of it reaches any of its disks. */
  vmStopped(vm: DataPlaneVm): Promise<void>;
  /** The VM has power (again): the devices of all disks attached to it exist. */
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

/** One call of the data plane, as data: what the pure model asks for and its surroundings carry out. */
export type DataPlaneEffect =
  | ({ readonly kind: "diskCreated" } & DiskSize)
  | ({ readonly kind: "diskResized" } & DiskSize)
  | { readonly kind: "diskDeleted"; readonly diskId: string }
  | {
      readonly kind: "diskCopied";
      readonly sourceId: string;
      readonly diskId: string;
      readonly sizeBytes: bigint;
    }
  | ({ readonly kind: "diskAttached" } & DataPlaneAttachment)
  | ({ readonly kind: "diskDetached" } & DataPlaneDetachment)
  | ({ readonly kind: "vmStopped" } & DataPlaneVm)
  | ({ readonly kind: "vmStarted" } & DataPlaneVm);
