import { nodeLabel } from "../../../src/core/api/node-labels.ts";
import type { Complaint, RestWorld } from "./rest-world.ts";

/** The nodes of a volume's attachments that would not receive its changes. */
export function judgeLabels({ store }: Pick<RestWorld, "store">): readonly Complaint[] {
  const volumes = new Map(store.objects("AzVolume").map((volume) => [volume.metadata.name, volume]));
  return store.objects("AzVolumeAttachment").flatMap(({ spec: { volumeName, nodeName } }) => {
    const labels = volumes.get(volumeName)?.metadata.labels ?? {};
    return volumes.has(volumeName) && labels[nodeLabel(nodeName)] === undefined
      ? [
          {
            invariant: "unlabelled",
            detail: `${volumeName} has an attachment to ${nodeName}, and not its label`,
          },
        ]
      : [];
  });
}
