/** What an actor does: each yielded number is a wait, in milliseconds of Azure's time. */
export type Script = Generator<number, void, void>;

interface ActorPlace {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

/** The VMs that an actor changes: VMs of their own by name, or the instances that a uniform scale set has. */
export interface ActorVms {
  readonly virtualMachines?: readonly string[];
  readonly scaleSet?: string;
}

/**
 * A client of a scenario, which acts by itself.
 * - `V1Writer`: attaches and detaches disks of its own, by reading a VM and sending the list back changed,
 *   without `If-Match`.
 * - `PortalUser`: sends back whole VMs that it has read: with a new disk, without its disk, with another tag.
 * - `TerraformDrift`: restores the VMs' data disks to those that they had at its start.
 * - `AksUpgrade`: adds surge instances, reimages the others with the present model one after the other, and
 *   removes the surge.
 */
export type ActorSetUp = ActorPlace & (V1WriterSetUp | VmActorSetUp | AksUpgradeSetUp);

export interface V1WriterSetUp extends ActorVms {
  readonly kind: "V1Writer";
  /** The mean time between two changes, in seconds. */
  readonly everyS: number;
  /** Its disks, 1 to 16. */
  readonly disks: number;
  /** How old a list may be that it sends back, in seconds. 0: it reads before each write. */
  readonly staleS: number;
}

export interface VmActorSetUp extends ActorVms {
  readonly kind: "PortalUser" | "TerraformDrift";
  /** The mean time between two changes, in seconds. */
  readonly everyS: number;
}

export interface AksUpgradeSetUp {
  readonly kind: "AksUpgrade";
  readonly scaleSet: string;
  /** The time until the upgrade, in seconds. */
  readonly afterS: number;
  /** Instances that it adds for as long as it takes, from 0. */
  readonly surge: number;
  /** The time for which it drains each instance, in seconds. */
  readonly drainS: number;
}
