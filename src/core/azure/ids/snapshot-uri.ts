import { type ArmId, parseArmId } from "./arm-id.ts";

/** The parts of a snapshot's resource id; undefined if `uri` is something else. */
export function parseSnapshotUri(uri: string): ArmId | undefined {
  const id = parseArmId(uri);
  return id?.type === "snapshots" ? id : undefined;
}

/** The resource id of a snapshot in Azure's spelling. */
export function formatSnapshotUri(parts: Omit<ArmId, "type">): string {
  const { subscriptionId, resourceGroup, name } = parts;
  return (
    `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}` +
    `/providers/Microsoft.Compute/snapshots/${name}`
  );
}
