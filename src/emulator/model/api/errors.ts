import type { Json, JsonObject } from "./json.ts";
import { ownerName, parseResourceId, withUpperCaseGroup } from "./resource/resource-id.ts";

/** A refusal of ARM or of the compute provider: an expected answer, not a bug. */
export interface ArmFailure {
  readonly kind: "Failure";
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly target?: string;
  readonly details?: readonly Json[];
  readonly innerError?: JsonObject;
  readonly additionalInfo?: readonly Json[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The refusing component, if that is ARM's front door: recorded answers of the provider do not say it. */
  readonly cause?: "gateway";
}

type Extra = Partial<
  Pick<ArmFailure, "target" | "details" | "innerError" | "additionalInfo" | "headers" | "cause">
>;

export function failure(status: number, code: string, message: string, extra: Extra = {}): ArmFailure {
  return { kind: "Failure", status, code, message, ...extra };
}

/** `{"error":{…}}` without the members that are absent. */
export function errorBody(refused: ArmFailure): JsonObject {
  return { error: errorObject(refused) };
}

export function errorObject(refused: ArmFailure): JsonObject {
  return {
    code: refused.code,
    message: refused.message,
    target: refused.target,
    details: refused.details,
    innererror: refused.innerError,
    additionalInfo: refused.additionalInfo,
  };
}

function gatewayRefusal(status: number) {
  return (code: string, message: string, extra?: Extra): ArmFailure =>
    failure(status, code, message, { ...extra, cause: "gateway" });
}

/** Refusals of ARM's front door. */
const gateway = {
  badRequest: gatewayRefusal(400),
  forbidden: gatewayRefusal(403),
  notFound: gatewayRefusal(404),
  notAllowed: gatewayRefusal(405),
  conflict: gatewayRefusal(409),
  tooLarge: gatewayRefusal(413),
  unsupported: gatewayRefusal(415),
  throttled: gatewayRefusal(429),
};

function refusal(status: number, code: string) {
  return (message: string, extra?: Extra): ArmFailure => failure(status, code, message, extra);
}

const badRequest = refusal(400, "BadRequest");
const notFound = refusal(404, "NotFound");
const conflict = refusal(409, "Conflict");
const conflictingInput = refusal(409, "ConflictingUserInput");
const notAllowed = refusal(409, "OperationNotAllowed");

function invalidParameter(target: string, message: string): ArmFailure {
  return failure(400, "InvalidParameter", message, { target });
}

/** An action on a resource, a group or a subscription. */
export interface Access {
  readonly action: string;
  readonly scope: string;
}

const DENY_ASSIGNMENT = "Deny assignment of the emulator";
const POLICY_ID = "00000000000000000000000000000002";
const DENY_ASSIGNMENT_ID = "00000000000000000000000000000001";

/**
 * The one table of errors. Clients match codes and, where a code is shared, pieces of these texts
 * ("attached to a VM of this size is", "existing disk", "Cannot resize disk"), so the texts are the real
 * service's.
 */
export const armErrors = {
  missingApiVersion: () =>
    gateway.badRequest(
      "MissingApiVersionParameter",
      "The api-version query parameter (?api-version=) is required for all requests.",
    ),
  invalidApiVersion: (version: string) =>
    gateway.badRequest(
      "InvalidApiVersionParameter",
      `The api-version '${version}' is invalid. The supported versions are of the form 'YYYY-MM-DD' or ` +
        "'YYYY-MM-DD-preview', from '2014-04-01-preview' on.",
    ),
  noRegisteredProvider: (version: string, supported: readonly string[]) =>
    gateway.badRequest(
      "NoRegisteredProviderFound",
      `No registered resource provider found for API version '${version}' for Microsoft.Compute. The ` +
        `supported api-versions are '${supported.join(", ")}'.`,
    ),
  invalidRequestContent: (detail: string) =>
    gateway.badRequest(
      "InvalidRequestContent",
      `The request content was invalid and could not be deserialized: '${detail}'.`,
    ),
  /** Unlike other messages of its code, it has no second quotes. */
  skuWithoutName: () =>
    gateway.badRequest(
      "InvalidRequestContent",
      "The request content was invalid and could not be deserialized: " +
        "Required property 'name' not found in 'sku'.",
    ),
  /** Recorded of disks (ansible#53788). */
  multipleZones: (type: string, zones: readonly string[]) =>
    gateway.badRequest(
      "ResourceTypeNotSupportMultiZones",
      `The resource type '${type}' does not support multiple availability zones. The provided zones are ` +
        `'${zones.join(",")}'. Please provide a single availability zone.`,
    ),
  invalidResourceGroup: (name: string, invalid: string) =>
    gateway.badRequest(
      "InvalidResourceGroup",
      `The provided resource group name '${name}' has these invalid characters: '${invalid}'. The name can ` +
        "only be a letter, digit, '-', '.', '(', ')' or '_'. For more details, visit " +
        "https://aka.ms/ResourceGroupNamingRestrictions .",
    ),
  /** Inferred: the words. */
  groupNameTooLong: (name: string, most: number) =>
    gateway.badRequest(
      "InvalidResourceGroup",
      `The provided resource group name '${name}' has ${name.length} characters. It can have ${most}.`,
    ),
  /** Inferred: the words are those for other resources. */
  groupNameEndsWithPeriod: (name: string) =>
    gateway.badRequest(
      "InvalidResourceGroup",
      `The provided resource group name '${name}' has these invalid trailing characters: '.'. The name can ` +
        "not end with characters: '.'.",
    ),
  requestTooLarge: (maxMiB: number) =>
    gateway.tooLarge(
      "RequestContentTooLarge",
      `The request content size exceeds the maximum size of ${maxMiB} MB.`,
    ),
  unsupportedMediaType: (mediaType: string) =>
    gateway.unsupported(
      "UnsupportedMediaType",
      `The content media type '${mediaType}' is not supported. Only 'application/json' is supported.`,
    ),
  tooManyTags: (count: number, most: number) =>
    gateway.badRequest(
      "InvalidTags",
      `Too many tags specified. Requested tag count - '${count}'. Maximum number of tags allowed - ` +
        `'${most}'.`,
    ),
  emptyTagName: () =>
    gateway.badRequest(
      "InvalidTagName",
      "The tag name must be non-null, non-empty and non-whitespace only. Please provide an actual value.",
    ),
  reservedInTagNames: (names: readonly string[]) =>
    gateway.badRequest(
      "InvalidTagNameCharacters",
      `The tag names '${names.join(", ")}' have reserved characters '<,>,%,&,\\,?,/' or control characters.`,
    ),
  tagNameTooLong: (name: string, most: number) =>
    gateway.badRequest(
      "InvalidTagName",
      `Tag key too large. Following tag name '${name}' exceeded the maximum length. Maximum allowed length ` +
        `for tag name - '${most}' characters.`,
    ),
  tagValueTooLong: (value: string, most: number) =>
    gateway.badRequest(
      "InvalidTagValueLength",
      `Tag value too large. Following tag value '${value}' exceeded the maximum length. Maximum allowed ` +
        `length for tag value - '${most}' characters.`,
    ),
  resourceInOtherLocation: (
    existing: { readonly name: string; readonly resourceGroup: string; readonly location: string },
    location: string,
  ) =>
    gateway.conflict(
      "InvalidResourceLocation",
      `The resource '${existing.name}' already exists in location '${existing.location}' in resource group ` +
        `'${existing.resourceGroup}'. A resource with the same name cannot be created in location ` +
        `'${location}'. Please select a new resource name.`,
    ),
  groupInOtherLocation: (present: string, location: string) =>
    gateway.conflict(
      "InvalidResourceGroupLocation",
      `Invalid resource group location '${location}'. The Resource group already exists in location ` +
        `'${present}'.`,
    ),
  notAuthorized: (caller: string, action: string, scope: string) =>
    gateway.forbidden(
      "AuthorizationFailed",
      `The client '${caller}' with object id '${caller}' does not have authorization to perform action ` +
        `'${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please ` +
        "refresh your credentials.",
    ),
  linkedNotAuthorized: (caller: string, own: Access, missing: Access) =>
    gateway.forbidden(
      "LinkedAuthorizationFailed",
      `The client '${caller}' with object id '${caller}' has permission to perform action '${own.action}' ` +
        `on scope '${own.scope}'; however, it does not have permission to perform action ` +
        `'${missing.action}' on the linked scope(s) '${missing.scope}' or the linked scope(s) are invalid.`,
    ),
  linkedTenantNotAuthorized: (own: Access, tenant: string, subscriptionId: string) =>
    gateway.forbidden(
      "LinkedAuthorizationFailed",
      `The client has permission to perform action '${own.action}' on scope '${own.scope}', however the ` +
        `current tenant '${tenant}' is not authorized to access linked subscription '${subscriptionId}'.`,
    ),
  deniedByAssignment: (caller: string, action: string, scope: string) =>
    gateway.forbidden(
      "DenyAssignmentAuthorizationFailed",
      `The client '${caller}' with object id '${caller}' has permission to perform action '${action}' on ` +
        `scope '${scope}'; however, the access is denied because of the deny assignment with name ` +
        `'${DENY_ASSIGNMENT}' and Id '${DENY_ASSIGNMENT_ID}' at scope '${scope}'.`,
    ),
  disallowedByPolicy: (violation: {
    resourceName: string;
    subscriptionPath: string;
    policyName: string;
    property: string;
    value: Json;
    forbidden: Json;
  }) => {
    const { resourceName, subscriptionPath, policyName } = violation;
    const authorization = `${subscriptionPath}/providers/Microsoft.Authorization`;
    const assignment = { name: policyName, id: `${authorization}/policyAssignments/${POLICY_ID}` };
    const definition = { name: policyName, id: `${authorization}/policyDefinitions/${POLICY_ID}` };
    const evaluated = {
      result: "True",
      expressionKind: "Field",
      expression: violation.property,
      path: violation.property,
      expressionValue: violation.value,
      targetValue: violation.forbidden,
      operator: "Equals",
    };
    const info = {
      policyDefinitionDisplayName: policyName,
      evaluationDetails: { evaluatedExpressions: [evaluated] },
      policyDefinitionId: definition.id,
      policyDefinitionName: POLICY_ID,
      policyDefinitionEffect: "Deny",
      policyAssignmentId: assignment.id,
      policyAssignmentName: POLICY_ID,
      policyAssignmentDisplayName: policyName,
      policyAssignmentScope: subscriptionPath,
      policyAssignmentParameters: {},
    };
    const identifiers = JSON.stringify([{ policyAssignment: assignment, policyDefinition: definition }]);
    return gateway.forbidden(
      "RequestDisallowedByPolicy",
      `Resource '${resourceName}' was disallowed by policy. Policy identifiers: '${identifiers}'.`,
      { target: resourceName, additionalInfo: [{ type: "PolicyViolation", info }] },
    );
  },
  /** The text is that of azure-cli#2759. */
  invalidResourceType: (namespace: string, version: string) =>
    gateway.notFound(
      "InvalidResourceType",
      `The resource type could not be found in the namespace '${namespace}' for api version '${version}'.`,
    ),
  /** Outside of all providers. */
  noSuchRoute: (path: string) =>
    gateway.notFound("InvalidResourceType", `The emulator has nothing at '${path}'.`),
  methodNotAllowed: (method: string, path: string) =>
    gateway.notAllowed("MethodNotAllowed", `The method '${method}' is not allowed at '${path}'.`),
  subscriptionNotFound: (id: string) =>
    gateway.notFound("SubscriptionNotFound", `The subscription '${id}' could not be found.`),
  invalidSubscriptionId: (id: string) =>
    gateway.badRequest(
      "InvalidSubscriptionId",
      `The provided subscription identifier '${id}' is malformed or invalid.`,
    ),
  /** Learn quotes it for galleries (Troubleshoot problems with shared images). */
  locationNotAvailable: (location: string, type: string, regions: readonly string[]) =>
    gateway.badRequest(
      "LocationNotAvailableForResourceType",
      `The provided location '${location}' is not available for resource type '${type}'. List of available ` +
        `regions for the resource type is '${regions.join(",")}'.`,
    ),
  groupLocationNotAvailable: (location: string, regions: readonly string[]) =>
    gateway.badRequest(
      "LocationNotAvailableForResourceGroup",
      `The provided location '${location}' is not available for resource group. List of available regions ` +
        `is '${regions.join(",")}'.`,
    ),
  /** Of a path with a region, such as that of its VM sizes. */
  noProviderInLocation: (
    location: string,
    asked: {
      readonly type: string;
      readonly version: string;
      readonly versions: readonly string[];
      readonly regions: readonly string[];
    },
  ) =>
    gateway.badRequest(
      "NoRegisteredProviderFound",
      `No registered resource provider found for location '${location}' and API version '${asked.version}' ` +
        `for type '${asked.type}'. The supported api-versions are '${asked.versions.join(", ")}'. The ` +
        `supported locations are '${asked.regions.join(", ")}'.`,
    ),
  resourceGroupNotFound: (name: string) =>
    gateway.notFound("ResourceGroupNotFound", `Resource group '${name}' could not be found.`),
  groupBeingDeleted: (name: string) =>
    gateway.conflict(
      "ResourceGroupBeingDeleted",
      `The resource group '${name}' is in deprovisioning state and cannot perform this operation.`,
    ),
  /** Recorded of networks, by Go's client of 2018. */
  groupDeletionBlocked: (
    name: string,
    trackingId: string,
    refused: readonly { id: string; type: string; name: string; failure: ArmFailure }[],
  ) =>
    gateway.conflict(
      "ResourceGroupDeletionBlocked",
      `Deletion of resource group '${name}' failed as resources with identifiers ` +
        `'${refused.map((each) => `Microsoft.Compute/${each.type}/${each.name}`).join(",")}' could not be ` +
        "deleted. The provisioning state of the resource group will be rolled back. The tracking Id is " +
        `'${trackingId}'. Please check audit logs for more details.`,
      {
        details: refused.map(({ id, failure: reason }) => ({
          code: null,
          target: id,
          message: JSON.stringify(errorBody(reason)),
        })),
      },
    ),
  /** The words are those for lists of instances; of other lists they are not published. */
  invalidFilter: (filter: string, allowed: readonly string[]) =>
    invalidParameter(
      "$filter",
      `The value '${filter}' of parameter '$filter' is not allowed. Allowed values are ` +
        `'${allowed.join(", ")}'.`,
    ),
  invalidListFilter: (filter: string) =>
    gateway.badRequest(
      "InvalidFilterInQueryString",
      `Invalid $filter '${filter}' specified in the query string.`,
    ),
  /** Inferred from the code for filters, and from services that are built like Resource Manager. */
  invalidTop: () => gateway.badRequest("InvalidTopInQueryString", "Top value must be positive integer."),
  expandWithoutFilter: () =>
    badRequest(
      "Expand Instance View is only supported when Virtual Machine Scale Set resource filter is applied",
    ),
  resourceNotFound: (type: string, name: string, resourceGroup: string) =>
    gateway.notFound(
      "ResourceNotFound",
      `The Resource 'Microsoft.Compute/${type}/${name}' under resource group '${resourceGroup}' was not ` +
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    ),
  parentResourceNotFound: (type: string, parentId: string) =>
    gateway.notFound(
      "ParentResourceNotFound",
      `Failed to perform 'read' on resource(s) of type '${type}', because the parent resource ` +
        `'${parentId}' could not be found.`,
    ),
  instanceIdNoNumber: () =>
    invalidParameter("instanceId", "Virtual Machine Scale Set VM instanceId must be a number."),
  instanceNotActive: (instanceId: string) =>
    invalidParameter(
      "instanceIds",
      `The provided instanceId ${instanceId} is not an active Virtual Machine Scale Set VM instanceId.`,
    ),
  patchResourceNotFound: (id: string, name: string) =>
    gateway.notFound(
      "PatchResourceNotFound",
      `The resource '${id}' was not found when evaluating policies for a PATCH operation.`,
      { target: name },
    ),
  operationNotFound: (id: string) => notFound(`The operation '${id}' was not found in this Azure location.`),
  preconditionFailed: (ifMatch: string, etag: string) =>
    failure(
      412,
      "PreconditionFailed",
      `Etag provided in if-match header "${ifMatch.replaceAll('"', "")}" does not match etag ${etag} of ` +
        "resource.",
    ),
  resourceExists: (name: string) =>
    failure(
      412,
      "PreconditionFailed",
      `The resource '${name}' already exists, which the If-None-Match header of the request rules out.`,
    ),
  conflict: () =>
    conflict(
      "The request failed due to conflict with a concurrent request. To resolve it, please refer to " +
        "https://aka.ms/activitylog to get more details on the conflicting requests.",
    ),
  /** Learn, Hibernation for Azure virtual machines, has the rule. Inferred: the code and the words. */
  hibernatedDisks: (vmName: string) =>
    notAllowed(
      `Disks of VM '${vmName}' can't be attached or detached while it is hibernated. Start the VM, or ` +
        "stop (deallocate) it.",
    ),
  ephemeralDeallocated: () =>
    notAllowed(
      "Operation 'deallocate' is not supported for VMs or VM Scale Set instances using an ephemeral OS disk.",
    ),
  operationInProgress: (operation: string, vmName: string) =>
    notAllowed(
      `Operation '${operation}' is not allowed on VM '${vmName}' since another operation is in progress.`,
    ),
  runCommandInProgress: () =>
    conflict(
      "Run command extension execution is in progress. Please wait for completion before invoking a run " +
        "command.",
    ),
  extensionsOfStoppedVm: () => notAllowed("Cannot modify extensions in the VM when the VM is not running."),
  agentSilent: (vmName: string) =>
    failure(
      200,
      "VMAgentStatusCommunicationError",
      `VM '${vmName}' has not reported status for VM agent or extensions. Verify that the OS is up and ` +
        "healthy, the VM has a running VM agent, and that it can establish outbound connections to Azure " +
        "storage. Please refer to https://aka.ms/vmextensionlinuxtroubleshoot for additional VM agent " +
        "troubleshooting information.",
    ),
  /** Azure's own text is not published. */
  hibernatesFlexibleOnly: (scaleSet: string) =>
    invalidParameter(
      "hibernate",
      `Parameter 'hibernate' is not allowed for scale set '${scaleSet}': only scale sets with ` +
        "orchestration mode Flexible hibernate.",
    ),
  powerChanging: (operation: string, vmName: string, power: string) =>
    notAllowed(
      `An ongoing operation is changing power state of Virtual Machine ${vmName} to ${power}. Please ` +
        `perform operation ${operation} after some time.`,
    ),
  vmMarkedForDeletion: (operation: string, vmName: string) =>
    notAllowed(
      `Operation '${operation}' is not allowed on VM '${vmName}' since the VM is marked for deletion. ` +
        "You can only retry the Delete operation (or wait for an ongoing one to complete).",
    ),
  rollingUpgradeInProgress: (operation: string, scaleSet: string) =>
    notAllowed(
      `Operation '${operation}' is not allowed on Virtual Machine Scale Set '${scaleSet}' since a Rolling ` +
        "Upgrade is in progress. Please wait for it to complete, or cancel it, and try again.",
    ),
  noRollingUpgradeToCancel: () => notAllowed("There is no ongoing Rolling Upgrade to cancel."),
  noRollingUpgrade: () => notFound("The entity was not found in this Azure location."),
  rollingUpgradeWithoutHealth: () =>
    invalidParameter(
      "upgradePolicy",
      "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health probe or " +
        "health extension was not provided.",
    ),
  rollingUpgradeOfFlexibleSet: () =>
    invalidParameter(
      "upgradePolicy",
      "Rolling Upgrade mode is not supported for Virtual Machine Scale Sets with Flexible orchestration.",
    ),
  unhealthyBeforeRollingUpgrade: (percent: number, max: number) =>
    failure(
      200,
      "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
      "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the " +
        `RollingUpgradePolicy) before any batch was attempted. ${Math.round(percent)}% of instances are in ` +
        `an unhealthy state, more than the threshold of ${max}% configured in the RollingUpgradePolicy. ` +
        "The most impactful error is: Instance found to be unhealthy or unreachable.",
    ),
  unhealthyInRollingUpgrade: (percent: number, max: number) =>
    failure(
      200,
      "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
      "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the " +
        `RollingUpgradePolicy. ${Math.round(percent)}% of instances are in an unhealthy state after being ` +
        `upgraded - more than the threshold of ${max}% configured in the RollingUpgradePolicy. The most ` +
        "impactful error is: Instance found to be unhealthy or unreachable.",
    ),
  unhealthyUpgraded: (percent: number, max: number, instanceId: string) =>
    failure(
      200,
      "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
      "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in the " +
        `RollingUpgradePolicy. ${Math.round(percent)}% of instances are in an unhealthy state after being ` +
        `upgraded - more than the threshold of ${max}%. The most impactful error is: Instance found to be ` +
        `unhealthy or unreachable. First failed instance ID is: ${instanceId}.`,
    ),
  operationPreempted: () =>
    failure(200, "OperationPreempted", "Operation execution has been preempted by a more recent operation."),
  dataDisksForceDetached: () =>
    failure(
      200,
      "DataDisksForceDetached",
      "Operation execution has been preempted because data disks of this operation were force detached " +
        "by a more recent operation.",
    ),
  internalError: (detail: string) =>
    failure(500, "InternalExecutionError", `An internal execution error occurred: ${detail}`),

  diskNotFound: (name: string) => notFound(`Disk ${name} is not found.`, { target: "diskId" }),
  /** In Azure/azure-cli-extensions#5869, also of a source in another region. */
  sourceNotFound: (id: string) => notFound(`Resource ${parseResourceId(id)?.name ?? id} is not found.`),
  /** In kubernetes-sigs/azuredisk-csi-driver#571. */
  sourceInOtherZone: (name: string, sourceId: string) =>
    invalidParameter(
      "sourceResourceId",
      `The resource '${name}' in an availability zone cannot be copied from the source '${sourceId}' in a ` +
        "different availability zone.",
    ),
  /** In kubernetes-sigs/azuredisk-csi-driver#2450, up to "of the sourc"; the rest is inferred. */
  sourceInOtherEdgeZone: (target: string, source: string) =>
    invalidParameter(
      "extendedLocation",
      `The ExtendedLocation '${target}' of the target resource does not match the ExtendedLocation ` +
        `'${source}' of the source resource.`,
    ),
  /** In vmware-tanzu/velero#6650. */
  snapshotsNeedVersion: (version: string) =>
    badRequest(`Minimum api-version of ${version} required to create snapshots on ultra or premiumV2 disks.`),
  diskExists: (name: string, resourceGroup: string, diskId: string) =>
    conflictingInput(
      `Disk ${name} already exists in resource group ${resourceGroup.toUpperCase()}. Only ` +
        "CreateOption.Attach is supported.",
      { target: diskId },
    ),
  diskOwned: (diskId: string, vmId: string) =>
    conflictingInput(
      `Disk '${diskId}' cannot be attached as the disk is already owned by VM '${ownerName(vmId)}'.`,
      { target: "diskId" },
    ),
  diskAttachedElsewhere: (diskName: string, vmId: string, otherVmId: string) =>
    conflictingInput(
      `Cannot attach the disk ${diskName} to VM ${ownerName(vmId)} because it is already attached to VM ` +
        `${ownerName(otherVmId)}. A disk can be attached to only one VM at a time.`,
      { target: "diskId" },
    ),
  maxSharesReached: (diskName: string, vmId: string, maxShares: number) =>
    conflictingInput(
      `Cannot attach the disk ${diskName} to VM ${ownerName(vmId)} because it is already attached to ` +
        `${maxShares} VMs, the limit that its maxShares sets.`,
      { target: "diskId" },
    ),
  attachWhileBeingDetached: (diskName: string, vmName: string) =>
    failure(
      409,
      "AttachDiskWhileBeingDetached",
      `Cannot attach data disk '${diskName}' to VM '${vmName}' because the disk is currently being ` +
        "detached or the last detach operation failed. Please wait until the disk is completely detached " +
        "and then try again or delete/detach the disk explicitly again.",
    ),
  tooManyDataDisks: (dataDisksMax: number) =>
    notAllowed(
      `The maximum number of data disks allowed to be attached to a VM of this size is ${dataDisksMax}.`,
      { target: "dataDisks" },
    ),
  lunOutOfRange: (lun: string) =>
    invalidParameter(
      "dataDisk.lun",
      `The value '${lun}' of parameter 'dataDisk.lun' is out of range. Value '${lun}' must be between ` +
        "'0' and '63' inclusive.",
    ),
  lunMissing: () => invalidParameter("dataDisk.lun", "Required parameter 'dataDisk.lun' is missing (null)."),
  duplicateLun: (lun: number) => invalidParameter("dataDisk.lun", `A disk at LUN ${lun} already exists.`),
  duplicateDiskName: (name: string) =>
    invalidParameter("dataDisk.name", `A disk named '${name}' already exists.`),
  emptyWithManagedDisk: () =>
    failure(
      400,
      "InvalidParameterConflictingProperties",
      "The property 'dataDisk.createOption' cannot have the value 'Empty' when property " +
        "'dataDisk.managedDisk.id' is set.",
      { target: "dataDisk.createOption" },
    ),
  otherSubscription: (subscription: string, diskSubscription: string) =>
    invalidParameter(
      "dataDisk.managedDisk.id",
      `Subscription ${subscription} of the request must match the subscription ${diskSubscription} ` +
        "contained in the managed disk id.",
    ),
  /** A PUT that only an existing VM accepts. */
  missingForNewVm: (property: string) =>
    invalidParameter(property, `Required parameter '${property}' is missing (null).`),
  /** Recorded in 2016 (TestVirtualMachineUpdateWithoutNic of Azure PowerShell). */
  noInterfaceLeft: (vmName: string) =>
    failure(
      400,
      "VirtualMachineMustHaveAtLeastOneNetworkInterface",
      `Virtual machine ${vmName} must have at least one network interface.`,
      { details: [] },
    ),
  /** A VM that is made of a disk with a system on it is set up already. */
  osProfileNotAllowed: () => invalidParameter("osProfile", "Parameter 'osProfile' is not allowed."),
  /** A member of a body that the provider of VMs does not know, or not in that API version. */
  unknownMember: (
    member: string,
    type: string,
    { root, path, position }: { root: string; path: string; position: number },
  ) =>
    badRequest(
      `Could not find member '${member}' on object of type '${type}'. ` +
        `Path '${path}', line 1, position ${position}.`,
      { target: `${root}.${path}` },
    ),
  /** A value of a body that is none of the type which the provider of VMs reads. */
  notConvertible: (found: { root: string; problem: string; path: string; position: number }) =>
    badRequest(`${found.problem} Path '${found.path}', line 1, position ${found.position}.`, {
      target: `${found.root}.${found.path}`,
    }),
  invalidName: (parameter: string) =>
    invalidParameter(parameter, `The value of parameter ${parameter} is invalid.`),
  nameBreaksRule: (parameter: string) =>
    invalidParameter(
      parameter,
      `The entity name '${parameter}' is invalid according to its validation rule: ` +
        "^[^_\\W][\\w-._]{0,79}(?<![-.])$.",
    ),
  invalidParameter,
  /** Inferred: the words of both. */
  nothingToAttachOrDetach: () =>
    invalidParameter(
      "dataDisksToAttach",
      "At least one of the parameters 'dataDisksToAttach' and 'dataDisksToDetach' must have an element.",
    ),
  attachedAndDetached: (diskId: string) =>
    invalidParameter(
      "dataDisksToDetach",
      `Disk '${diskId}' can't be both in 'dataDisksToAttach' and in 'dataDisksToDetach'.`,
    ),
  /** Inferred: the words. */
  notOneOf: (parameter: string, value: string, choices: readonly string[]) =>
    invalidParameter(
      parameter,
      `The value '${value}' of parameter '${parameter}' is not one of ${choices.join(", ")}.`,
    ),
  /** Resource Manager demands it of each PUT of a resource that has a location, also of one that exists. */
  locationRequired: () =>
    gateway.badRequest("LocationRequired", "The location property is required for this definition."),
  badRequest,
  /** In hashicorp/terraform-provider-azurerm#13584. */
  invalidShares: (diskName: string, sizeGiB: number, maxShares: number) =>
    badRequest(
      `MaxShares '${maxShares}' for disk '${diskName}' of size '${sizeGiB}' GB is invalid. Please refer to ` +
        "https://docs.microsoft.com/azure/virtual-machines/windows/disks-shared-enable#disk-sizes",
    ),
  changeNotAllowed: (property: string) =>
    failure(409, "PropertyChangeNotAllowed", `Changing property '${property}' is not allowed.`, {
      target: property,
    }),
  changeNotAllowedForDisk: (property: string, diskName: string) =>
    failure(
      409,
      "PropertyChangeNotAllowed",
      `Changing property '${property}' is not allowed for existing disk '${diskName}'.`,
      { target: property },
    ),
  /** Recorded: first this one, and once the VM is deallocated the next. */
  resizeWhileRunning: () =>
    conflict("Disk resizing is allowed only when creating a VM or when the VM is deallocated.", {
      target: "disk.diskSizeGB",
    }),
  resizeThroughVm: (vmName: string, diskId: string) =>
    failure(
      400,
      "ResizeDiskError",
      `Managed disk resize via Virtual Machine '${vmName}' is not allowed. Please resize disk resource at ` +
        `${diskId}.`,
      { target: "disk.diskSizeGB" },
    ),
  skuChangeThroughVm: (vmName: string, diskId: string) =>
    notAllowed(
      `Managed disk storage account type change through Virtual Machine '${vmName}' is not allowed. Please ` +
        `update disk resource at ${diskId}.`,
      { target: "dataDisk.managedDisk.storageAccountType" },
    ),
  /**
   * In words that users have reported (jenkins-infra/azure#1406 of 2026; of a disk in no zone
   * jrudlin/Azure#7 of 2023). Inferred: the same of a VM in no zone.
   */
  zoneMismatch: (diskId: string, vmZone: string, diskZone: string) =>
    badRequest(
      `Disk ${withUpperCaseGroup(diskId)} cannot be attached to the VM because it is not in ` +
        (diskZone === ""
          ? `zone '${vmZone}'.`
          : `the same zone as the VM. VM zone: '${vmZone}'. Disk zone: '${diskZone}'.`),
    ),
  /** Reported in 2021 (hashicorp/terraform-provider-azurerm#11992). */
  zonalDiskInSet: (diskId: string, vmName: string) =>
    badRequest(
      `Zonal Disk '${withUpperCaseGroup(diskId)}' cannot be attached to resource '${vmName}' because the ` +
        "resource belongs to an Availability Set and this feature is not supported.",
    ),
  /** Inferred, from the refusal of a disk in another zone. */
  edgeZoneMismatch: (diskName: string, vmPlace: string, diskPlace: string) =>
    badRequest(
      `Disk ${diskName} cannot be attached to the VM because it is not in the same extended location as ` +
        `the VM. VM extended location: '${vmPlace}'. Disk extended location: '${diskPlace}'.`,
    ),
  locationMismatch: (diskName: string, vmLocation: string, diskLocation: string) =>
    conflict(
      `Disk ${diskName} cannot be attached to the VM because it is not in the same location as the VM. ` +
        `VM location: '${vmLocation}'. Disk location: '${diskLocation}'.`,
    ),
  ultraNotEnabled: (sku: string) =>
    invalidParameter(
      "managedDisk.storageAccountType",
      `StorageAccountType ${sku} can be used only when additionalCapabilities.ultraSSDEnabled is set.`,
    ),
  premiumNotSupported: (sku: string, vmSize: string, diskName: string) =>
    invalidParameter(
      "dataDisk.managedDisk.storageAccountType",
      `Requested operation cannot be performed because the VM size ${vmSize} does not support the ` +
        `storage account type ${sku} of disk '${diskName}'. Consider updating the VM to a size that ` +
        "supports Premium storage.",
    ),
  skuCached: (sku: string, caching: string) =>
    invalidParameter(
      "dataDisk.caching",
      `Storage Account type ${sku} is not supported with caching type ${caching}. Please use caching ` +
        "type None.",
    ),
  sharedDiskCached: (diskName: string, maxShares: number) =>
    badRequest(
      `Shared disk '${diskName}' with maxShares ${maxShares} supports only Disk CachingType 'None'.`,
    ),
  controllerNotSupported: (vmSize: string, controllerType: string) =>
    invalidParameter(
      "vmSize",
      `The VM size '${vmSize}' cannot boot with DiskControllerType '${controllerType}'. Please query sku ` +
        "api at https://aka.ms/azure-compute-skus to determine supported disk controller types for the VM size.",
    ),
  placementWhileRunning: (vmName: string) =>
    notAllowed(
      `Updating proximity placement group of VM ${vmName} is not allowed while the VM is running. Please ` +
        "stop/deallocate the VM and retry the operation.",
    ),
  billingWhileAllocated: (vmName: string) =>
    notAllowed(
      "Billing Profile change is not allowed. For more information, see " +
        "https://aka.ms/low-priority/errormessages.",
      {
        details: [
          {
            code: "OperationNotAllowed",
            message:
              `Billing Profile change is not allowed when the VM '${vmName}' is currently allocated. ` +
              "Please deallocate and try again. For more information, see " +
              "https://aka.ms/low-priority/errormessages.",
            target: vmName,
          },
        ],
      },
    ),
  /** Recorded of `additionalCapabilities.ultraSSDEnabled`. */
  onlyWhenDeallocated: (property: string) =>
    notAllowed(`'${property}' can be updated only when VM is in deallocated state.`, { target: property }),
  zonalDiskOnly: (sku: string) =>
    badRequest(`Disks of type ${sku} can only be attached to VMs in an availability zone.`),
  /** Learn, Download a VHD: the text. Inferred: the code, and the same text of a snapshot. */
  sasActive: (kind: "disk" | "snapshot", name: string) =>
    notAllowed(`There is an active shared access signature outstanding for ${kind} ${name}.`),
  /** Learn, Troubleshoot disk resize blocked by an active SAS URI. */
  resizeWhileSas: (diskName: string) =>
    notAllowed(`The disk ${diskName} has an active SAS URI. Retry after the SAS URI expires or revoke it.`, {
      innerError: { internalErrorCode: "ChangeDiskSizeWhileActiveSasNotAllowed" },
    }),
  /** Seen in issue 5994 of AzureStorageExplorer. */
  accessWhileAttached: (diskName: string, vmId: string) =>
    conflict(`Access not permitted because disk ${diskName} is currently attached to running VM ${vmId}.`),
  /** Seen in issue 3523 of AzureStorageExplorer. */
  uploadSize: (bytes: number, footerBytes: number) =>
    badRequest(
      `The upload size in bytes ${bytes} - ${footerBytes} bytes for the VHD footer ` +
        `(${bytes - footerBytes} in this case) must be a multiple of MiB.`,
    ),
  notUploaded: (diskName: string) =>
    notAllowed(
      `The disk ${diskName} has been created for an upload, which must be ended by revoking the access ` +
        "to it first.",
    ),

  sourceIncomplete: (name: string) =>
    notAllowed(`The source ${name} can't be copied or restored yet: its background copy is not complete.`, {
      target: "sourceResourceId",
    }),
  /** Inferred: code and words. */
  notDownloadable: (name: string) =>
    notAllowed(
      `Access to the bytes of snapshot ${name} can't be granted until its background copy is complete.`,
    ),
  copyPending: (name: string) =>
    notAllowed(
      `The snapshot ${name} can't be copied yet: another snapshot of the same disk is being copied.`,
      { target: "sourceResourceId" },
    ),
  /** Code and text are Azure's; the status is inferred. */
  snapshotLimitReached: () =>
    failure(
      409,
      "SnapshotLimitReached",
      "The snapshot count was exceeded for a disk. Please delete a snapshot before creating another one.",
    ),
  /** Inferred: no source has the message. */
  tooManySnapshots: (limit: string) => notAllowed(`The snapshot can't be made: ${limit}.`),
  /** Inferred: code and words. */
  tooManyCopies: (name: string, limit: string) =>
    notAllowed(`${name} can't be copied now: ${limit}.`, { target: "sourceResourceId" }),
  /** Inferred: code and words. */
  tooManyAccesses: (name: string, most: number) =>
    notAllowed(
      `Access to snapshot ${name} can't be granted: ${most} other snapshots of its family have an active ` +
        "shared access signature.",
    ),
  /** Inferred: code and words. */
  encryptionKept: (name: string) =>
    notAllowed(
      `The encryption of ${name} can't be changed while a background copy from it or to it is under way, ` +
        "or while it has a snapshot with instant access.",
    ),
  availabilitySetInUse: (name: string, vmIds: readonly string[]) =>
    notAllowed(`Availability set ${name} can't be deleted: it has the VMs ${vmIds.join(", ")}.`),

  diskAccessWithoutPolicy: () =>
    conflictingInput("Disk Access is only supported for disks with NetworkAccessPolicy AllowPrivate"),
  /** Inferred: code and words. That such a disk can't be exported is Azure's description of the policy. */
  exportDenied: (name: string) =>
    notAllowed(`Access to ${name} can't be granted: its network access policy is 'DenyAll'.`),
  /** A disk names an encryption set or disk access that does not exist. */
  linkedResourceNotFound: (name: string) => notFound(`Resource ${name} is not found.`),
  /** Inferred: the message of the service is not published. */
  linkedResourceInUse: (name: string, diskIds: readonly string[]) =>
    notAllowed(`Resource ${name} can't be deleted: it is in use by ${diskIds.join(", ")}.`),
  diskAttached: (diskName: string, vmId: string) =>
    notAllowed(`Disk ${diskName} is attached to VM ${ownerName(vmId)}.`),
  shrink: (id: string) =>
    notAllowed(
      `The disk/snapshot resource with id ${id} cannot be resized down. Reducing disk/snapshot size is ` +
        "not supported in Azure to prevent data loss.",
      { target: "diskSizeGB" },
    ),
  resizeWhileAttached: (diskName: string, vmId: string, internalErrorCode: string) =>
    notAllowed(
      `Cannot resize disk ${diskName} while it is attached to running VM ${ownerName(vmId)}. Resizing a ` +
        "disk of an Azure Virtual Machine requires the virtual machine to be deallocated. Please stop your " +
        "VM and retry the operation.",
      { innerError: { internalErrorCode } },
    ),
  /** Seen: azuredisk-csi-driver issue 3072. */
  cachedBeyondLimit: (maxGiB: number) =>
    badRequest(`Only Disk CachingType 'None' is supported for disk with size greater than ${maxGiB} GB.`),
  changeWhileAttached: (what: string, diskName: string, vmIds: readonly string[]) =>
    notAllowed(
      `Cannot change ${what} of disk ${diskName} while it is attached to running VM(s) ` +
        `${vmIds.map(ownerName).join(", ")}.`,
    ),
  changedTooOften: (what: string, diskName: string, changesMax: number) =>
    notAllowed(`The ${what} of disk ${diskName} can be changed only ${changesMax} times in 24 hours.`),
  burstingKept: (diskName: string) =>
    notAllowed(`On-demand bursting of disk ${diskName} can be disabled only 12 hours after it was enabled.`),
  tierLoweredTooOften: (diskName: string) =>
    notAllowed(`The performance tier of disk ${diskName} can be lowered only once in 12 hours.`),
  conversionRefused: (diskName: string, reason: string) =>
    notAllowed(`Disk ${diskName} can't be converted to PremiumV2_LRS: ${reason}.`),
  copyUnderWay: (diskName: string) =>
    notAllowed(`Disk ${diskName} can't be resized until its background copy is complete.`, {
      target: "diskSizeGB",
    }),
  /** Recorded of a VM in a region without zones, where the list of supported ones is empty. */
  invalidZone: (
    zones: readonly string[],
    place: { readonly resource: string; readonly location: string; readonly offered: readonly string[] },
  ) =>
    failure(
      400,
      "InvalidAvailabilityZone",
      `The zone(s) '${zones.join(",")}' for resource '${place.resource}' is not supported. The supported ` +
        `zones for location '${place.location}' are '${place.offered.join(",")}'`,
      { target: "zones" },
    ),
  /** Recorded of incremental snapshots, and quoted of disks of Premium_ZRS in a region without zones. */
  skuNotInRegion: (
    type: "Disk" | "Snapshot" | "IncrementalSnapshot",
    sku: string,
    offered: readonly string[],
  ) =>
    invalidParameter(
      "sku",
      `SKU ${sku} is not supported for resource type ${type} in this region. Supported SKUs for this ` +
        `region are ${offered.join(",")}`,
    ),
  /** Recorded by Azure's CLI (Azure/azure-cli, test_vm_simulate_eviction.yaml and test_vmss_…). */
  notSpot: () => notAllowed("Operation 'simulateEviction' is allowed only for Spot Virtual Machines"),
  quotaExceeded: (exceeded: {
    quota: string;
    location: string;
    limit: number;
    usage: number;
    required: number;
  }) =>
    notAllowed(
      `Operation could not be completed as it results in exceeding approved ${exceeded.quota} quota. ` +
        `Additional details - Deployment Model: Resource Manager, Location: ${exceeded.location}, Current ` +
        `Limit: ${exceeded.limit}, Current Usage: ${exceeded.usage}, Additional Required: ` +
        `${exceeded.required}, (Minimum) New Limit Required: ${exceeded.usage + exceeded.required}. ` +
        "Submit a request for Quota increase at https://aka.ms/ProdportalCRP.",
    ),
  /** In words that users report since July 2024 (Azure-Samples/azuresandbox#70, Azure/azure-cli#32628). */
  sizeNotAvailable: (size: string, location: string) =>
    failure(
      409,
      "SkuNotAvailable",
      `The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: ${size}' ` +
        `is currently not available in location '${location}'. Please try another size or deploy to a ` +
        "different location or different zone. See https://aka.ms/azureskunotavailable for details.",
    ),
  /** Inferred from what was said of sizes before. */
  diskSkuNotAvailable: (disk: {
    id: string;
    subscriptionId: string;
    location: string;
    zones: readonly string[];
  }) =>
    failure(
      409,
      "SkuNotAvailable",
      `The requested size for resource '${disk.id}' is currently not available in location ` +
        `'${disk.location}' zones '${disk.zones.join(",")}' for subscription '${disk.subscriptionId}'. ` +
        "Please try another size or deploy to a different location or zones. See " +
        "https://aka.ms/azureskunotavailable for details.",
    ),
  resourceNamespace: (namespace: string) =>
    gateway.notFound("InvalidResourceNamespace", `The resource namespace '${namespace}' is invalid.`),
  invalidVmSize: (size: string) =>
    invalidParameter("vmSize", `The value ${size} provided for the VM size is not valid.`),

  tooManyRequests: (options: {
    group: string;
    allowed: number;
    measured: number;
    startTime: string;
    endTime: string;
    retryAfterS: number;
  }) =>
    failure(
      429,
      "OperationNotAllowed",
      "The server rejected the request because too many requests have been received for this subscription.",
      {
        details: [
          {
            code: "TooManyRequests",
            target: options.group,
            message: JSON.stringify({
              operationGroup: options.group,
              startTime: options.startTime,
              endTime: options.endTime,
              allowedRequestCount: options.allowed,
              measuredRequestCount: options.measured,
            }),
          },
        ],
        headers: { "retry-after": String(options.retryAfterS) },
      },
    ),
  subscriptionThrottled: (options: { subscription: string; operation: string; retryAfterS: number }) =>
    gateway.throttled(
      "SubscriptionRequestsThrottled",
      `Number of requests for subscription '${options.subscription}' and operation ` +
        `'${options.operation}' exceeded the backend storage limit. Please try again after ` +
        `'${options.retryAfterS}' seconds.`,
      { headers: { "retry-after": String(options.retryAfterS) } },
    ),
} as const;
