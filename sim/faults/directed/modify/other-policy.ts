import { isSameResourceUri } from "../../../../src/core/azure/disk-uri.ts";
import type { NetworkAccessPolicy } from "../../../kubernetes/sim-cluster.ts";
import type { SimWorld } from "../../../world.ts";

/** The network access policy that a volume's disk does not have now: its user asks for that. */
export function otherPolicy({ cluster, azure }: SimWorld, volumeName: string): NetworkAccessPolicy {
  const diskUri = cluster.diskUriOf(volumeName) ?? "none";
  const disk = [...azure.model.world.disks.values()].find(({ id }) => isSameResourceUri(id, diskUri));
  return disk?.spec.networkAccessPolicy === "AllowAll" ? "DenyAll" : "AllowAll";
}

/** The policy that a user goes back to. */
export function policyBefore(asked: NetworkAccessPolicy): NetworkAccessPolicy {
  return asked === "AllowAll" ? "DenyAll" : "AllowAll";
}
