/** The parts of an ARM id of a compute resource, in the case in which they were given. */
export interface ArmId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Such as `disks` or `virtualMachines`; lower case. */
  readonly type: string;
  readonly name: string;
}

const pattern =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/([^/]+)\/([^/]+)$/i;

/** Reads an ARM id of a compute resource; undefined if it is none. Instances of scale sets are none. */
export function parseArmId(id: string): ArmId | undefined {
  const [, subscriptionId, resourceGroup, type, name] = pattern.exec(id) ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || type === undefined || name === undefined)
    return undefined;
  return { subscriptionId, resourceGroup, type: type.toLowerCase(), name };
}
