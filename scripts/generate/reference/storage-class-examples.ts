/** The StorageClasses on the page; a test creates a volume's spec from each. */
export const storageClassExamples: readonly { readonly title: string; readonly yaml: string }[] = [
  {
    title: "Two replicas in any zones: a pod fails over to a node that already has the disk.",
    yaml: `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: premium-zrs-replicas
provisioner: disk.csi.azure.com
parameters:
  skuName: Premium_ZRS
  maxShares: "3"
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
`,
  },
  {
    title: "One replica, and a share that stays free.",
    yaml: `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: premium-one-replica
provisioner: disk.csi.azure.com
parameters:
  skuName: Premium_LRS
  maxShares: "3"
  maxMountReplicaCount: "1"
volumeBindingMode: WaitForFirstConsumer
`,
  },
  {
    title: "No replica, a host cache, XFS, and tags whose values contain commas.",
    yaml: `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: cached-xfs
provisioner: disk.csi.azure.com
parameters:
  skuName: StandardSSD_LRS
  cachingMode: ReadOnly
  fsType: xfs
  resourceGroup: rg-disks
  tagValueDelimiter: ";"
  tags: owners=ann,bob;claim=\${pvc.metadata.namespace}/\${pvc.metadata.name}
volumeBindingMode: WaitForFirstConsumer
`,
  },
  {
    title: "Room for many small files: an inode for each 4 KiB.",
    yaml: `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: many-small-files
provisioner: disk.csi.azure.com
parameters:
  skuName: Premium_LRS
  fsType: ext4
  bytesPerInode: "4096"
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
`,
  },
  {
    title: "IOPS and throughput of their own, in sectors that every application can read.",
    yaml: `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: premium-v2-fast
provisioner: disk.csi.azure.com
parameters:
  skuName: PremiumV2_LRS
  DiskIOPSReadWrite: "5000"
  DiskMBpsReadWrite: "400"
  LogicalSectorSize: "512"
volumeBindingMode: WaitForFirstConsumer
`,
  },
];
