import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import { guardCloud, vmChanges } from "./guard-changes.ts";

/**
 * The same provisioner, except that it changes no VM while another Azure disk driver runs: attach,
 * detach, fence and the writes that prove something fail with `OtherDriver`. Disks are created, grown and
 * deleted, and all reads are served.
 */
export function refuseBesideOthers(cloud: CloudProvisioner, why: () => string | undefined): CloudProvisioner {
  return guardCloud(cloud, vmChanges, () => {
    const detail = why();
    return detail === undefined ? undefined : { kind: "OtherDriver", detail };
  });
}
