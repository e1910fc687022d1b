import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { Violation } from "../history/violation.ts";
import { diskName } from "./watch-writers.ts";

/** The limits of a disk and of a VM, as Azure reports them. */
export interface AttachmentLimits {
  /** For a VM of that size. */
  readonly disksMax: (machine: SimMachine) => number;
  readonly sharesMax: (diskUri: string) => number;
}

/**
 * No LUN is used twice on a VM; a VM never has more disks than its size allows, and a disk no more VMs
 * than its shares.
 */
export function watchLuns(
  world: {
    readonly azure: Pick<SimAzure, "onDiskEvent">;
    readonly report: (violation: Omit<Violation, "atMs">) => void;
  },
  limits: AttachmentLimits,
): void {
  const disksByLun = new Map<SimMachine, Map<number, string>>();
  const machinesOf = new Map<string, Set<SimMachine>>();

  world.azure.onDiskEvent((event) => {
    if (event.kind !== "attached" && event.kind !== "detached") return;
    const { machine, lun, diskUri } = event;
    const key = resourceUriKey(diskUri);
    const luns = disksByLun.get(machine) ?? new Map<number, string>();
    disksByLun.set(machine, luns);
    const machines = machinesOf.get(key) ?? new Set<SimMachine>();
    machinesOf.set(key, machines);
    if (event.kind === "detached") {
      if (luns.get(lun) === key) luns.delete(lun);
      if (![...luns.values()].includes(key)) machines.delete(machine);
      return;
    }
    const present = luns.get(lun);
    if (present !== undefined && present !== key) {
      world.report({
        invariant: "lun-twice",
        detail:
          `LUN ${lun} of ${machine.nodeName} got ${diskName(diskUri)} while ` +
          `${diskName(present)} was there`,
      });
    }
    luns.set(lun, key);
    machines.add(machine);
    if (luns.size > limits.disksMax(machine)) {
      world.report({
        invariant: "limit-exceeded",
        detail: `${machine.nodeName} has ${luns.size} disks; its size takes ${limits.disksMax(machine)}`,
      });
    }
    if (machines.size > limits.sharesMax(diskUri)) {
      world.report({
        invariant: "limit-exceeded",
        detail:
          `${diskName(diskUri)} is attached to ${machines.size} VMs; it has ${limits.sharesMax(diskUri)} ` +
          "shares",
      });
    }
  });
}
