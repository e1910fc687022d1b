import { createModelDisk, type ModelDisk } from "../../../src/adapters/model-host/model-disk.ts";
import { createModelMachine } from "../../../src/adapters/model-host/model-machine.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { DISK_BYTES, never } from "../host/host-suite.ts";
import type { SharedDiskWorld, SharingMachine } from "../host/reservations.ts";

const BLOCK = "block";

/** Two modelled machines with one disk. */
export async function makeModelSharingWorld(): Promise<SharedDiskWorld> {
  const disk = createModelDisk({ diskUri: "/disks/shared", sizeBytes: DISK_BYTES });
  return {
    a: await aSharingMachine("node-a", disk),
    b: await aSharingMachine("node-b", disk),
    aborts: true,
    close: async () => {},
  };
}

async function aSharingMachine(nodeName: string, disk: ModelDisk): Promise<SharingMachine> {
  const machine = createModelMachine({ nodeName, clock: systemClock });
  machine.attach({ lun: 0, disk });
  const host = machine.startPlugin();
  return {
    host,
    device: valueOf(await host.findDevice({ lun: 0 }, never)),
    write: async (text) => {
      machine.writeBlock(0, BLOCK, text);
      return disk.files.get(BLOCK) === text;
    },
    read: async () => disk.files.get(BLOCK) ?? "",
  };
}
