/**
 * The adapter and the LUN in what Windows reports as a disk's `Location`, such as
 * `Integrated : Adapter 1 : Port 0 : Target 0 : LUN 3`; undefined where it names not both.
 */
export function parseDiskLocation(
  location: string,
): { readonly adapter: number; readonly lun: number } | undefined {
  const adapter = /(?:^|: )Adapter (\d+)(?= :|$)/u.exec(location)?.[1];
  const lun = /(?:^|: )LUN (\d+)(?= :|$)/u.exec(location)?.[1];
  return adapter === undefined || lun === undefined
    ? undefined
    : { adapter: Number(adapter), lun: Number(lun) };
}
