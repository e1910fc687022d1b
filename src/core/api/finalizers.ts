/** Held by an AzVolume until its disk is deleted, or known to belong to another owner. */
export const VOLUME_FINALIZER = "disk.csi.azure.com/azvolume";

/** Held by an AzVolumeAttachment until the disk is detached from the node. */
export const ATTACHMENT_FINALIZER = "disk.csi.azure.com/azvolumeattachment";
