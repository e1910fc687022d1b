import type { KindMap, NewObject } from "../../../src/ports/store/object-store.ts";

type Metadata = Omit<NewObject<"AzVolume">["metadata"], "name">;

/** A new AzVolume that every store accepts. */
export function aNewVolume(
  name: string,
  metadata: Metadata = {},
  spec: Partial<KindMap["AzVolume"]["spec"]> = {},
): NewObject<"AzVolume"> {
  return {
    metadata: { name, ...metadata },
    spec: {
      volumeName: name,
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount", fsType: "ext4" }],
      disk: { skuName: "Premium_LRS", sizeGiB: 1, maxShares: 3, tags: {} },
      maxMountReplicaCount: 2,
      volumeContext: {},
      deleteRequested: false,
      ...spec,
    },
  };
}

/** A status that an AzVolume may have. */
export function aVolumeStatus(
  changes: Partial<NonNullable<KindMap["AzVolume"]["status"]>> = {},
): NonNullable<KindMap["AzVolume"]["status"]> {
  return { state: "Pending", observedGeneration: 1, conditions: [], ...changes };
}

/** A new AzVolumeAttachment that every store accepts. */
export function aNewAttachment(name: string): NewObject<"AzVolumeAttachment"> {
  return {
    metadata: { name },
    spec: {
      volumeName: "pvc-1",
      volumeId: "/subscriptions/s/disks/pvc-1",
      nodeName: "node-a",
      role: "Replica",
      readOnly: false,
      volumeContext: {},
    },
  };
}

/** A new AzDriverNode that every store accepts. */
export function aNewDriverNode(name: string): NewObject<"AzDriverNode"> {
  return { metadata: { name }, spec: { nodeName: name } };
}
