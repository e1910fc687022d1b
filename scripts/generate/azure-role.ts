import { armActions, isPowerAction, isSubscriptionAction } from "../../src/provisioner/arm/arm-actions.ts";
import type { GeneratedFile } from "./generated-file.ts";

/** Where a custom role can be assigned: a placeholder for the subscriptions of the cluster. */
const ASSIGNABLE_SCOPES = ["/subscriptions/00000000-0000-0000-0000-000000000000"];

/**
 * The Azure roles with the actions of every call that the driver makes, and no other: one for the resource
 * groups, one that only reads, for the subscription, and one that a setting needs.
 */
export function azureRoles(): readonly GeneratedFile[] {
  const actions = [...new Set(Object.values(armActions).flat())].toSorted();
  return [
    roleFile("role.json", {
      name: "Azure Disk CSI Driver V2",
      description: "Manages disks and snapshots, and attaches disks to the VMs of a Kubernetes cluster",
      actions: actions.filter((action) => !isSubscriptionAction(action) && !isPowerAction(action)),
    }),
    roleFile("role-subscription.json", {
      name: "Azure Disk CSI Driver V2 Subscription",
      description: "Reads the state of operations on disks and VMs, and the sizes and quotas of a region",
      actions: actions.filter(isSubscriptionAction),
    }),
    roleFile("role-power-off.json", {
      name: "Azure Disk CSI Driver V2 Power Off",
      description: "Powers off VMs of silent nodes: for --silent-nodes power-off alone",
      actions: actions.filter(isPowerAction),
    }),
  ];
}

function roleFile(
  name: string,
  role: { readonly name: string; readonly description: string; readonly actions: readonly string[] },
): GeneratedFile {
  const definition = {
    Name: role.name,
    IsCustom: true,
    Description: role.description,
    Actions: role.actions,
    NotActions: [],
    AssignableScopes: ASSIGNABLE_SCOPES,
  };
  return { path: `deploy/azure/${name}`, content: `${JSON.stringify(definition, undefined, 2)}\n` };
}
