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

/**
 * The LUN of one of Azure's NVMe disks, in the `Path` of a disk, such as
 * `\\?\scsi#disk&ven_nvme&prod_msft_nvme_accele#6&ca10229&0&000001#{…}`, whose last digits are LUN + 1:
 * Windows counts namespaces from 0, and Azure gives LUN n the namespace n + 2. Undefined for other disks, and
 * from LUN 9 on: whether Windows writes that number in decimal or hexadecimal digits is not known.
 * https://github.com/kubernetes-sigs/azuredisk-csi-driver/pull/3632
 */
export function parseNvmeLun(path: string): number | undefined {
  const digit = /^\\\\\?\\scsi#disk&ven_nvme&prod_msft_nvme_accele#[^#]*&00000([1-9])#/iu.exec(path)?.[1];
  return digit === undefined ? undefined : Number(digit) - 1;
}
