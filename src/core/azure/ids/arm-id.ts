/** The parts of an ARM id of a compute resource, in the case in which they were given. */
export interface ArmId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Such as `disks` or `virtualMachines`; lower case. */
  readonly type: string;
  readonly name: string;
}

/**
 * One part of an id, as the source of a regular expression. What a URL would give another meaning is none: a
 * space, a query, an escape, or a step to the folder above.
 */
export const idPart = "(?!\\.{1,2}(?:/|$))[^/\\s?#%]+";

const pattern = new RegExp(
  `^/subscriptions/(${idPart})/resourceGroups/(${idPart})/providers/Microsoft\\.Compute/(${idPart})/(${idPart})$`,
  "iu",
);

/** Reads an ARM id of a compute resource; undefined if it is none. Instances of scale sets are none. */
export function parseArmId(id: string): ArmId | undefined {
  const [, subscriptionId = "", resourceGroup = "", type = "", name] = pattern.exec(id) ?? [];
  return name === undefined ? undefined : { subscriptionId, resourceGroup, type: type.toLowerCase(), name };
}
