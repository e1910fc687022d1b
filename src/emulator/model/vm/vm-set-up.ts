/** What happens to a VM without anyone having asked Azure for it. */
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

/** One of them; `strikeVm` says what each does. */
export type VmEvent = (typeof VM_EVENTS)[number];

/** A VM to be there from the start, running and without disks. */
export interface VmSetUp {
  readonly subscriptionId: string;
  /** Made if absent. */
  readonly resourceGroup: string;
  readonly name: string;
  /** The host name inside the VM, `osProfile.computerName`. Default: the VM's name. */
  readonly computerName?: string;
  readonly location: string;
  readonly zone?: string;
  /** Default `Standard_D8s_v5`: 16 data disks, SCSI. */
  readonly size?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Needed by disks of type UltraSSD_LRS. */
  readonly ultraSsdEnabled?: boolean;
  /** What has happened to it before the first call, in this order: `["SilentPowerLoss"]`. */
  readonly events?: readonly VmEvent[];
}
