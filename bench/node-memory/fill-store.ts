import { attachmentObjectName } from "../../src/core/api/object-names.ts";
import { formatDiskUri } from "../../src/core/azure/ids/disk-uri.ts";
import { newRecord } from "../../src/core/writer/record/writer-steps.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";

const never = new AbortController().signal;
const CREATED_AT_ONCE = 16;

/**
 * Fills a store with volumes as a cluster has them: each has a writer on one node and a replica on another,
 * neither of which is the measured node.
 */
export async function fillStore(store: ObjectStore, volumes: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < volumes; index = next++) await putVolume(store, index);
  };
  await Promise.all(Array.from({ length: CREATED_AT_ONCE }, worker));
}

async function putVolume(store: ObjectStore, index: number): Promise<void> {
  const volumeName = `pvc-${String(index).padStart(5, "0")}-4c1f-9a70-0d9c5c1c1a11`;
  const diskUri = formatDiskUri({
    subscriptionId: "00000000-0000-0000-0000-000000000001",
    resourceGroup: "mc_cluster_eastus",
    diskName: volumeName,
  });
  const [writer, replica] = [`aks-pool-${index % 97}`, `aks-pool-${(index + 1) % 97}`];
  const created = await store.create(
    "AzVolume",
    {
      metadata: { name: volumeName, finalizers: ["disk.csi.azure.com/azvolume"] },
      spec: {
        volumeName,
        capabilities: [{ accessType: "mount", accessMode: "SINGLE_NODE_MULTI_WRITER", fsType: "ext4" }],
        disk: {
          skuName: "Premium_LRS",
          sizeGiB: 1024,
          maxShares: 3,
          location: "eastus",
          zone: "1",
          tags: {},
        },
        cachingMode: "None",
        maxMountReplicaCount: 1,
        volumeContext: { skuName: "Premium_LRS", maxShares: "3", cachingMode: "None" },
        deleteRequested: false,
      },
    },
    never,
  );
  if (!created.ok) throw new Error(JSON.stringify(created.failure));
  const detail = {
    diskUri,
    sizeGiB: 1024,
    maxShares: 3,
    skuName: "Premium_LRS",
    location: "eastus",
    zones: ["1"],
  };
  const record = {
    ...newRecord(0),
    epoch: 1,
    writer: {
      nodeName: writer,
      vmId: `vm-of-${writer}`,
      instanceUri: `/virtualMachines/${writer}`,
      epoch: 1,
      held: true,
      requested: true,
    },
  };
  const status = { state: "Created", detail, record, conditions: [], observedGeneration: 1 } as const;
  const written = await store.updateStatus("AzVolume", { ...created.value, status }, never);
  if (!written.ok) throw new Error(JSON.stringify(written.failure));
  for (const [nodeName, role] of [
    [writer, "Primary"],
    [replica, "Replica"],
  ] as const) {
    const attachment = await store.create(
      "AzVolumeAttachment",
      {
        metadata: {
          name: attachmentObjectName({ diskUri, nodeName }),
          finalizers: ["disk.csi.azure.com/azvolumeattachment"],
          labels: { "disk.csi.azure.com/volume-name": volumeName, "disk.csi.azure.com/node-name": nodeName },
        },
        spec: { volumeName, volumeId: diskUri, nodeName, role, readOnly: false, volumeContext: {} },
      },
      never,
    );
    if (!attachment.ok) throw new Error(JSON.stringify(attachment.failure));
  }
}
