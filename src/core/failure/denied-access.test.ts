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
      because: "a refused sign-in is no missing role",
      code: "InvalidAuthenticationToken",
      message: "The access token is invalid.",
      says: "check the credentials",
    },
  ];
  for (const { because, says, ...refusal } of rows)
    it(because, () => assert.ok(remedyOfDenial(refusal).startsWith(says), remedyOfDenial(refusal)));
});
