import { isSameResourceUri } from "../../src/core/model/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import { diskName } from "./watch-writers.ts";

/**
 * No healthy writer with a user is ever cut off: a disk is taken from a machine that has it mounted only if no pod that the API server knows runs with it there, or the node
 * is out of service, or the machine is off, or somebody else's hand did it.
 */
export function watchCutOffs(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent">;
  readonly cluster: Pick<SimCluster, "containersOn" | "diskUriOf">;
  readonly outside: Pick<OutsideEvents, "wasOutOfService" | "hadHandOn">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { cluster, outside } = world;
  world.azure.onDiskEvent((event) => {
    if (event.kind !== "detached" || !event.hadWritableMount) return;
    const { diskUri, machine } = event;
    if (machine.state() === "off" || outside.wasOutOfService(machine.nodeName) || outside.hadHandOn(diskUri)) return;
    const users = cluster
      .containersOn(machine.nodeName)
      .filter(({ volumeName, isInApi }) => isInApi && isSameResourceUri(cluster.diskUriOf(volumeName) ?? "", diskUri));
    if (users.length === 0) return;
    world.report({
      invariant: "healthy-writer-cut-off",
      detail: `${diskName(diskUri)} was taken from ${machine.nodeName} (${machine.state()}), which is in service, while pod ${users.map(({ podUid }) => podUid).join(", ")} writes to it there`,
    });
  });
}
