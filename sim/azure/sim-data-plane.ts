import { createModelDisk, type ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { invariant } from "../../src/core/failure/invariant.ts";
import type { DataPlaneEffect } from "../../src/emulator/model/data-plane-port.ts";
import type { RunMachine } from "./create-sim-machine.ts";

/** The storage behind Azure's disks, and its connection to the machines. */
export interface SimDataPlane {
  /**
   * Applies the result of an Azure operation to disks and machines. Throws if there is no such disk or
   * machine: a bug of the model.
   */
  carryOut(effect: DataPlaneEffect): void;
  /** By its URI in any case. */
  diskOf(diskUri: string): ModelDisk | undefined;
  /** Whether a disk was created as a copy of another one. */
  isCopy(diskUri: string): boolean;
}

/** A data plane without disks. */
export function createSimDataPlane(machineOf: (instanceUri: string) => RunMachine | undefined): SimDataPlane {
  const disks = new Map<string, ModelDisk>();
  const copies = new Set<string>();

  function carryOut(effect: DataPlaneEffect): void {
    switch (effect.kind) {
      case "diskCreated":
        return void disks.set(
          resourceUriKey(effect.diskId),
          createModelDisk({ diskUri: effect.diskId, sizeBytes: effect.sizeBytes }),
        );
      case "diskResized":
        diskAt(effect.diskId).sizeBytes = effect.sizeBytes;
        return;
      case "diskDeleted":
        copies.delete(resourceUriKey(effect.diskId));
        return void disks.delete(resourceUriKey(effect.diskId));
      case "diskCopied":
        return copyDisk(effect);
      case "diskAttached":
        return machineAt(effect.vmId).attach({ lun: effect.lun, disk: diskAt(effect.diskId) });
      case "diskDetached":
        return machineAt(effect.vmId).detach(effect.lun);
      case "vmStopped":
        return machineAt(effect.vmId).cutPower();
      case "vmStarted":
        return machineAt(effect.vmId).givePower();
    }
  }

  function copyDisk(copy: {
    readonly sourceId: string;
    readonly diskId: string;
    readonly sizeBytes: bigint;
  }): void {
    const source = diskAt(copy.sourceId);
    const { content, formatMark, fileSystemBytes } = source;
    const disk = {
      ...createModelDisk({ diskUri: copy.diskId, sizeBytes: copy.sizeBytes }),
      content,
      formatMark,
      fileSystemBytes,
    };
    for (const [name, text] of source.files) disk.files.set(name, text);
    disks.set(resourceUriKey(copy.diskId), disk);
    copies.add(resourceUriKey(copy.diskId));
  }

  function diskAt(diskId: string): ModelDisk {
    const disk = disks.get(resourceUriKey(diskId));
    invariant(disk !== undefined, `no disk stands behind ${diskId}`);
    return disk;
  }

  function machineAt(instanceUri: string): RunMachine {
    const machine = machineOf(instanceUri);
    invariant(machine !== undefined, `no machine runs VM ${instanceUri}`);
    return machine;
  }

  return {
    carryOut,
    diskOf: (diskUri) => disks.get(resourceUriKey(diskUri)),
    isCopy: (diskUri) => copies.has(resourceUriKey(diskUri)),
  };
}
