import type { Snapshot } from "@azure/arm-compute";
import type { ArmApi } from "../../../provisioner/arm/arm-api.ts";
import { readSnapshotResource } from "../../arm-wire/read-resources.ts";
import { snapshotBody } from "../../arm-wire/write-resources.ts";
import { flattened } from "./sdk-body.ts";
import type { ClientOf } from "./sdk-clients.ts";
import type { SdkSender } from "./sdk-sender.ts";

type SnapshotCalls = Pick<
  ArmApi,
  "getSnapshot" | "listSnapshots" | "startSnapshotCreate" | "startSnapshotUpdate" | "startSnapshotDelete"
>;

/** The calls for snapshots. Azure reports their operations as it does those on disks. */
export function createSnapshotCalls(sender: SdkSender, clientOf: ClientOf): SnapshotCalls {
  return {
    getSnapshot: ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) =>
      sender.read(
        clientRequestId,
        readSnapshotResource,
        (call) => clientOf(subscriptionId).snapshots.get(resourceGroup, name, call),
        signal,
      ),
    listSnapshots: ({ subscriptionId, resourceGroup, ...request }, signal) =>
      sender.list(
        request,
        readSnapshotResource,
        (call) => clientOf(subscriptionId).snapshots.listByResourceGroup(resourceGroup, call).byPage().next(),
        signal,
      ),
    startSnapshotCreate: ({ subscriptionId, resourceGroup, name, snapshot, ...request }, signal) => {
      const body: Snapshot = { location: snapshot.location, ...flattened(snapshotBody(snapshot)) };
      return sender.start(
        { kind: "disk", ...request },
        (call) =>
          clientOf(subscriptionId).snapshots.createOrUpdate(resourceGroup, name, body, call).submitted(),
        signal,
      );
    },
    startSnapshotUpdate: ({ subscriptionId, resourceGroup, name, tags, clientRequestId }, signal) =>
      sender.start(
        { kind: "disk", clientRequestId },
        (call) =>
          clientOf(subscriptionId)
            .snapshots.update(resourceGroup, name, { tags: { ...tags } }, call)
            .submitted(),
        signal,
      ),
    startSnapshotDelete: ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) =>
      sender.start(
        { kind: "disk", clientRequestId },
        (call) => clientOf(subscriptionId).snapshots.delete(resourceGroup, name, call).submitted(),
        signal,
      ),
  };
}
