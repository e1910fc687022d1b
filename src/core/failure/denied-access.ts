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
    case "requestdisallowedbyazure":
      return (
        "Azure restricts this subscription to certain regions, and this is none of them: no credentials or " +
        "role help; use a region that it offers, or ask Azure's support for this one"
      );
    default:
      return remedyOfSignIn(refusal);
  }
}

const SECRET =
  "az ad app credential reset --id <aadClientId>, and put its password there; no restart is needed";
const FEDERATED =
  "az identity federated-credential create with the cluster's issuer, subject " +
  "system:serviceaccount:<namespace>:<service account> and audience api://AzureADTokenExchange";

/** Microsoft Entra's codes, and ARM's of tokens, with the field at fault and what to do about it. */
const SIGN_IN: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [
    /auxiliaryTenantIDs[^]*(?:AADSTS(?:90002|900021|900023|700016|7000112)\b|endpoints_resolution_error)/u,
    "auxiliaryTenantIDs or networkResourceTenantID in azure.json names a tenant that does not know the " +
      "application: az ad sp create --id <aadClientId> there, or remove the tenant",
  ],
  [
    /AADSTS(?:90002|900021|900023)\b|InvalidAuthenticationTokenTenant/u,
    "tenantId is no tenant of this cloud, or not that of the subscription (in azure.json, or " +
      "workloadIdentity.tenantID): az account show --query tenantId",
  ],
  [
    // A private authority, whose endpoints the SDK looks up by the tenant.
    /endpoints_resolution_error/u,
    "tenantId is no tenant of the authority (activeDirectoryEndpoint in azure.json, or " +
      "AZURE_AUTHORITY_HOST), or the authority can't be reached",
  ],
  [
    /AADSTS(?:700016|7000112)\b/u,
    "aadClientId is no application of that tenant, or a disabled one (in azure.json, or " +
      "workloadIdentity.clientID): az identity show --query clientId, or az ad sp show --id <aadClientId>",
  ],
  [/AADSTS7000215\b/u, `aadClientSecret in azure.json is not the value of a secret: ${SECRET}`],
  [/AADSTS7000222\b/u, `aadClientSecret in azure.json has expired: ${SECRET}`],
  [
    /AADSTS700027\b/u,
    "the certificate of aadClientCertPath (or in the file of aadMSIDataPlaneIdentityPath) is not one of " +
      "the application's, or has expired: " +
      "az ad app credential reset --id <aadClientId> --cert @<certificate> --append",
  ],
  [
    /AADSTS(?:70021|70021[123])\b/u,
    `the federated token (AZURE_FEDERATED_TOKEN_FILE) matches no credential of the identity: ${FEDERATED}`,
  ],
  [
    /AADSTS700024\b|ExpiredAuthenticationToken/u,
    "a token is outside its time (the federated token of AZURE_FEDERATED_TOKEN_FILE, or Azure's): compare " +
      "the clock of the controller's node",
  ],
  [
    /AADSTS500011\b|InvalidAuthenticationTokenAudience/u,
    "tokenAudience, or cloud, is not that of this resource manager: correct it in azure.json, or azure.cloud",
  ],
  [
    /identity not found/iu,
    "userAssignedIdentityID in azure.json is no identity of this VM: az vm identity assign, or az vmss",
  ],
];

/** A sign-in that failed has only Entra's sentence, with its code at its beginning. */
function remedyOfSignIn({ code, message }: Refusal): string {
  const found = SIGN_IN.find(([pattern]) => pattern.test(message) || pattern.test(code));
  return found?.[1] ?? "check the credentials in azure.json, or those of the workload identity";
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
  const [, subscription] =
    /not authorized to access linked subscription '([^']+)'/iu.exec(refusal.message) ?? [];
  if (subscription !== undefined)
    return (
      `add the tenant of subscription ${subscription} to auxiliaryTenantIDs in azure.json: ` +
      `az account show --subscription ${subscription} --query tenantId`
    );
  const denied = deniedAccess(refusal);
  const missing = denied === undefined ? "what is missing" : `${denied.action} on ${denied.scope}`;
  return (
    `grant ${missing} to the driver's identity: the roles of deploy/azure have every action it needs` +
    orNoGroup(denied?.scope)
  );
}

/**
 * Azure checks access before it looks whether a scope exists. Where the role is assigned to resource groups
 * alone, a group that does not exist is refused like one without the role; any resource in a group with the
 * role is reported as missing.
 */
function orNoGroup(scope: string | undefined): string {
  const [, group] = /\/resourceGroups\/([^/]+)/iu.exec(scope ?? "") ?? [];
  return group === undefined
    ? ""
    : `; if no resource group ${quote(group)} exists, correct its name where the volume, the class or ` +
        "azure.json states it: Azure refuses access to it in the same words";
}
