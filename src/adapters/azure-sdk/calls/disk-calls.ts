import type { Disk, DiskUpdate } from "@azure/arm-compute";
import type { ArmApi } from "../../../provisioner/arm/arm-api.ts";
import { readDiskResource } from "../../arm-wire/read-resources.ts";
import { diskBody, diskChangeBody } from "../../arm-wire/write-resources.ts";
import { flattened } from "./sdk-body.ts";
import type { ClientOf } from "./sdk-clients.ts";
import type { SdkSender } from "./sdk-sender.ts";

type DiskCalls = Pick<
  ArmApi,
  "getDisk" | "listDisks" | "startDiskCreateOrUpdate" | "startDiskUpdate" | "startDiskDelete"
>;

export function createDiskCalls(sender: SdkSender, clientOf: ClientOf): DiskCalls {
  return {
    getDisk: ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) =>
      sender.read(
        clientRequestId,
        readDiskResource,
        (call) => clientOf(subscriptionId).disks.get(resourceGroup, name, call),
        signal,
      ),
    listDisks: ({ subscriptionId, resourceGroup, ...request }, signal) =>
      sender.list(
        request,
        readDiskResource,
        (call) => clientOf(subscriptionId).disks.listByResourceGroup(resourceGroup, call).byPage().next(),
        signal,
      ),
    startDiskCreateOrUpdate: ({ subscriptionId, resourceGroup, name, disk, ...request }, signal) => {
      const body: Disk = { location: disk.location, ...flattened(diskBody(disk)) };
      return sender.start(
        { kind: "disk", ...request },
        (call) => clientOf(subscriptionId).disks.createOrUpdate(resourceGroup, name, body, call).submitted(),
        signal,
      );
    },
    startDiskUpdate: ({ subscriptionId, resourceGroup, name, change, clientRequestId }, signal) => {
      const body: DiskUpdate = flattened(diskChangeBody(change));
      return sender.start(
        { kind: "disk", clientRequestId },
        (call) => clientOf(subscriptionId).disks.update(resourceGroup, name, body, call).submitted(),
        signal,
      );
    },
    startDiskDelete: ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) =>
      sender.start(
        { kind: "disk", clientRequestId },
        (call) => clientOf(subscriptionId).disks.delete(resourceGroup, name, call).submitted(),
        signal,
      ),
  };
}
