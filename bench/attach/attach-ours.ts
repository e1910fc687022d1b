import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import type { Result } from "../../src/core/failure/result.ts";
import type { CloudProvisioner, Lane } from "../../src/ports/cloud/cloud-provisioner.ts";

const never = new AbortController().signal;
const mayAlways = (): Promise<boolean> => Promise.resolve(true);

/** Attaches a disk with the provisioner. */
export function attach(
  provisioner: CloudProvisioner,
  wish: { readonly diskUri: string; readonly node: NodeIdentity; readonly lane?: Lane },
): Promise<Result<{ readonly lun: number }>> {
  return provisioner.attachDisk(
    { cachingMode: "None", lane: "primaryAttach", precondition: mayAlways, ...wish },
    never,
  );
}

/** Detaches a disk with the provisioner. */
export function detach(
  provisioner: CloudProvisioner,
  wish: { readonly diskUri: string; readonly node: NodeIdentity },
): Promise<Result<void>> {
  return provisioner.detachDisk({ lane: "detach", precondition: mayAlways, ...wish }, never);
}
