import { builtForWindows, type ParityRow, refused, yes } from "./parity-row.ts";

/** Claims of the V2 documents: "Azure Disk CSI Driver V2", and its preview on AKS. */
export const claimsOfV2: readonly ParityRow[] = [
  yes(
    "scale, and pod failover without waiting for Azure",
    "[failover](../explanation/failover.md), [performance](../assurance/performance.md)",
  ),
  yes(
    "shared disks have attachment replicas on several nodes",
    "`maxShares` ([StorageClass](storage-class.md#replicas))",
  ),
  yes(
    "the scheduler chooses a node with a replica",
    "[scheduler extender](scheduler-extender.md), for pods that name its scheduler",
  ),
  yes(
    "controller plug-in: CSI and controllers, Deployment, leader election",
    "[roles](roles.md); CSI on every controller " +
      "([0004](../adr/0004-serve-csi-on-every-controller-reconcile-on-the-leader.md))",
  ),
  yes("node plug-in: CSI and feedback for placement, DaemonSet", "[roles](roles.md)"),
  yes(
    "scheduler extender: Deployment, leader election",
    "[scheduler extender](scheduler-extender.md); kube-scheduler's Lease",
  ),
  yes(
    "all StorageClass parameters of V1, `maxShares`, `maxMountReplicaCount`",
    "[parameters](#storageclass-parameters)",
  ),
  yes(
    "`maxShares` by size, default 1, and 2 or more enables replicas",
    "[limits](storage-class.md#limits-by-sku)",
  ),
  yes(
    "`maxMountReplicaCount` from 0 to `maxShares` - 1, by default 0 for ReadWriteMany",
    "[StorageClass](storage-class.md#replicas)",
  ),
  yes(
    "three custom resources in namespace azure-disk-csi, a controller for each",
    "[resources](resources.md), version v1",
  ),
  yes("AzDriverNode: made at start, heartbeat, deleted with its Node", "[resources](resources.md)"),
  yes(
    "AzVolume: CreateVolume makes it, its controller the disk, the call ends with its state",
    "[volumes](../explanation/volumes.md)",
  ),
  yes("DeleteVolume ends once the AzVolume has gone after its disk", "[volumes](../explanation/volumes.md)"),
  yes(
    "ControllerPublishVolume makes the primary, or promotes a replica",
    "[failover](../explanation/failover.md)",
  ),
  yes("further replicas by `maxMountReplicaCount`", "[failover](../explanation/failover.md)"),
  refused(
    "ControllerPublishVolume is complete once the object exists",
    "it waits up to `--grant-wait-ms` for the grant, so that a pod's event names the node that is in the way",
  ),
  yes("state Attached, for which NodeStageVolume waits", "[volumes](../explanation/volumes.md)"),
  yes(
    "ControllerUnpublishVolume detaches the primary",
    "`--unpublish detach`; by default it becomes a replica " +
      "([0003](../adr/0003-demote-to-a-replica-in-controllerunpublishvolume.md))",
  ),
  yes("replicas go after 5 minutes without a publish", "`--prune-replicas-after-ms`"),
  yes(
    "the extender weighs nodes by attachments and heartbeats, equally without replicas",
    "[scheduler extender](scheduler-extender.md)",
  ),
  yes(
    "provisioner library: create, delete, attach, detach, snapshot, stage, unstage, mount, unmount",
    "[source layout](source-layout.md)",
  ),
];

/** Claims and steps of "Use the Azure Disk CSI driver in AKS". */
export const claimsOfAksDisk: readonly ParityRow[] = [
  yes("manages disks as CSI specifies", "csi-sanity passes without skip flags (`npm test -- csi-sanity`)"),
  yes(
    "passes Kubernetes' own specs of CSI drivers",
    "with disks of one node and with replicas (`STORAGE_SPECS=all npm test -- storage-specs`)",
  ),
  yes("attaches and detaches in batches", "[calls to Azure](azure-calls.md)"),
  yes("Premium SSD v1 and v2, v2 with caching None only", "[limits](storage-class.md#limits-by-sku)"),
  yes("ZRS disks on zonal and other nodes", "[limits](storage-class.md#limits-by-sku)"),
  yes("snapshots and clones", "[lab](../lab.md#a-snapshot-of-it-and-a-clone)"),
  yes(
    "resize without downtime",
    "[lab](../lab.md#a-larger-volume); on a kernel of its own: `npm test -- guests`",
  ),
  yes("volume limit of the VM size", "`--max-volumes`, the size's data disks by default"),
  yes("dynamic and static PersistentVolumes, one or many pods", "[lab](../lab.md#other-volumes)"),
  yes("classes managed-csi and managed-csi-premium", "[chart values](chart-values.md) `storageClasses`"),
  yes("claim and pod, `touch`, `ls`", "[lab](../lab.md#a-claim-and-a-pod)"),
  yes("custom class, Immediate and WaitForFirstConsumer", "[lab](../lab.md#a-class-of-your-own)"),
  yes("VolumeSnapshotClass with its five parameters", "[snapshots](volume-snapshot-class.md#parameters)"),
  yes(
    "VolumeSnapshot, `describe`, restored claim and pod with the same files",
    "[lab](../lab.md#a-snapshot-of-it-and-a-clone)",
  ),
  yes("cloned claim and pod with the same files", "[lab](../lab.md#a-snapshot-of-it-and-a-clone)"),
  yes("`df`, patch to 15Gi, `get pv`, `get pvc`, no shrinking", "[lab](../lab.md#a-larger-volume)"),
  yes("on-demand bursting by `enableBursting`, off by default", "[lab](../lab.md#on-demand-bursting)"),
  builtForWindows("Windows containers, StatefulSet on Windows"),
  refused(
    "Azure Files, Azure Blob storage",
    "other drivers (file.csi.azure.com, blob.csi.azure.com), which run beside this one",
  ),
];

/** Claims and steps of "CSI drivers in AKS". */
export const claimsOfAksDrivers: readonly ParityRow[] = [
  yes("Premium, Standard SSD and Standard HDD disks", "[limits](storage-class.md#limits-by-sku)"),
  yes(
    "disks are ReadWriteOnce, for one pod",
    "and raw block for several nodes ([lab](../lab.md#other-volumes))",
  ),
  refused(
    "Azure Files shares for several pods, `files.csi.azure.com`, in-tree Azure File volumes",
    "another driver, which runs beside this one",
  ),
  yes("in-tree PersistentVolumes continue under CSI migration", "[lab](../lab.md#from-the-in-tree-driver)"),
  yes(
    "in-tree classes continue, and are made again with `disk.csi.azure.com`",
    "[lab](../lab.md#from-the-in-tree-driver)",
  ),
  yes("reclaimPolicy Retain, then a static volume of `diskURI`", "[lab](../lab.md#from-the-in-tree-driver)"),
  yes("V2's ability to fine tune performance", "[device settings](storage-class.md#device-settings)"),
];

/** Claims and steps of "Kubernetes CSI Deep Dive". */
export const claimsOfDeepDive: readonly ParityRow[] = [
  yes("controller: provisioning, attachment, snapshots, resizing", "[CSI](#csi)"),
  yes("node: mount, unmount, check for a mount", "[CSI](#csi)"),
  yes(
    "provisioner, CreateVolume, attacher, Publish, Stage, Publish",
    "[source layout](source-layout.md), with the real sidecars",
  ),
  yes(
    "limited privileges, separate processes",
    "[node permissions](node-permissions.md); the controller has no capability and a read-only root",
  ),
  yes("external-provisioner, -attacher, -resizer, -snapshotter", "as the chart installs them"),
  yes(
    "node-driver-registrar, livenessprobe",
    "their work is built in, and the chart adds them where a value asks for it; Windows nodes always " +
      "have node-driver-registrar",
  ),
  refused(
    "AKS 1.21 and newer",
    "1.32: earlier versions don't give the uid of a Node to the policies that bound what a " +
      "stolen token can do ([0028](../adr/0028-bound-what-a-nodes-token-can-affect.md))",
  ),
  yes("class, claim, pod and the four commands that verify them", "[lab](../lab.md#deep-dive)"),
  yes("snapshot, clone and expansion manifests", "[lab](../lab.md#deep-dive)"),
  yes("`kubectl get csinode -o yaml \\| grep -i azure`", "[lab](../lab.md#finding-faults)"),
  yes("five commands that find faults", "[lab](../lab.md#finding-faults)"),
  yes("access mode, classes, expansion, reclaim policy", "[StorageClass](storage-class.md)"),
  yes(
    "regular snapshot backups",
    "[lab](../lab.md#snapshots-and-volumes-from-them): a CronJob with retention",
  ),
  yes("monitoring of the components", "[metrics](metrics.md), what to alert on"),
  yes("updates of the driver", "[upgrade and roll back](../install.md#upgrade-and-roll-back)"),
  yes("tests of storage operations before production", "[lab](../lab.md), [emulator](../emulator.md)"),
];
