import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import type { SnapshotObjection, SnapshotProvisioner } from "../ports/cloud/snapshot-provisioner.ts";
import { guardChanges, guardCloud, type Refusal, vmChanges } from "./guard-changes.ts";

/**
 * The same provisioner, except that it changes no VM while another Azure disk driver runs: attach,
 * detach, fence and the writes that prove something fail with `OtherDriver`. Disks are created, grown and
 * deleted, and all reads are served.
 */
export function refuseBesideOthers(cloud: CloudProvisioner, why: () => string | undefined): CloudProvisioner {
  return guardCloud(cloud, vmChanges, refusalOf(why));
}

/**
 * The same snapshots, except that none is created, tagged or deleted while another Azure disk driver runs:
 * its csi-snapshotter acts on the same VolumeSnapshotContents, under another Lease than this driver's. Asked
 * again of each snapshot that was read before a request.
 */
export function refuseSnapshotsBesideOthers(
  snapshots: SnapshotProvisioner,
  why: () => string | undefined,
): SnapshotProvisioner {
  const refusal = refusalOf(why);
  return guardChanges(
    snapshots,
    { createSnapshot: true, tagSnapshot: true, deleteSnapshot: true },
    refusal,
    <R extends { readonly objection: SnapshotObjection }>(request: R): R => ({
      ...request,
      objection: (present) => refusal() ?? request.objection(present),
    }),
  );
}

function refusalOf(why: () => string | undefined): Refusal {
  return () => {
    const detail = why();
    return detail === undefined ? undefined : { kind: "OtherDriver", detail };
  };
}
