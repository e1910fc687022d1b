import { attach } from "./attach-ours.ts";
import { vmWrites } from "./one-vm.ts";
import { createVirtualCloud } from "./virtual-cloud.ts";

const VMS = 20;
const DISKS = 300;

/** 300 disks over 20 VMs, all requested at once, with Azure's limits enforced. */
export interface Fleet {
  readonly lost: number;
  readonly writes: number;
  /** Calls of any kind that the model refused with 429. */
  readonly throttled: number;
  readonly ms: number;
}

/** Uses the published latencies with their spread. */
export async function measureFleet(): Promise<Fleet> {
  const cloud = createVirtualCloud({ vms: VMS, settings: { throttling: "enforce" } });
  const disks = cloud.addDisks(DISKS);
  const startedMs = cloud.clock.elapsedMs();
  const answers = await cloud.run(
    Promise.all(
      disks.map((diskUri, index) => {
        const node = cloud.nodes[index % VMS];
        if (node === undefined) throw new Error(`there is no VM ${index % VMS}`);
        return attach(cloud.provisioner, { diskUri, node });
      }),
    ),
  );
  const there = new Set(
    cloud.nodes.flatMap((node) =>
      cloud.attachedTo(node).map((diskUri) => `${node.nodeName} ${diskUri.toLowerCase()}`),
    ),
  );
  const lost = disks.filter(
    (diskUri, index) =>
      answers[index]?.ok !== true || !there.has(`node-${index % VMS} ${diskUri.toLowerCase()}`),
  );
  return {
    lost: lost.length,
    writes: vmWrites(cloud).length,
    throttled: cloud.model.journal.since(0, Infinity).filter((entry) => entry.status === 429).length,
    ms: Math.round(cloud.clock.elapsedMs() - startedMs),
  };
}
