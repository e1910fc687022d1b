/** The simulation's VolumeAttributesClasses. Users go from one to the other, and back. */
export type VolumeClass = "open" | "closed";

/** What a disk of each class has: who may export its data, and its users' tag. */
const fields = {
  open: { networkAccessPolicy: "AllowAll", tag: "open" },
  closed: { networkAccessPolicy: "DenyAll", tag: "closed" },
} as const;

/** The name of the tag that the classes set. */
export const CLASS_TAG = "class";

/** What a disk of that class has. */
export function fieldsOf(volumeClass: VolumeClass): (typeof fields)[VolumeClass] {
  return fields[volumeClass];
}

/** The parameters of a class, as ControllerModifyVolume is given them. */
export function mutableParametersOf(volumeClass: VolumeClass): Readonly<Record<string, string>> {
  const { networkAccessPolicy, tag } = fields[volumeClass];
  return { networkAccessPolicy, tags: `${CLASS_TAG}=${tag}` };
}

/** The class that is not this one. */
export function otherThan(volumeClass: VolumeClass): VolumeClass {
  return volumeClass === "open" ? "closed" : "open";
}
