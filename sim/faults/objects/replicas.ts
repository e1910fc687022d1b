import { type FaultClass, nodeOfPod } from "../fault-class.ts";

/** Replicas come and go while the writer moves. */
export const replicas: FaultClass = {
  name: "replicas",
  about:
    "replicas come and go while a publish is under way: their nodes are cordoned, drained, restarted, " +
    "or their objects deleted",
  variants: {
    "replica-nodes-cordoned": {
      forMs: [10_000, 60_000],
      begin: ({ world, nodeNames }, fault) => {
        const busy = nodeOfPod(world, fault);
        const [, ...others] = nodeNames.filter((name) => name !== busy);
        for (const name of others) world.cluster.setUnschedulable(name, true);
        world.cluster.deletePod(fault.volumeName, { isForced: false });
        return () => {
          for (const name of others) world.cluster.setUnschedulable(name, false);
        };
      },
    },
    "replica-objects-deleted": {
      forMs: [5_000, 30_000],
      begin: ({ world, later }, fault) => {
        const operator = world.store.handle("operator");
        const ending = new AbortController();
        const diskUri = world.cluster.diskUriOf(fault.volumeName)?.toLowerCase();
        const replicas = world.store
          .objects("AzVolumeAttachment")
          .filter(({ spec }) => spec.role === "Replica" && spec.volumeId.toLowerCase() === diskUri);
        world.cluster.deletePod(fault.volumeName, { isForced: false });
        for (const { metadata } of replicas) {
          later(0, () => {
            // Whether it still existed does not matter to this fault.
            operator
              .delete("AzVolumeAttachment", metadata.name, {}, ending.signal)
              .catch((error: unknown) => world.report({ invariant: "crashed", detail: String(error) }));
          });
        }
        return () => ending.abort();
      },
    },
    "replica-plugins-restart": {
      forMs: [5_000, 40_000],
      begin: ({ world, nodeNames }, fault) => {
        const busy = nodeOfPod(world, fault);
        const plugins = nodeNames.filter((name) => name !== busy).map((name) => world.nodePlugin(name));
        for (const plugin of plugins) plugin?.kill();
        world.cluster.deletePod(fault.volumeName, { isForced: false });
        return () => {
          for (const plugin of plugins) plugin?.start();
        };
      },
    },
  },
};
