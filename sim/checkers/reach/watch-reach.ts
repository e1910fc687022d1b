import { asKind } from "../../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { Disk } from "../../../src/emulator/model/disk/disk.ts";
import type { VirtualMachine } from "../../../src/emulator/model/vm/virtual-machine.ts";
import type { Violation } from "../../history/violation.ts";
import { isInReach } from "./is-in-reach.ts";

/**
 * No controller places a replica where Azure attaches no such disk. At rest that may not show any more: once
 * Azure has refused the attach, the controller tries another node.
 */
export function watchReach(world: {
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly azure: {
    vmOf(nodeName: string): Pick<VirtualMachine, "zones"> | undefined;
    diskAt(diskUri: string): Pick<Disk, "name" | "spec" | "zones"> | undefined;
  };
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { store, azure, report } = world;
  store.onCommit(({ by, kind, before, after }) => {
    if (kind !== "AzVolumeAttachment" || before !== undefined || after === undefined) return;
    const { role, volumeId, nodeName } = asKind<"AzVolumeAttachment">(after).spec;
    if (role !== "Replica" || !by.startsWith("controller")) return;
    const [disk, vm] = [azure.diskAt(volumeId), azure.vmOf(nodeName)];
    if (disk === undefined || vm === undefined || isInReach(disk, vm)) return;
    report({
      invariant: "replica-out-of-reach",
      detail:
        `${by} places a replica of ${disk.name} on ${nodeName}: the disk is in zone ` +
        `${disk.zones[0] ?? "none"}, its VM in zone ${vm.zones[0] ?? "none"}`,
    });
  });
}
