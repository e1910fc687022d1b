/** The driver's default name, to which Kubernetes also hands what was its in-tree driver's. */
export const defaultDriverName = "disk.csi.azure.com";

/**
 * CSI's rules for a driver's name, in lower case: it is also the name of the CSIDriver, and in the keys of
 * labels.
 */
export const driverNamePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/u;

const NAME_MAX_CHARS = 63;

/** What is wrong with a driver's name; undefined: nothing. */
export function driverNameProblem(name: string): string | undefined {
  return driverNamePattern.test(name) && name.length <= NAME_MAX_CHARS
    ? undefined
    : "must be a domain name in lower case of at most 63 characters, such as " + defaultDriverName;
}
