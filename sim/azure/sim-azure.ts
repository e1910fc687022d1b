import type { ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import type { ModelDiskWrite } from "../../src/adapters/model-host/machine-state.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { ArmApi } from "../../src/provisioner/arm-api.ts";
import type { SimMachine } from "./sim-machine.ts";

/** Something that happened between a disk and a machine, in the order in which it happened. */
export type DiskEvent =
  /** The device is there, and takes writes. */
  | { readonly kind: "attached"; readonly diskUri: string; readonly machine: SimMachine; readonly lun: number }
  /** No write of the machine reaches the disk any more. `had`: mounts that could write until then. */
  | { readonly kind: "detached"; readonly diskUri: string; readonly machine: SimMachine; readonly lun: number; readonly hadWritableMount: boolean }
  | { readonly kind: "wrote"; readonly diskUri: string; readonly machine: SimMachine; readonly by: ModelDiskWrite["by"] };

/** Azure as its model has it, with the machines that it runs: the model decides, the machines' devices follow. */
export interface SimAzure {
  readonly model: ComputeModel;
  /** The machines by node name; one that was deleted and made anew is another. */
  machineOf(nodeName: string): SimMachine | undefined;
  /** A caller's way to Azure. */
  arm(caller: string): ArmApi;
  setReachable(caller: string, isReachable: boolean): void;
  /** What stands on a disk, by its URI in any case. */
  diskOf(diskUri: string): ModelDisk | undefined;
  onDiskEvent(listener: (event: DiskEvent) => void): void;
  /** Keeps Azure's operations ending when they are due, and machines following, until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;

  // What can happen to a VM.
  addVm(nodeName: string): SimMachine;
  /** The guest hangs, or its host is cut off: nothing moves; its writes so far may still arrive when it thaws. */
  freeze(nodeName: string): void;
  thaw(nodeName: string): void;
  /** Power is lost; `isSilent`: Azure goes on to say running. */
  losePower(nodeName: string, how: { readonly isSilent: boolean }): void;
  /** Starts a machine that is off. Its disks are still attached, everything unflushed is lost. */
  powerOn(nodeName: string): void;
  reboot(nodeName: string): void;
  deleteVm(nodeName: string): void;
  /** Deletes the VM and makes another one of that name: new GUID, no disks, no notes. */
  recreateVm(nodeName: string): void;

  // What others than the driver do.
  attachOutside(nodeName: string, diskUri: string): void;
  detachOutside(nodeName: string, diskUri: string): void;
  deleteDiskOutside(diskUri: string): void;
}
