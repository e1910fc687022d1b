import type { VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import type { SimMachine } from "../../azure/sim-machine.ts";
import type { Violation } from "../../history/violation.ts";
import type { SimNode } from "../../kubernetes/sim-cluster.ts";

/**
 * How old the state of a VM may be by which the driver marks its node, in milliseconds: a read of Azure may
 * be answered late and with an earlier state, and the mark is written after it.
 */
const KNOWN_LATE_MS = 90_000;

/**
 * The driver marks a node out of service only while its machine is off and its kubelet is silent: Kubernetes
 * forgets the pods there, and a controller may fence it.
 */
export function watchMarks(world: {
  readonly clock: Pick<VirtualClock, "elapsedMs">;
  readonly azure: {
    machineOf(nodeName: string): Pick<SimMachine, "state" | "vmGuid"> | undefined;
    readonly machines: () => readonly Pick<SimMachine, "onBoot" | "vmGuid">[];
    onMachine(listener: (machine: Pick<SimMachine, "onBoot" | "vmGuid">) => void): void;
  };
  readonly cluster: {
    onNodeChange(listener: (previous: SimNode | undefined, current: SimNode | undefined) => void): void;
  };
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { clock, azure, cluster, report } = world;
  const bootedAtMs = new Map<string, number>();
  const follow = (machine: Pick<SimMachine, "onBoot" | "vmGuid">): void =>
    machine.onBoot(() => bootedAtMs.set(machine.vmGuid, clock.elapsedMs()));
  for (const machine of azure.machines()) follow(machine);
  azure.onMachine(follow);
  cluster.onNodeChange((previous, current) => {
    if (current?.isMarkedByDriver !== true || previous?.isMarkedByDriver === true) return;
    if (current.isReady)
      return report({
        invariant: "marked-running",
        detail: `the driver marked ${current.name} out of service, whose kubelet reports`,
      });
    const machine = azure.machineOf(current.name);
    if (machine === undefined || machine.state() === "off") return;
    const upMs = clock.elapsedMs() - (bootedAtMs.get(machine.vmGuid) ?? Number.NEGATIVE_INFINITY);
    if (upMs < KNOWN_LATE_MS) return;
    report({
      invariant: "marked-running",
      detail: `the driver marked ${current.name} out of service, and its machine is ${machine.state()}`,
    });
  });
}
