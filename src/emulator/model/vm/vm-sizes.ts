import type { DiskControllerType } from "../data-plane-port.ts";

/** The disk limits of a VM size. */
export interface VmSize {
  readonly name: string;
  readonly dataDisksMax: number;
  readonly vcpus: number;
  readonly memoryGiB: number;
  readonly premiumIo: boolean;
  readonly ultraSsd: boolean;
  readonly controllerTypes: readonly DiskControllerType[];
}

type Row = readonly [name: string, vcpus: number, memoryGiB: number, dataDisksMax: number];

const SCSI_ROWS: readonly Row[] = [
  ["Standard_B1s", 1, 1, 2],
  ["Standard_B2s", 2, 4, 4],
  ["Standard_B2ms", 2, 8, 4],
  ["Standard_B4ms", 4, 16, 8],
  ["Standard_B2s_v2", 2, 8, 4],
  ["Standard_B4as_v2", 4, 16, 8],
  ["Standard_DS1_v2", 1, 3.5, 4],
  ["Standard_DS2_v2", 2, 7, 8],
  ["Standard_DS3_v2", 4, 14, 16],
  ["Standard_DS4_v2", 8, 28, 32],
  ["Standard_DS5_v2", 16, 56, 64],
  ["Standard_D2s_v3", 2, 8, 4],
  ["Standard_D4s_v3", 4, 16, 8],
  ["Standard_D8s_v3", 8, 32, 16],
  ["Standard_D16s_v3", 16, 64, 32],
  ["Standard_D32s_v3", 32, 128, 32],
  ["Standard_D64s_v3", 64, 256, 32],
  ["Standard_D2s_v5", 2, 8, 4],
  ["Standard_D4s_v5", 4, 16, 8],
  ["Standard_D8s_v5", 8, 32, 16],
  ["Standard_D16s_v5", 16, 64, 32],
  ["Standard_D32s_v5", 32, 128, 32],
  ["Standard_D48s_v5", 48, 192, 32],
  ["Standard_D64s_v5", 64, 256, 32],
  ["Standard_D96s_v5", 96, 384, 32],
  ["Standard_D2ps_v5", 2, 8, 4],
  ["Standard_E2s_v5", 2, 16, 4],
  ["Standard_E4s_v5", 4, 32, 8],
  ["Standard_E8s_v5", 8, 64, 16],
  ["Standard_E16s_v5", 16, 128, 32],
  ["Standard_E32s_v5", 32, 256, 32],
  ["Standard_E64s_v5", 64, 512, 32],
  ["Standard_E96s_v5", 96, 672, 32],
  ["Standard_E104is_v5", 104, 672, 64],
  ["Standard_F2s_v2", 2, 4, 4],
  ["Standard_F4s_v2", 4, 8, 8],
  ["Standard_F8s_v2", 8, 16, 16],
  ["Standard_F16s_v2", 16, 32, 32],
  ["Standard_F32s_v2", 32, 64, 32],
  ["Standard_F72s_v2", 72, 144, 32],
  ["Standard_L8s_v3", 8, 64, 16],
  ["Standard_L16s_v3", 16, 128, 32],
  ["Standard_L32s_v3", 32, 256, 32],
  ["Standard_M8ms", 8, 218.75, 8],
  ["Standard_M32ts", 32, 192, 32],
  ["Standard_M64s", 64, 1024, 64],
  ["Standard_M128s", 128, 2048, 64],
  ["Standard_NC6s_v3", 6, 112, 12],
  ["Standard_NC24ads_A100_v4", 24, 220, 8],
  ["Standard_NC40ads_H100_v5", 40, 320, 8],
  ["Standard_ND96isr_H100_v5", 96, 1900, 16],
  ["Standard_NV36ads_A10_v5", 36, 440, 32],
  ["Standard_HB120rs_v3", 120, 456, 32],
];

/** Sizes that support both, SCSI unless the VM requests NVMe. */
const EITHER_ROWS: readonly Row[] = [
  ["Standard_E2bs_v5", 2, 16, 4],
  ["Standard_E8bs_v5", 8, 64, 16],
  ["Standard_E64bs_v5", 64, 512, 32],
  ["Standard_E96bs_v5", 96, 672, 32],
  ["Standard_E112ibs_v5", 112, 672, 64],
];

const NVME_ROWS: readonly Row[] = [
  ["Standard_D2s_v6", 2, 8, 8],
  ["Standard_D4s_v6", 4, 16, 12],
  ["Standard_D8s_v6", 8, 32, 24],
  ["Standard_D16s_v6", 16, 64, 48],
  ["Standard_D32s_v6", 32, 128, 64],
  ["Standard_D64s_v6", 64, 256, 64],
  ["Standard_D2ds_v6", 2, 8, 8],
  ["Standard_D2ps_v6", 2, 8, 8],
  ["Standard_D16ps_v6", 16, 64, 48],
  ["Standard_D2as_v6", 2, 8, 4],
  ["Standard_D2ads_v6", 2, 8, 4],
  ["Standard_D4as_v6", 4, 16, 8],
  ["Standard_D96ads_v6", 96, 384, 32],
  ["Standard_E2s_v6", 2, 16, 8],
  ["Standard_E4s_v6", 4, 32, 12],
  ["Standard_E16s_v6", 16, 128, 48],
  ["Standard_E64s_v6", 64, 512, 64],
  ["Standard_F2as_v6", 2, 8, 4],
  ["Standard_F8as_v6", 8, 32, 16],
  ["Standard_F64as_v6", 64, 256, 32],
  ["Standard_L8s_v4", 8, 64, 24],
  ["Standard_L96s_v4", 96, 768, 64],
  ["Standard_D2s_v7", 2, 8, 10],
  ["Standard_D4s_v7", 4, 16, 12],
];

const SIZES: readonly VmSize[] = [
  ...SCSI_ROWS.map((row) => vmSize(row, ["SCSI"])),
  ...EITHER_ROWS.map((row) => vmSize(row, ["SCSI", "NVMe"])),
  ...NVME_ROWS.map((row) => vmSize(row, ["NVMe"])),
  // Without the letter "s" a size takes no Premium disk.
  { ...vmSize(["Standard_D2_v3", 2, 8, 4], ["SCSI"]), premiumIo: false, ultraSsd: false },
];

function vmSize(
  [name, vcpus, memoryGiB, dataDisksMax]: Row,
  controllerTypes: readonly DiskControllerType[],
): VmSize {
  return {
    name,
    dataDisksMax,
    vcpus,
    memoryGiB,
    premiumIo: true,
    ultraSsd: !name.startsWith("Standard_B"),
    controllerTypes,
  };
}

export const VM_SIZES: readonly VmSize[] = SIZES;

/** The size of that name, whatever its case. */
export function findVmSize(name: string): VmSize | undefined {
  return SIZES.find((size) => size.name.toLowerCase() === name.toLowerCase());
}
