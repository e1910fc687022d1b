/**
 * Whether resource version `left` is `right` or later. Versions of one store are comparable as whole
 * numbers (Kubernetes promises it since 1.35, KEP-5504; the embedded store's are). Versions that are no
 * numbers are only compared for equality.
 */
export function isVersionAtLeast(left: string, right: string): boolean {
  if (left === right) return true;
  return isNumber(left) && isNumber(right) && BigInt(left) >= BigInt(right);
}

function isNumber(version: string): boolean {
  return /^[1-9]\d*$/.test(version);
}
