/**
 * The driver's name where nobody chose another. It is also the driver to which Kubernetes hands the volumes
 * and classes of its former in-tree driver.
 */
export const defaultDriverName = "disk.csi.azure.com";
