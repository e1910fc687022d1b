/** The kinds of compute resources that the emulator keeps, by their names in paths. */
export type ComputeType = "disks" | "snapshots" | "virtualMachines" | "availabilitySets";

export interface ResourceAddress {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly type: ComputeType;
  readonly name: string;
}

const TYPES: readonly ComputeType[] = ["disks", "snapshots", "virtualMachines", "availabilitySets"];
const PATTERN =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/([^/]+)\/([^/]+)$/i;

/** The ARM id of a compute resource, in the case of its parts. */
export function resourceId(address: ResourceAddress): string {
  return `/subscriptions/${address.subscriptionId}/resourceGroups/${address.resourceGroup}/providers/Microsoft.Compute/${address.type}/${address.name}`;
}

/** The parts of an ARM id; `undefined` for anything but one of our compute resources. */
export function parseResourceId(id: string): ResourceAddress | undefined {
  const [, subscriptionId, resourceGroup, typeText, name] = PATTERN.exec(id) ?? [];
  const type = TYPES.find((known) => known.toLowerCase() === typeText?.toLowerCase());
  if (subscriptionId === undefined || resourceGroup === undefined || type === undefined || name === undefined)
    return undefined;
  return { subscriptionId, resourceGroup, type, name };
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

/** The key of a resource group. */
export function groupKey(group: { readonly subscriptionId: string; readonly resourceGroup: string }): string {
  return keyOf(`/subscriptions/${group.subscriptionId}/resourceGroups/${group.resourceGroup}`);
}
