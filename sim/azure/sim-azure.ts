import type { ModelDiskWrite } from "../../src/adapters/model-host/machine-state.ts";
import type { ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { Disk } from "../../src/emulator/model/disk/disk.ts";
import type { VirtualMachine } from "../../src/emulator/model/vm/virtual-machine.ts";
import type { InstanceMetadata } from "../../src/ports/cloud/instance-metadata.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import type { SimMachine } from "./sim-machine.ts";

/** Something that happened between a disk and a machine, in the order in which it happened. */
export type DiskEvent =
  /** The device is there, and takes writes. */
  | {
      readonly kind: "attached";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly lun: number;
    }
  /**
   * No write of the machine reaches the disk any more. `hadWritableMount`: something on it could write
   * until then.
   */
  | {
      readonly kind: "detached";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly lun: number;
      readonly hadWritableMount: boolean;
    }
  | {
      readonly kind: "wrote";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly by: ModelDiskWrite["by"];
    }
  /** A node plug-in removed a mount. `couldWrite`: what was written through it reached the disk. */
  | {
      readonly kind: "unmounted";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly path: string;
      readonly couldWrite: boolean;
    };

/**
 * Azure as one cluster has it, with the machines of its nodes: the model decides, the machines' devices
 * follow. Other clusters may share the model, its faults and its journal (`AzureRegion`); nodes are told
 * apart by name within the cluster only.
 */
export interface SimAzure {
  readonly model: ComputeModel;
  /** The calls that were made in this cluster, and those of outsiders in any. */
  readonly journal: Pick<ComputeModel["journal"], "since">;
  /** Whether a VM or disk, by its resource id in any case, is another cluster's. */
  isOthers(resourceUri: string): boolean;
  /** Where all that is here lies. */
  readonly place: {
    readonly subscriptionId: string;
    readonly resourceGroup: string;
    readonly location: string;
  };
  /** The VM behind a node as Azure has it now; undefined: there is none. */
  vmOf(nodeName: string): VirtualMachine | undefined;
  /** The resource id of the VM that has a node's name now, whether or not that VM is there. */
  instanceUriOf(nodeName: string): string;
  /** The node on a VM; undefined where another VM has its name by now. */
  nodeNameAt(instanceUri: string): string | undefined;
  /**
   * The machines by node name; one that was deleted and made again, or whose name another VM has taken, is
   * another.
   */
  machineOf(nodeName: string): SimMachine | undefined;
  /** The machines of this cluster's nodes: those of strangers are found by their names alone. */
  readonly machines: () => readonly SimMachine[];
  /** Calls `listener` with each machine that is made later on. */
  onMachine(listener: (machine: SimMachine) => void): void;
  /** A caller's way to Azure. What has been sent arrives, whatever becomes of who sent it. */
  arm(caller: string): ArmApi;
  setReachable(caller: string, isReachable: boolean): void;
  /**
   * Each message between any caller and Azure takes up to `ms` longer with this probability; zero: as ever.
   */
  setSlowness(slow: { readonly probability: number; readonly ms: number }): void;
  /**
   * Asks `delayMs` as each update of a VM is sent how much longer it takes to get to Azure, in milliseconds;
   * `nodeName` is undefined for a VM that has lost its name. Answers how to stop that.
   */
  delayUpdates(
    delayMs: (update: { readonly caller: string; readonly nodeName: string | undefined }) => number,
  ): () => void;
  /**
   * From now on Azure shows the VM that has a node's name without its data disks; the disks name it all the
   * same. Answers how to stop that.
   */
  unlistDataDisks(nodeName: string): () => void;
  /**
   * From now on Azure shows the disk without the VMs that have it; those list it all the same. Answers how
   * to stop that.
   */
  disownDisk(diskUri: string): () => void;
  /** What Azure tells a VM of itself; undefined once the VM is gone. */
  metadataOf(machine: SimMachine): InstanceMetadata | undefined;
  /** What stands on a disk, by its URI in any case. */
  diskOf(diskUri: string): ModelDisk | undefined;
  /** Whether a disk was made as a copy of one that held data. */
  isCopyOfData(diskUri: string): boolean;
  /**
   * Calls `listener` with what happens on the machines of this cluster, and on strangers' but to disks of
   * another live one.
   */
  onDiskEvent(listener: (event: DiskEvent) => void): void;

  // What can happen to a VM.
  addVm(nodeName: string, zone: string): SimMachine;
  /**
   * The guest hangs, or its host is cut off: nothing moves; its writes so far may still arrive when it
   * thaws.
   */
  freeze(nodeName: string): void;
  thaw(nodeName: string): void;
  /** Power is lost; `isSilent`: Azure goes on to say running. */
  losePower(nodeName: string, how: { readonly isSilent: boolean }): void;
  /** Starts a machine that is off. Its disks are still attached, everything unflushed is lost. */
  powerOn(nodeName: string): void;
  /**
   * Azure could not carry out what somebody asked of the VM, and says Failed: it runs, what it lists is so,
   * and its ETag has moved. Not where it is being deleted.
   */
  failVm(nodeName: string): void;
  /** The machine restarts by itself, which takes some seconds: Azure does not take part. */
  reboot(nodeName: string): void;
  deleteVm(nodeName: string): void;
  /** Deletes the VM and makes another one of that name some time later: new GUID, no disks, no notes. */
  recreateVm(nodeName: string): void;
  /**
   * Makes another VM, of another name and resource id, that has the node's name from now on. The earlier one
   * stays as it is: it has to be off.
   */
  moveName(nodeName: string): void;
  /** Deletes a VM that may have lost its node's name. */
  deleteVmAt(instanceUri: string): void;
  /** Switches such a VM off, and does not wait for its guest. */
  switchOffAt(instanceUri: string): void;

  // What others than the driver do. Azure may refuse it.
  attachOutside(nodeName: string, diskUri: string): void;
  /** `isForced`: as Azure's portal does where its user asks for that. Default: false. */
  detachOutside(nodeName: string, diskUri: string, how?: { readonly isForced: boolean }): void;
  /** The same of a VM that may have lost its node's name. */
  detachOutsideAt(instanceUri: string, diskUri: string): void;
  /** Puts the whole list of data disks, without a condition: as another disk driver does, or a template. */
  putListOutside(nodeName: string, dataDisks: VirtualMachine["dataDisks"]): void;
  /** Changes nothing but a tag of the VM: an update that has no part in its disks. */
  tagOutside(nodeName: string): void;
  growOutside(diskUri: string, sizeGiB: number): void;
  /** Makes a disk of that id as a copy of the other one, tags included. */
  copyDiskOutside(source: Disk, copyUri: string): void;
  deleteDiskOutside(diskUri: string): void;
}
