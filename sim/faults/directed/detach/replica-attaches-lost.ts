import { vmOperations } from "../../../azure/vm-names.ts";
import type { FaultVariant } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";

/** The lost update of a VM: the first one detaches its replicas, the second one is to attach them again. */
const LOST_NTH = 2;

/**
 * All replicas are deleted by hand and recreated; the requests that would attach them are lost on their
 * way to Azure.
 */
export const replicaAttachesLost: FaultVariant = {
  forMs: [20_000, 30_000],
  isDirected: true,
  begin: ({ world, nodeNames }) => {
    const { faults } = world.azure.model;
    const added = nodeNames.map(
      (nodeName) =>
        faults.add({
          operation: vmOperations.update,
          resource: world.azure.instanceUriOf(nodeName),
          nth: LOST_NTH,
          effect: { kind: "DropRequest" },
        }).id,
    );
    for (const { metadata, spec } of world.store.objects("AzVolumeAttachment"))
      if (spec.role === "Replica") erase(world, "AzVolumeAttachment", metadata.name, false);
    return () => {
      for (const id of added) faults.remove(id);
    };
  },
};
