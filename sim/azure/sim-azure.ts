import type { ModelDiskWrite } from "../../src/adapters/model-host/machine-state.ts";
import type { ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { Disk } from "../../src/emulator/model/disk/disk.ts";
import type { VirtualMachine } from "../../src/emulator/model/vm/virtual-machine.ts";
import type { InstanceMetadata } from "../../src/ports/cloud/instance-metadata.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import type { SimMachine } from "./sim-machine.ts";

/** An event between a disk and a machine. Events are in order. */
export type DiskEvent =
  /** The device is there and accepts writes. */
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
  /** The disk refuses the writes of the machine from now on: another one has reserved it. */
  | {
      readonly kind: "refused";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly hadWritableMount: boolean;
    }
  | {
      readonly kind: "wrote";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly by: ModelDiskWrite["by"];
    }
  /** A node plug-in removed a mount. `couldWrite`: writes through it reached the disk. */
  | {
      readonly kind: "unmounted";
      readonly diskUri: string;
      readonly machine: SimMachine;
      readonly path: string;
      readonly couldWrite: boolean;
    };

/**
 * Azure as one cluster sees it, with the machines of its nodes: the model decides, the machines' devices
 * follow. Other clusters may share the model, its faults and its journal (`AzureRegion`). Node names are
 * unique within the cluster only.
 */
export interface SimAzure {
  readonly model: ComputeModel;
  /** The calls from this cluster, and those of outside clients in any cluster. */
  readonly journal: Pick<ComputeModel["journal"], "since">;
  /**
   * Whether a VM or disk, by its resource id in any case, is another cluster's; as of a call in the journal,
   * the last one by default. One that is gone is no cluster's.
   */
  isOthers(resourceUri: string, sequence?: number): boolean;
  /**
   * Whether a person has created a disk or snapshot, by its resource id in any case: its creation was an
   * outside client's call.
   */
  isMadeByHand(resourceUri: string): boolean;
  /** The resource group of all this. */
  readonly place: {
    readonly subscriptionId: string;
    readonly resourceGroup: string;
    readonly location: string;
  };
  /** The present VM behind a node; undefined if there is none. */
  vmOf(nodeName: string): VirtualMachine | undefined;
  /** The resource id of the VM that has a node's name now, whether or not that VM exists. */
  instanceUriOf(nodeName: string): string;
  /** The node on a VM; undefined if another VM has its name by now. */
  nodeNameAt(instanceUri: string): string | undefined;
  /** The machines by node name. After a recreation or a move of the name it is another machine. */
  machineOf(nodeName: string): SimMachine | undefined;
  /** The machines of this cluster's nodes. Those of strangers are found by name only. */
  readonly machines: () => readonly SimMachine[];
  /** Calls `listener` with each machine that is created later. */
  onMachine(listener: (machine: SimMachine) => void): void;
  /** A caller's connection to Azure. A sent call arrives, whatever happens to its caller. */
  arm(caller: string): ArmApi;
  setReachable(caller: string, isReachable: boolean): void;
  /**
   * With this probability each message between any caller and Azure takes up to `ms` longer; zero restores
   * the default.
   */
  setSlowness(slow: { readonly probability: number; readonly ms: number }): void;
  /**
   * Calls `delayMs` when an update of a VM is sent; the update takes that much longer to reach Azure, in
   * milliseconds. `nodeName` is undefined for a VM that has lost its name. Returns how to stop that.
   */
  delayUpdates(
    delayMs: (update: { readonly caller: string; readonly nodeName: string | undefined }) => number,
  ): () => void;
  /** The same for updates of disks, by PATCH. `diskUri` is in lower case. */
  delayDiskUpdates(
    delayMs: (update: { readonly caller: string; readonly diskUri: string }) => number,
  ): () => void;
  /** The same for requests that make a snapshot. `sourceUri`: of its disk, in lower case. */
  delaySnapshots(
    delayMs: (snapshot: { readonly caller: string; readonly sourceUri: string }) => number,
  ): () => void;
  /**
   * From now on Azure shows the VM that has a node's name without its data disks; the disks still name it.
   * Returns how to stop that.
   */
  unlistDataDisks(nodeName: string): () => void;
  /**
   * From now on Azure shows the disk without the VMs that have it; those still list it. Returns how to
   * stop that.
   */
  disownDisk(diskUri: string): () => void;
  /** A VM's own metadata from Azure; undefined once the VM is deleted. */
  metadataOf(machine: SimMachine): InstanceMetadata | undefined;
  /** What its host answers the VM; undefined: nothing. */
  answerOf(machine: SimMachine): InstanceMetadata | undefined;
  /**
   * From now on the host of a node's VM lists the data disks that it has now, whatever comes and goes.
   * Returns how to stop that.
   */
  holdMetadata(nodeName: string): () => void;
  /** From now on the host answers nothing. Returns how to stop that. */
  silenceMetadata(nodeName: string): () => void;
  /** The content of a disk, by its URI in any case. */
  diskOf(diskUri: string): ModelDisk | undefined;
  /** Whether a disk was created as a copy of another one. */
  isCopy(diskUri: string): boolean;
  /** Why a snapshot is not of a frozen file system, a sentence each; empty: it is. */
  whyUnfrozen(snapshotUri: string): readonly string[];
  /**
   * Calls `listener` with events on the machines of this cluster, and on strangers' machines unless they
   * concern a disk of another live cluster.
   */
  onDiskEvent(listener: (event: DiskEvent) => void): void;

  // What can happen to a VM.
  addVm(nodeName: string, zone: string): SimMachine;
  /**
   * The guest hangs, or its host is cut off from the network: nothing moves; its earlier writes may still
   * arrive when it thaws.
   */
  freeze(nodeName: string): void;
  thaw(nodeName: string): void;
  /**
   * From now on the guest notices no device that comes or goes, though it runs. Returns how it notices all of
   * them, as a boot does.
   */
  holdScans(nodeName: string): () => void;
  /** Cuts the power; `isSilent`: Azure still reports the VM as running. */
  losePower(nodeName: string, how: { readonly isSilent: boolean }): void;
  /** Starts a machine that is off. Its disks are still attached, everything unflushed is lost. */
  powerOn(nodeName: string): void;
  /**
   * Azure could not carry out another client's update of the VM and reports Failed: the VM runs, its list
   * is correct, and its ETag has moved. Does nothing to a VM that is being deleted.
   */
  failVm(nodeName: string): void;
  /** The machine restarts by itself, which takes some seconds: Azure takes no part. */
  reboot(nodeName: string): void;
  deleteVm(nodeName: string): void;
  /**
   * The VM gets a new OS disk, as in an upgrade of AKS' nodes, and boots from it. Its data disks stay
   * attached; everything that was kept on the machine itself is lost.
   */
  reimage(nodeName: string): void;
  /**
   * Deletes the VM and creates another one of that name some time later: new GUID, no disks, no
   * checkpoints.
   */
  recreateVm(nodeName: string): void;
  /**
   * Creates another VM, of another name and resource id, that has the node's name from now on. The earlier
   * one stays as it is. It must not run, unless both are to have the name (`isShared`).
   */
  moveName(nodeName: string, how?: { readonly isShared?: boolean }): void;
  /**
   * The next VM of `next`, which had none yet, gets the resource id of the one that had the other node's
   * name, which is gone: a scale set may reuse the ids of instances that were deleted.
   */
  reuseInstance(nodeName: string, next: string): void;
  /**
   * The kubelet of a node's VM registers under another name from now on, which no VM has: its plug-in and its
   * kubelet start again. The earlier name is free.
   */
  renameNode(nodeName: string, next: string): void;
  /** Deletes a VM that may have lost its node's name. */
  deleteVmAt(instanceUri: string): void;
  /** Switches such a VM off without waiting for its guest. */
  switchOffAt(instanceUri: string): void;

  // Requests of other clients. Azure may refuse them.
  attachOutside(nodeName: string, diskUri: string): void;
  /** Restarts the VM where it is, or on another host. */
  restartOutside(nodeName: string, how: "restart" | "redeploy"): void;
  /** Stops the VM, which leaves its host, and starts it so many milliseconds after that was accepted. */
  deallocateOutside(nodeName: string, forMs: number): void;
  /** Starts the VM where Azure shows it as stopped, now and each 20 s for that time. */
  startOutside(nodeName: string, forMs: number): void;
  /** `isForced`: with force, an option in Azure's portal. Default: false. */
  detachOutside(nodeName: string, diskUri: string, how?: { readonly isForced: boolean }): void;
  /** The same for a VM that may have lost its node's name. */
  detachOutsideAt(instanceUri: string, diskUri: string): void;
  /**
   * Puts the whole list of data disks without a condition, as another disk driver or a template does. One
   * that is refused is put again, and accepted much later, perhaps.
   */
  putListOutside(nodeName: string, dataDisks: VirtualMachine["dataDisks"], onAccepted: () => void): void;
  /** Changes only a tag of the VM: an update that does not concern its disks. */
  tagOutside(nodeName: string): void;
  growOutside(diskUri: string, sizeGiB: number): void;
  /** Replaces all tags of the disk by these. */
  replaceTagsOutside(diskUri: string, tags: Readonly<Record<string, string>>): void;
  /** Creates a disk with that id as a copy of the other one, tags included. */
  copyDiskOutside(
    source: Disk,
    copyUri: string,
    changes?: Partial<Pick<Disk, "zones">> & { readonly skuName?: string },
  ): void;
  /** Creates a snapshot with that id of the disk. */
  snapshotOutside(diskUri: string, snapshotUri: string): void;
  /** Creates an empty disk with the id, place, size and SKU of one that is gone, and without its tags. */
  makeDiskOutside(like: Pick<Disk, "id" | "location" | "zones" | "spec">): void;
  /** Also of a snapshot. */
  deleteDiskOutside(diskUri: string): void;
}
