import { deniedAccess, remedyOfDenial } from "../../core/failure/denied-access.ts";
import { isPowerAction, isSubscriptionAction } from "../../provisioner/arm/arm-actions.ts";
import type { ArmError } from "../../provisioner/arm/arm-api.ts";
import type { DefaultDiskPlace } from "../../provisioner/disk/disks.ts";

/** The roles of deploy/azure: of the resource groups, of the subscription, and of one setting. */
const ROLES = {
  group: { role: "Azure Disk CSI Driver V2", file: "role.json" },
  subscription: { role: "Azure Disk CSI Driver V2 Subscription", file: "role-subscription.json" },
  powerOff: { role: "Azure Disk CSI Driver V2 Power Off", file: "role-power-off.json" },
};

/**
 * What a person runs so that Azure allows a call that it has refused with 403: the commands for the role that
 * has its action, or the remedy of another refusal.
 */
export function roleCommands(
  {
    clientId,
    place,
  }: { readonly clientId: string | undefined; readonly place: Pick<DefaultDiskPlace, "subscriptionId"> },
  failure: Pick<ArmError, "code" | "message">,
): string {
  const denied = deniedAccess(failure);
  if (denied === undefined) return remedyOfDenial(failure);
  const scope = denied.scope.split("/providers/Microsoft.Compute")[0] ?? denied.scope;
  const group = /\/resourceGroups\/[^/]+/iu.test(scope) ? scope : `/subscriptions/${place.subscriptionId}`;
  const { role, file } = roleWith(denied.action);
  const assignee = clientId ?? "<client id>";
  return (
    `az role assignment create --role "${role}" --assignee ${assignee} --scope ${group}\n` +
    `az role definition update --role-definition @${file} # where it is assigned, it lacks the action`
  );
}

function roleWith(action: string): (typeof ROLES)[keyof typeof ROLES] {
  if (isPowerAction(action)) return ROLES.powerOff;
  return isSubscriptionAction(action) ? ROLES.subscription : ROLES.group;
}
