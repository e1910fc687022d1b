import * as z from "zod";
import { LUNS_MAX } from "../../azure/choose-luns.ts";
import { HEARTBEAT_DELAY_MAX_MS } from "../../election/heartbeat-delay.ts";
import { platforms } from "../../platform/platform.ts";
import { COUNTER_MAX, CHECKPOINTED_VOLUMES_MAX } from "../epoch.ts";
import { conditionsSchema, objectMetaSchema } from "./object-meta.schema.ts";

/** The AzDriverNode resource: one node plug-in and its heartbeat. */
export const azDriverNodeSchema = z.object({
  metadata: objectMetaSchema,
  spec: z.object({
    nodeName: z.string().min(1).describe("The node on which the plug-in runs."),
    dataDisksMax: z
      .int()
      .min(0)
      .max(LUNS_MAX)
      .optional()
      .describe(
        "Data disks that Azure lists for the VM's size, written by the controller. Absent: not known.",
      ),
    vmSize: z
      .string()
      .optional()
      .describe("The size for which that number is: a later VM of the node's name may have another one."),
  }),
  status: z
    .object({
      lastHeartbeatTime: z.string().describe("When the last heartbeat was sent, by the node's clock."),
      heartbeat: z
        .int()
        .min(0)
        .max(COUNTER_MAX)
        .describe(
          "A counter that only this node writes, also in a local file; a smaller value shows a rollback.",
        ),
      heartbeatMs: z
        .int()
        .min(0)
        .optional()
        .describe(
          "The time between two heartbeats of the node, in milliseconds, before any delay " +
            "(--heartbeat-ms). Absent: from before it was reported.",
        ),
      heartbeatDelayMs: z
        .int()
        .min(0)
        .max(HEARTBEAT_DELAY_MAX_MS)
        .optional()
        .describe(
          "How much later than after its own interval the node may send its next heartbeat, in " +
            "milliseconds: it is silent only after so much more time. Absent: 0.",
        ),
      readyForVolumeAllocation: z
        .boolean()
        .describe("The node plug-in is ready, and the leader does not find its heartbeat stale."),
      driverVersion: z
        .string()
        .optional()
        .describe("Version of the node plug-in. Absent: from before it was reported."),
      statusMessage: z.string().describe("Why it is, or is not."),
      conditions: conditionsSchema,
      maxVolumes: z.int().min(0).describe("Disks that the driver may have attached to this node."),
      location: z.string().describe("Region of the VM, such as `eastus`."),
      vmSize: z.string().optional().describe("Such as `Standard_D8s_v5`. Absent: not known."),
      zone: z.string().describe("Availability zone such as `1`; empty: not zonal."),
      busType: z.enum(["SCSI", "NVMe"]).describe("How the VM shows its data disks."),
      platform: z.enum(platforms).optional().describe("Absent: linux."),
      vmId: z.string().describe("The VM's vmId GUID. Another vmId under the same name is another node."),
      instanceUri: z.string().min(1).describe("The VM's resource id, by which alone the VM is looked up."),
      volumes: z
        .array(
          z.object({
            volumeName: z.string().describe("Name of the AzVolume object."),
            uid: z.string().describe("The uid of that object when the volume was mounted."),
            epoch: z.int().min(0).max(COUNTER_MAX).describe("The epoch under which it was mounted."),
            checkpointedOn: z
              .object({
                vmId: z.string().describe("That VM's vmId."),
                instanceUri: z.string().min(1).describe("The VM's resource id."),
              })
              .optional()
              .describe("The VM that wrote the checkpoint, if another one: it proves no disk on this VM."),
          }),
        )
        .max(CHECKPOINTED_VOLUMES_MAX)
        .describe(
          "Volumes that the node's own file shows as mounted or about to be; never copied from the record.",
        ),
    })
    .optional(),
});
