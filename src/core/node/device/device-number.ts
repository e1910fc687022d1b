/** Writes a `dev_t` as the kernel does in sysfs and mountinfo: `8:32`. */
export function majorMinorOf(deviceNumber: bigint): string {
  const major = ((deviceNumber >> 8n) & 0xfffn) | ((deviceNumber >> 32n) & ~0xfffn);
  const minor = (deviceNumber & 0xffn) | ((deviceNumber >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
}
