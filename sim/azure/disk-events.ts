import type { DeviceChange } from "./create-sim-machine.ts";
import type { DiskEvent } from "./sim-azure.ts";
import type { SimMachine } from "./sim-machine.ts";

/** An event as text. */
export function describeEvent(event: DiskEvent): string {
  const diskName = event.diskUri.slice(event.diskUri.lastIndexOf("/") + 1);
  switch (event.kind) {
    case "wrote":
      return `wrote ${diskName} by ${event.by}`;
    case "unmounted":
      return `unmounted ${diskName} from ${event.path}`;
    case "refused":
      return `writes ${diskName} no more: another machine has reserved it`;
    case "attached":
    case "detached":
      return `${event.kind} ${diskName} at LUN ${event.lun}`;
  }
}

/** The effect of a device change on the disk. */
export function toEvent(machine: SimMachine, change: DeviceChange): DiskEvent {
  switch (change.kind) {
    case "wrote":
      return { kind: "wrote", diskUri: change.diskUri, machine, by: change.by };
    case "unmounted":
      return {
        kind: "unmounted",
        diskUri: change.diskUri,
        machine,
        path: change.path,
        couldWrite: change.couldWrite,
      };
    case "refused":
      return {
        kind: "refused",
        diskUri: change.disk.diskUri,
        machine,
        hadWritableMount: change.couldWrite,
      };
    case "attached":
      return { kind: "attached", diskUri: change.disk.diskUri, machine, lun: change.lun };
    case "detached":
      return {
        kind: "detached",
        diskUri: change.disk.diskUri,
        machine,
        lun: change.lun,
        hadWritableMount: change.couldWrite,
      };
  }
}
