import { armActions } from "../../src/provisioner/arm/arm-actions.ts";
import type { GeneratedFile } from "./generated-file.ts";

/** Where a custom role can be assigned: a placeholder for the subscriptions of the cluster. */
const ASSIGNABLE_SCOPES = ["/subscriptions/00000000-0000-0000-0000-000000000000"];

/** The Azure role with the actions of every call that the driver makes, and no other. */
export function azureRole(): GeneratedFile {
  const actions = [...new Set(Object.values(armActions).flat())].toSorted();
  const role = {
    Name: "Azure Disk CSI Driver V2",
    IsCustom: true,
    Description: "Manages disks and snapshots, and attaches disks to the VMs of a Kubernetes cluster",
    Actions: actions,
    NotActions: [],
    AssignableScopes: ASSIGNABLE_SCOPES,
  };
  return { path: "deploy/azure/role.json", content: `${JSON.stringify(role, undefined, 2)}\n` };
}
