import { type FaultVariant, nodeOfPod } from "../../fault-class.ts";

/** The host of the pod's node learns late which disks come to the VM and leave it. */
export const metadataLate: FaultVariant = {
  forMs: [1_000, 30_000],
  isDirected: true,
  begin: ({ world }, fault) => world.azure.holdMetadata(nodeOfPod(world, fault)),
};

/** A firewall on the pod's node, or its host, keeps the instance metadata from its processes. */
export const metadataSilent: FaultVariant = {
  forMs: [10_000, 90_000],
  isDirected: true,
  begin: ({ world }, fault) => world.azure.silenceMetadata(nodeOfPod(world, fault)),
};
