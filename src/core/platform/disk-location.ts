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
 * Windows counts namespaces from 0, and Azure gives LUN n the namespace n + 2. V1 reads the digits as
 * decimal. Windows' StorPort, behind which its NVMe driver is, shows other disks' places in hexadecimal:
 * target 10 of a VMware VM is `000a00`. So a letter can only be hexadecimal (LUN 9 to 14), and two digits
 * without one may be either: such a disk is undefined here, as are those of other controllers.
 * https://github.com/kubernetes-sigs/azuredisk-csi-driver/pull/3632
 */
export function parseNvmeLun(path: string): number | undefined {
  const digit = /^\\\\\?\\scsi#disk&ven_nvme&prod_msft_nvme_accele#[^#]*&00000([1-9a-f])#/iu.exec(path)?.[1];
  return digit === undefined ? undefined : Number.parseInt(digit, 16) - 1;
}
