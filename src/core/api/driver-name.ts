/**
 * The driver's default name. Kubernetes also hands the volumes and classes of its former in-tree driver
 * to it.
 */
export const defaultDriverName = "disk.csi.azure.com";
