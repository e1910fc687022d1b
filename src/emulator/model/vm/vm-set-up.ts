/** Events of a VM that no call has requested. */
export const VM_EVENTS = [
  "PowerLoss",
  "SilentPowerLoss",
  "PowerReturn",
  "GuestHang",
  "GuestRecovery",
  "Partition",
  "PartitionEnd",
  "ProvisioningFailure",
] as const;

/** An event of a VM; see `strikeVm`. */
export type VmEvent = (typeof VM_EVENTS)[number];

/** An initial VM, running and without data disks. */
export interface VmSetUp {
  readonly subscriptionId: string;
  /** Created if absent. */
  readonly resourceGroup: string;
  readonly name: string;
  /**
   * The scale set, which must exist, whose instance it is. In a uniform one, `name` is its instance id, a
   * number; in a flexible one, the VM's own name, `<scale set>_<8 characters>` in Azure.
   */
  readonly scaleSet?: string;
  /** The availability set in its resource group to which it belongs. Created if absent. */
  readonly availabilitySet?: string;
  /** The host name inside the VM, `osProfile.computerName`. Default: the VM's name. */
  readonly computerName?: string;
  readonly location: string;
  readonly zone?: string;
  /** The edge zone of its location. */
  readonly edgeZone?: string;
  /** Default `Standard_D8s_v5`: 16 data disks, SCSI. */
  readonly size?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Disks of type UltraSSD_LRS need it. */
  readonly ultraSsdEnabled?: boolean;
  /** Events before the first call, in this order: `["SilentPowerLoss"]`. */
  readonly events?: readonly VmEvent[];
}
