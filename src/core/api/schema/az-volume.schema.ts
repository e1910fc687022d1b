import * as z from "zod";
import { accessModes } from "../../volume/access-mode.ts";
import { fileSystemTypes } from "../../volume/device/file-system.ts";
import {
  cachingModes,
  diskEncryptionTypes,
  networkAccessPolicies,
  publicNetworkAccesses,
} from "../../volume/disk-sku.ts";
import { COUNTER_MAX } from "../epoch.ts";
import { nodeIdentitySchema, recordNodeSchema } from "./node-identity.schema.ts";
import { conditionsSchema, objectErrorSchema, objectMetaSchema } from "./object-meta.schema.ts";

const volumeCapabilitySchema = z.object({
  accessMode: z.enum(accessModes).describe("How many nodes may use the volume, and how."),
  accessType: z.enum(["block", "mount"]).describe("A raw device, or a file system."),
  fsType: z.string().optional().describe("The file system that is asked for. Absent: any."),
  mountFlags: z.array(z.string()).optional().describe("Mount options that are asked for."),
});

/**
 * Which node may write a single-writer volume. Changed only by compare-and-swap, only by the steps of
 * `core/writer/record/writer-steps.ts`.
 */
const writerRecordSchema = z.object({
  writer: nodeIdentitySchema
    .extend({
      epoch: z.int().min(1).max(COUNTER_MAX).describe("Rises with every grant or reclaim."),
      held: z.boolean().describe("The node has acquired the grant: it may have the file system mounted."),
      requested: z
        .boolean()
        .describe("The node's request stands. Only a writer without a request is revoked or recalled."),
    })
    .optional()
    .describe("The node that may write. Absent: none, until one is granted the volume."),
  fencing: nodeIdentitySchema
    .extend({
      preempted: z
        .int()
        .min(1)
        .max(COUNTER_MAX)
        .optional()
        .describe(
          "The epoch of its grant, whose reservation of the disk another node has preempted: the disk " +
            "refuses its writes. Until Azure proves that it is off, the disk stays reserved, and no other " +
            "node loses it.",
        ),
    })
    .optional()
    .describe("The node being fenced. It must not acquire the grant, and this disk is not attached to it."),
  nodes: z
    .array(recordNodeSchema)
    .describe("Nodes with another access than the default, or with a pending write barrier; each once."),
  defaultAccess: z
    .enum(["clean", "quarantined"])
    .describe(
      "The access of nodes that are not listed. Quarantined: the disk was not new when the record was.",
    ),
  epoch: z.int().min(0).max(COUNTER_MAX).describe("The highest epoch ever granted."),
  storeIncarnation: z
    .int()
    .min(0)
    .max(COUNTER_MAX)
    .describe("Raised after each rollback of the store; every acquire compares it."),
});

/**
 * The disk as CreateVolume resolved it, or as Azure reported it when it was adopted. Everything that the
 * disk is made from is here. A field with the name of one of `ArmDiskSpec` goes to Azure as it is.
 */
const diskSpecSchema = z.object({
  skuName: z.string().min(1).describe("Such as `Premium_LRS`."),
  sizeGiB: z.int().min(1).describe("The requested size. The disk grows to it, and never shrinks."),
  maxShares: z.int().min(1).max(15).describe("How many VMs may have the disk at a time."),
  location: z.string().optional().describe("Absent: the cluster's region."),
  zone: z.string().optional().describe("Absent: regional, or zone-redundant."),
  resourceGroup: z.string().optional().describe("Absent: the cluster's."),
  diskName: z.string().optional().describe("Absent: the name of the volume."),
  sourceUri: z
    .string()
    .optional()
    .describe("The disk or snapshot that the disk is a copy of. No node makes a file system on a copy."),
  tags: z
    .record(z.string(), z.string())
    .describe(
      "Tags of a new disk, without those that name its cluster and object. Empty if adopted. After a " +
        "modification also the disk's other tags.",
    ),
  diskIOPSReadWrite: z
    .int()
    .min(1)
    .optional()
    .describe("Absent: Azure's default for SKU and size. After a modification as the disk has it."),
  diskMBpsReadWrite: z
    .int()
    .min(1)
    .optional()
    .describe("MB/s. Absent: Azure's default for SKU and size. After a modification as the disk has it."),
  logicalSectorSize: z
    .int()
    .min(512)
    .max(4096)
    .optional()
    .describe("512 or 4096 bytes. Absent: Azure's default for the SKU."),
  burstingEnabled: z.boolean().optional().describe("On-demand bursting. Absent: off."),
  performancePlus: z.boolean().optional().describe("Azure's performance plus. Absent: off."),
  optimizedForFrequentAttach: z
    .boolean()
    .optional()
    .describe("Azure places the disk for frequent attaches. Absent: it does not."),
  networkAccessPolicy: z
    .enum(networkAccessPolicies)
    .optional()
    .describe("Absent: Azure's default, or adopted."),
  publicNetworkAccess: z
    .enum(publicNetworkAccesses)
    .optional()
    .describe("Absent: Azure's default, or adopted."),
  subscriptionId: z.string().optional().describe("Must be the cluster's. Absent: the cluster's."),
  diskAccessId: z.string().optional().describe("The DiskAccess of AllowPrivate."),
  diskEncryptionSetId: z.string().optional().describe("Absent: a key that Azure holds."),
  encryptionType: z.enum(diskEncryptionTypes).optional().describe("Absent: the set's key alone."),
  userAgent: z
    .string()
    .optional()
    .describe("What the call that makes the disk adds to its User-Agent. Absent: nothing."),
});

/**
 * Changes that a VolumeAttributesClass asks of a disk that exists. A field with the name of one of
 * `DiskChange` goes to Azure as it is.
 */
const diskModificationSchema = z.object({
  skuName: z.string().min(1).optional().describe("Absent: as it is."),
  diskIOPSReadWrite: z.int().min(1).optional().describe("Absent: as it is."),
  diskMBpsReadWrite: z.int().min(1).optional().describe("MB/s. Absent: as it is."),
  networkAccessPolicy: z.enum(networkAccessPolicies).optional().describe("Absent: as it is."),
  publicNetworkAccess: z.enum(publicNetworkAccesses).optional().describe("Absent: as it is."),
  tags: z.record(z.string(), z.string()).optional().describe("Set or replaced by name; other tags stay."),
});

/** How many resource groups with snapshots a volume keeps. Another one replaces the earliest. */
export const SNAPSHOT_GROUPS_MAX = 32;

/**
 * How many snapshots of a disk may have been asked for lately. Azure takes seven of a disk in 5 minutes, and
 * one that it has refused does not count.
 */
export const RECENT_SNAPSHOTS_MAX = 64;

/** The AzVolume resource: one managed disk. */
export const azVolumeSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    volumeName: z
      .string()
      .min(1)
      .describe("The name in CreateVolume, or the disk's name for a static volume."),
    capabilities: z
      .array(volumeCapabilitySchema)
      .min(1)
      .describe("What the volume was requested for, as CSI states it."),
    disk: diskSpecSchema.describe("Everything that the disk is made from."),
    modification: diskModificationSchema
      .optional()
      .describe("The change that was asked for last, until Azure has made or refused it."),
    cachingMode: z
      .enum(cachingModes)
      .optional()
      .describe("Host cache of an attached disk. Absent: ReadOnly where Azure caches the disk, else None."),
    writeAcceleratorEnabled: z
      .boolean()
      .optional()
      .describe("Attach the disk with write accelerator. Absent: without."),
    fsType: z.enum(fileSystemTypes).optional().describe("Absent: as the capability states, else ext4."),
    maxMountReplicaCount: z
      .int()
      .min(0)
      .max(14)
      .describe("How many replicas the driver keeps attached. It may be changed at any time."),
    volumeContext: z
      .record(z.string(), z.string())
      .describe("What CSI's node calls are given. The controller reads nothing from it."),
    diskUri: z
      .string()
      .optional()
      .describe("Set for a volume that the driver did not create: the disk exists already."),
    earlierRecord: writerRecordSchema
      .optional()
      .describe("The record of the object that was deleted by hand, and that this one replaces."),
    snapshotGroups: z
      .array(z.string())
      .max(SNAPSHOT_GROUPS_MAX)
      .optional()
      .describe(
        "Resource groups other than the disk's in which snapshots of it were asked for, latest last.",
      ),
    recentSnapshots: z
      .array(
        z.object({
          snapshotUri: z.string().describe("The snapshot's resource id."),
          time: z.string().describe("When Azure was asked last."),
        }),
      )
      .max(RECENT_SNAPSHOTS_MAX)
      .optional()
      .describe(
        "Snapshots of a PremiumV2_LRS or UltraSSD_LRS disk that Azure was asked for lately, latest last. " +
          "For 20 minutes after the time, it is asked to grow only if Azure shows them, and copies none.",
      ),
    deleteRequested: z
      .boolean()
      .describe("DeleteVolume's mark. Without it, deleting this object never deletes the disk."),
  }),
  status: z
    .object({
      state: z
        .enum([
          "Pending",
          "Creating",
          "Created",
          "CreationFailed",
          "Updating",
          "Updated",
          "UpdateFailed",
          "Deleting",
          "DeletionFailed",
        ])
        .describe("Of the disk; where it is attached, its AzVolumeAttachments say."),
      observedGeneration: z.int().min(0).describe("Of the spec that the state is about."),
      detail: z
        .object({
          diskUri: z.string().describe("The disk's resource id: the CSI volume id."),
          uniqueId: z
            .string()
            .optional()
            .describe(
              "Azure's id of this very disk. One with another id is not the volume's, whatever its name. " +
                "Absent: Azure has not shown it yet.",
            ),
          timeCreated: z
            .string()
            .optional()
            .describe(
              "When Azure made it, in Azure's words. A disk of that moment is the volume's, whatever its " +
                "uniqueId. Absent: Azure has not shown it yet.",
            ),
          sizeGiB: z.int().min(1).describe("The size that the disk has."),
          unconfirmedGiB: z
            .int()
            .min(1)
            .optional()
            .describe(
              "A larger size that Azure shows without a change that has succeeded: the disk may have either.",
            ),
          maxShares: z.int().min(1).describe("How many VMs may have the disk at a time."),
          skuName: z.string().describe("Such as `Premium_LRS`."),
          location: z.string().describe("The disk's region."),
          zones: z.array(z.string()).describe("Empty: regional, or zone-redundant."),
          burstingEnabled: z
            .boolean()
            .optional()
            .describe("The disk bursts on demand. Absent: it was not read, and is as in the spec."),
          isMadeForObject: z
            .literal(true)
            .optional()
            .describe(
              "The disk had the uid of this object when it was recorded: missing tags may be written again.",
            ),
          stateTags: z
            .record(z.string(), z.string())
            .optional()
            .describe("The disk's tags with its fenced nodes and file system, as last written or read."),
          formatted: z
            .object({
              fsType: z
                .string()
                .describe(
                  "The file system that was made. `raw block`: pods had the disk before it had one, and it " +
                    "gets none.",
                ),
              nodeName: z.string().describe("The node that made it, or had the disk."),
              time: z.string().describe("When."),
              uuid: z
                .string()
                .optional()
                .describe("The file system's UUID. A device with another one is another disk."),
            })
            .optional()
            .describe("The driver made a file system on this disk, and never makes another."),
        })
        .optional()
        .describe("The disk as Azure has reported it. Absent: it is not there yet."),
      refusedGrowth: z
        .object({
          sizeGiB: z.int().min(1).describe("The size that Azure refused."),
          skuName: z.string().describe("The disk's SKU at that time."),
        })
        .optional()
        .describe("The size that was refused for good. Only another call asks for it again."),
      sentGrowth: z
        .object({
          sizeGiB: z.int().min(1).describe("The size that Azure was asked for."),
          time: z.string().describe("When Azure was asked last."),
        })
        .optional()
        .describe(
          "The size that Azure was asked for, and has not refused, where it copies the disk's snapshots in " +
            "the background. For 20 minutes after the time, none is made before the disk has that size.",
        ),
      modification: z
        .object({
          requested: diskModificationSchema.describe("What was requested."),
          observedGeneration: z.int().min(0).describe("Of the spec that requested it."),
          error: objectErrorSchema.optional().describe("Absent: the disk is as requested."),
        })
        .optional()
        .describe("How the last modification ended."),
      recentModification: z
        .object({
          made: diskModificationSchema.describe("What the disk has had since."),
          endTime: z.string().describe("When Azure had made it first."),
          storeIncarnation: z.int().min(0).describe("Of the object store when Azure was asked."),
        })
        .optional()
        .describe("What Azure has made lately, and a late request of a stopped controller may replace."),
      conversion: z
        .object({
          percent: z.int().min(0).max(99).describe("How much of the data Azure has moved."),
          since: z.string().describe("When the driver first saw it."),
          readTime: z.string().describe("When Azure was asked last."),
        })
        .optional()
        .describe("Azure moves the disk's data to storage of another kind. Absent: it does not."),
      copy: z
        .object({
          percent: z
            .int()
            .min(0)
            .max(99)
            .optional()
            .describe("How much of its source's data Azure has copied. Absent: it has not said so yet."),
          since: z.string().describe("When the driver first saw it."),
          readTime: z.string().describe("When Azure was asked last."),
          firstAttachTime: z
            .string()
            .optional()
            .describe("When a node got the disk first, and could write to it. Absent: none has had it."),
          failedState: z
            .string()
            .optional()
            .describe("The provisioningState as which Azure shows a failed copy. Absent: it has not failed."),
        })
        .optional()
        .describe("Azure fills the disk with the data of its source in the background. Absent: it does not."),
      record: writerRecordSchema.optional().describe("Absent for multi-writer volumes."),
      unrequestedSince: z
        .string()
        .optional()
        .describe(
          "Since when no node requests the volume and no pod uses it; replicas are pruned after a while.",
        ),
      error: objectErrorSchema.optional().describe("Why the last try failed. Absent: it did not."),
      conditions: conditionsSchema,
    })
    .optional(),
});
