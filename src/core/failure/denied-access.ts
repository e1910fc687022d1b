import { quote } from "./sentence-parts.ts";

/** A refusal of Azure to let the driver do something: its code and its sentence. */
interface Refusal {
  readonly code: string;
  readonly message: string;
}

const ACTION_ON_SCOPE = /perform action '([^']+)' (?:over scope|on the linked scope\(s\)) '([^']+)'/giu;

/** What a person has to change so that Azure allows it. */
export function remedyOfDenial(refusal: Refusal): string {
  switch (refusal.code.toLowerCase()) {
    case "authorizationfailed":
    case "linkedauthorizationfailed":
      return remedyOfRole(refusal);
    case "denyassignmentauthorizationfailed":
      return (
        "a deny assignment forbids it to every client, as AKS sets one by node resource group lockdown and " +
        "on AKS Automatic: no role helps, and disks can't be attached to VMs in that group"
      );
    case "requestdisallowedbypolicy":
      return remedyOfPolicy(refusal);
    default:
      return "check the credentials in azure.json, or those of the workload identity";
  }
}

/**
 * The action that a missing role refuses, and where; undefined if the refusal has another cause. Of a linked
 * resource, Azure names first what is allowed, and then what is not.
 */
export function deniedAccess({
  code,
  message,
}: Refusal): { readonly action: string; readonly scope: string } | undefined {
  if (!/^(?:Linked)?AuthorizationFailed$/iu.test(code)) return undefined;
  const [, action, scope] = [...message.matchAll(ACTION_ON_SCOPE)].at(-1) ?? [];
  return action === undefined || scope === undefined ? undefined : { action, scope };
}

/** Azure names the resource, and the assignments of the policies, as JSON in its sentence. */
function remedyOfPolicy({ message }: Refusal): string {
  const [, resource] = /Resource '([^']+)' was disallowed/iu.exec(message) ?? [];
  const [, policy] = /"policyAssignment":\s*\{\s*"name":\s*"([^"]+)"/iu.exec(message) ?? [];
  const named = policy === undefined ? "an Azure policy" : `the Azure policy ${quote(policy)}`;
  const forbids = resource === undefined ? "forbids it" : `forbids ${quote(resource)} as it was requested`;
  return `${named} ${forbids}: change what is requested, or exempt the resource group from it`;
}

function remedyOfRole(refusal: Refusal): string {
  const denied = deniedAccess(refusal);
  const missing = denied === undefined ? "what is missing" : `${denied.action} on ${denied.scope}`;
  return `grant ${missing} to the driver's identity: the roles of deploy/azure have every action it needs`;
}
