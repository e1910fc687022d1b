/** Held by an AzVolume until its disk is deleted, or known to be somebody else's. */
export const VOLUME_FINALIZER = "disk.csi.azure.com/azvolume";

/** Held by an AzVolumeAttachment until the disk is off the node. */
export const ATTACHMENT_FINALIZER = "disk.csi.azure.com/azvolumeattachment";
