/**
 * A label that only controllers put on an AzVolumeAttachment: they placed it there. The admission policy
 * lets no node create an object with it.
 */
export const PLACED_BY_LABEL = "disk.csi.azure.com/placed-by";
