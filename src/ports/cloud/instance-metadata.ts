import type { Result } from "../../core/failure/result.ts";

/** What a platform tells a VM about itself. */
export interface InstanceMetadata {
  /** The VM's GUID, lower case. */
  readonly vmId: string;
  readonly resourceId: string;
  /** Region such as `eastus`. */
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** Such as `Standard_D4s_v5`. */
  readonly vmSize: string;
  /** Data disks that the VM has now, without the OS disk. `diskUri` undefined: no managed disk. */
  readonly dataDisks: readonly { readonly diskUri: string | undefined; readonly lun: number }[];
}

/** The platform's metadata service for a VM. Local to each VM, and not served to others. */
export interface InstanceMetadataService {
  /** Asks now. Fails with `HostNotReady`, whose sentence names what to check, and with `Cancelled`. */
  read(signal: AbortSignal): Promise<Result<InstanceMetadata>>;
}
