import type { CreateSnapshotRequest } from "../../ports/cloud/snapshot-provisioner.ts";

/** An incremental snapshot of a disk in eastus that no network reaches, whatever has its id already. */
export function aSnapshotRequest(
  request: Pick<CreateSnapshotRequest, "snapshotUri" | "sourceUri"> & Partial<CreateSnapshotRequest>,
): CreateSnapshotRequest {
  return {
    location: "eastus",
    isIncremental: true,
    tags: {},
    networkAccessPolicy: "DenyAll",
    publicNetworkAccess: "Disabled",
    dataAccessAuthMode: undefined,
    instantAccessMinutes: undefined,
    userAgent: undefined,
    objection: () => undefined,
    note: undefined,
    ...request,
  };
}
