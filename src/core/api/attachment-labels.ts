/** The label of an AzVolumeAttachment that a controller placed. Policy lets no node create one with it. */
export const PLACED_BY_LABEL = "disk.csi.azure.com/placed-by";
