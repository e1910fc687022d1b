import type { Clock } from "../../ports/clock.ts";
import type { Operations } from "./operations.ts";
import type { PowerShell } from "./storage-call.ts";

export interface WindowsHostContext {
  readonly powerShell: PowerShell;
  readonly operations: Operations;
  readonly clock: Clock;
  /** What comes before `PhysicalDrive3` in the path of a disk. */
  readonly deviceRoot: string;
  /** The folders of kubelets, below which pods' targets are. */
  readonly kubeletDirectories: readonly string[];
  /** How long one `findDevice` waits for a disk, in milliseconds. */
  readonly deviceWaitMs: number;
  readonly processId: number;
  /**
   * The device that this instance has mounted at each path. Windows forgets it when the disk goes, and the
   * path stays as a dead mount.
   */
  readonly mounted: Map<
    string,
    { readonly path: string; readonly majorMinor: string; readonly fsType: string }
  >;
}
