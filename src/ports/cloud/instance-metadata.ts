import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";

/** What a VM is told of itself by its platform. */
export interface InstanceMetadata {
  /** The VM's GUID, lower case. */
  readonly vmId: string;
  readonly vmName: string;
  /** The VM's resource URI. */
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

/** The platform's answer to a VM that asks what it is. Local to each VM, and served to nobody else. */
export interface InstanceMetadataService {
  /** Asks now. Fails with `HostNotReady`, whose sentence tells what to check, and with `Cancelled`. */
  read(signal: AbortSignal): Promise<Result<InstanceMetadata, Failure>>;
}
