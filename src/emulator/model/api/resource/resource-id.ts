/** The kinds of compute resources that the emulator keeps, by their names in paths. */
export type ComputeType =
  | "disks"
  | "snapshots"
  | "virtualMachines"
  | "availabilitySets"
  | "diskEncryptionSets"
  | "diskAccesses"
  | "virtualMachineScaleSets";

export interface GroupAddress {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

/** Where a resource of one type is. */
export interface NamedAddress extends GroupAddress {
  readonly name: string;
}

export interface ResourceAddress extends NamedAddress {
  readonly type: ComputeType;
  /** The uniform scale set of an instance, whose `name` is then its instance id. */
  readonly scaleSet?: string;
}

const TYPES: readonly ComputeType[] = [
  "disks",
  "snapshots",
  "virtualMachines",
  "availabilitySets",
  "diskEncryptionSets",
  "diskAccesses",
  "virtualMachineScaleSets",
];
const UNIFORM_INSTANCE = /\/virtualMachineScaleSets\/([^/]+)\/virtualMachines\/(?=[^/]+$)/i;
const PATTERN =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/([^/]+)\/([^/]+)$/i;

/** The ARM id of a compute resource, in the case of its parts. */
export function resourceId(address: ResourceAddress): string {
  const parent = address.scaleSet === undefined ? "" : `virtualMachineScaleSets/${address.scaleSet}/`;
  return `/subscriptions/${address.subscriptionId}/resourceGroups/${address.resourceGroup}/providers/Microsoft.Compute/${parent}${address.type}/${address.name}`;
}

/**
 * A VM's id as disks and messages name it: an instance of a uniform scale set by `<scale set>_<instance id>`
 * instead of its instance id.
 */
export function ownerName(vmId: string): string {
  return vmId.replace(UNIFORM_INSTANCE, (prefix, scaleSet: string) => `${prefix}${scaleSet}_`);
}

/** The parts of an ARM id; `undefined` for anything but one of our compute resources. */
export function parseResourceId(id: string): ResourceAddress | undefined {
  const [, subscriptionId, resourceGroup, typeText, name] = PATTERN.exec(id) ?? [];
  const type = TYPES.find((known) => known.toLowerCase() === typeText?.toLowerCase());
  if (subscriptionId === undefined || resourceGroup === undefined || type === undefined || name === undefined)
    return undefined;
  return { subscriptionId, resourceGroup, type, name };
}

/** An id with its resource group in upper case, as the compute provider shows it in some places. */
export function withUpperCaseGroup(id: string): string {
  return id.replace(/(?<=\/resourceGroups\/)[^/]+/i, (resourceGroup) => resourceGroup.toUpperCase());
}

/**
 * The form by which ids are compared and stored. ARM ignores their case but answers with the case of
 * creation.
 */
export function keyOf(id: string): string {
  return id.toLowerCase();
}

export function sameId(left: string, right: string): boolean {
  return keyOf(left) === keyOf(right);
}

export function groupKey(group: GroupAddress): string {
  return keyOf(`/subscriptions/${group.subscriptionId}/resourceGroups/${group.resourceGroup}`);
}
