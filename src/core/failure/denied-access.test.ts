import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { remedyOfDenial } from "./denied-access.ts";

const DISK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1";
const VM = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-a";

describe("what helps where Azure denies access", () => {
  const rows = [
    {
      because: "a missing action is named with its scope",
      code: "AuthorizationFailed",
      message:
        "The client 'c' with object id 'o' does not have authorization to perform action " +
        `'Microsoft.Compute/disks/write' over scope '${DISK}' or the scope is invalid.`,
      says: `grant Microsoft.Compute/disks/write on ${DISK} to the driver's identity`,
    },
    {
      because: "of a linked resource, it is the action there, not the one that is allowed",
      code: "LinkedAuthorizationFailed",
      message:
        "The client 'c' with object id 'o' has permission to perform action " +
        `'Microsoft.Compute/virtualMachines/write' on scope '${VM}'; however, it does not have permission ` +
        `to perform action 'Microsoft.Compute/disks/write' on the linked scope(s) '${DISK}' or the ` +
        "linked scope(s) are invalid.",
      says: `grant Microsoft.Compute/disks/write on ${DISK} to the driver's identity`,
    },
    {
      because: "a message of another form still leads to the role",
      code: "AuthorizationFailed",
      message: "no",
      says: "grant what is missing to the driver's identity: the roles of deploy/azure",
    },
    {
      because: "no role helps against a deny assignment",
      code: "DenyAssignmentAuthorizationFailed",
      message: "denied",
      says: "a deny assignment forbids it to every client",
    },
    {
      because: "a policy is named, and what it refused",
      code: "RequestDisallowedByPolicy",
      message:
        'Resource \'pvc-1\' was disallowed by policy. Policy identifiers: \'[{"policyAssignment":{"name":' +
        '"No public disks","id":"/subscriptions/s/x"},"policyDefinition":{"name":"d","id":"i"}}]\'.',
      says: 'the Azure policy "No public disks" forbids "pvc-1" as it was requested: change',
    },
    {
      because: "a policy looks at the request",
      code: "RequestDisallowedByPolicy",
      message: "denied",
      says: "an Azure policy forbids it",
    },
    {
      because: "credentials are no help against a region that Azure does not offer to the subscription",
      code: "RequestDisallowedByAzure",
      message:
        "Resource 'pvc-1' was disallowed by Azure: This policy maintains a set of best available regions " +
        "where your subscription can deploy resources.",
      says: "Azure restricts this subscription to certain regions, and this is none of them",
    },
    ...(
      [
        ["AADSTS90002: Tenant 't' not found.", "tenantId is no tenant"],
        ["AADSTS900023: Specified tenant identifier 't' is neither", "tenantId is no tenant"],
        ["endpoints_resolution_error: See https://aka.ms/msal.js.errors", "tenantId is no tenant"],
        ["AADSTS700016: Application with identifier 'c' was not found", "aadClientId is no application"],
        ["AADSTS7000112: Application 'c' is disabled.", "aadClientId is no application"],
        ["AADSTS7000215: Invalid client secret provided.", "aadClientSecret in azure.json is not the value"],
        ["AADSTS7000222: The provided client secret keys", "aadClientSecret in azure.json has expired"],
        [
          "AADSTS700027: Client assertion failed signature validation.",
          "the certificate of aadClientCertPath",
        ],
        ["AADSTS70021: No matching federated identity record found", "the federated token"],
        ["AADSTS700213: No matching federated identity record found", "the federated token"],
        ["AADSTS700024: Client assertion is not within its valid time range.", "a token is outside its time"],
        ["AADSTS500011: The resource principal named r was not found", "tokenAudience, or cloud,"],
        ["Authentication failed. Message: Identity not found", "userAssignedIdentityID in azure.json"],
      ] as const
    ).map(([sentence, says]) => ({
      because: `names the field that Entra refuses: ${sentence}`,
      code: "AuthenticationError",
      message: `no token for Azure: ${sentence} Trace ID: 1`,
      says,
    })),
    {
      because: "a tenant whose auxiliary token is refused",
      code: "AuthenticationError",
      message: "no token for Azure: auxiliaryTenantIDs t-2: AADSTS700016: Application with identifier 'c'",
      says: "auxiliaryTenantIDs or networkResourceTenantID in azure.json names a tenant",
    },
    {
      because: "a secret that has expired, also for auxiliary tenants, which are asked first",
      code: "AuthenticationError",
      message: "no token for Azure: auxiliaryTenantIDs t-2: AADSTS7000222: The provided client secret keys",
      says: "aadClientSecret in azure.json has expired",
    },
    {
      because: "a resource of another tenant, without its token",
      code: "LinkedAuthorizationFailed",
      message:
        "The client has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope " +
        `'${VM}', however the current tenant 't-1' is not authorized to access linked subscription 's-2'.`,
      says: "add the tenant of subscription s-2 to auxiliaryTenantIDs in azure.json",
    },
    {
      because: "a token of another tenant",
      code: "InvalidAuthenticationTokenTenant",
      message: "The access token is from the wrong issuer.",
      says: "tenantId is no tenant",
    },
    {
      because: "an expired token",
      code: "ExpiredAuthenticationToken",
      message: "The access token expiry UTC time is earlier.",
      says: "a token is outside its time",
    },
    {
      because: "a refused sign-in is no missing role",
      code: "InvalidAuthenticationToken",
      message: "The access token is invalid.",
      says: "check the credentials",
    },
  ];
  for (const { because, says, ...refusal } of rows)
    it(because, () => assert.ok(remedyOfDenial(refusal).startsWith(says), remedyOfDenial(refusal)));

  for (const [because, scope, named] of [
    ["of a resource group, which may not exist", "/subscriptions/s/resourceGroups/rg-2", "rg-2"],
    ["of a resource in it", DISK, "rg"],
    ["of the subscription, which is in no group", "/subscriptions/s", undefined],
  ] as const)
    it(`says that a refused group may not exist: ${because}`, () => {
      const message = `not authorized to perform action 'Microsoft.Compute/disks/read' over scope '${scope}'`;
      const remedy = remedyOfDenial({ code: "AuthorizationFailed", message });
      assert.equal(/if no resource group "([^"]+)" exists/u.exec(remedy)?.[1], named);
    });
});
