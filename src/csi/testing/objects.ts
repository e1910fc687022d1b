import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeDetail, WriterRecord } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { formatDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { aDiskSpec } from "../../core/testing/objects.ts";
import { changedRecord, type RecordChanges } from "../../core/testing/record-lists.ts";
import { newRecord } from "../../core/writer/record/writer-steps.ts";

export function aDiskUri(diskName = "pvc-1"): string {
  return formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName });
}

/** A managed disk of 10 GiB in zone 1. */
export function aDetail(overrides: Partial<VolumeDetail> = {}): VolumeDetail {
  return {
    diskUri: aDiskUri(),
    sizeGiB: 10,
    maxShares: 1,
    skuName: "Premium_LRS",
    location: "eastus",
    zones: ["1"],
    ...overrides,
  };
}

/** A record without any node. */
export function aRecord(changes: RecordChanges = {}): WriterRecord {
  return changedRecord(newRecord(0), changes);
}

/** An AzVolume whose disk exists, unless `detail` is undefined. */
export function aVolumeObject(
  overrides: {
    readonly name?: string;
    readonly creationTimestamp?: string;
    readonly detail?: VolumeDetail | undefined;
    readonly spec?: Partial<AzVolume["spec"]>;
  } = {},
): AzVolume {
  const name = overrides.name ?? "pvc-1";
  const detail = "detail" in overrides ? overrides.detail : aDetail({ diskUri: aDiskUri(name) });
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: overrides.creationTimestamp ?? "2026-01-01T00:00:00.000Z",
    },
    spec: {
      volumeName: name,
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
      disk: aDiskSpec({
        maxShares: 1,
        tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
        networkAccessPolicy: "DenyAll",
        publicNetworkAccess: "Disabled",
      }),
      maxMountReplicaCount: 0,
      volumeContext: { requestedsizegib: "10" },
      deleteRequested: false,
      ...overrides.spec,
    },
    status: {
      state: detail === undefined ? "Creating" : "Created",
      observedGeneration: 1,
      conditions: [],
      ...(detail === undefined ? {} : { detail }),
    },
  };
}

/** An attachment of volume `pvc-1`. */
export function anAttachmentObject(spec: Partial<AzVolumeAttachment["spec"]> = {}): AzVolumeAttachment {
  const nodeName = spec.nodeName ?? "node-a";
  return {
    metadata: {
      name: attachmentObjectName({ diskUri: aDiskUri(), nodeName }),
      uid: `uid-${nodeName}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00.000Z",
    },
    spec: {
      volumeName: "pvc-1",
      volumeId: aDiskUri(),
      nodeName,
      role: "Primary",
      readOnly: false,
      volumeContext: {},
      ...spec,
    },
  };
}
