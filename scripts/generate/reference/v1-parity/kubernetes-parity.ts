import { builtForWindows, type ParityRow, refused, yes } from "./parity-row.ts";

/** Rows of annotations, labels, taints and fields of the CSIDriver. */
export const objectParity: readonly ParityRow[] = [
  yes(
    "taint `disk.csi.azure.com/agent-not-ready`",
    "removed once the kubelet knows the driver and its limit",
  ),
  yes("labels `topology.<driver name>/zone`, `topology.kubernetes.io/zone`", "the same keys and values"),
  yes("`pv.kubernetes.io/provisioned-by`, `migrated-to`, `volume.kubernetes.io/*`", "set by the sidecars"),
  yes(
    "taints of a drain",
    "the role `pre-stop` waits for the last volume under the same taints; replicas leave after " +
      "`--release-drained-after-ms`",
  ),
  yes("taint `node.kubernetes.io/out-of-service`", "fences the node; V1 does not read it"),
  yes("labels `disk.csi.azure.com/pv`, `pvc`, `pvc-namespace` of the Go V2", "on the AzVolume"),
  refused(
    "other labels and annotations of the Go V2 (`requested-role`, `volume-attach-request`, …)",
    "they have no effect: state is in spec and status, which have a schema and rights of their own; any " +
      "client may write a label",
  ),
  yes("`storageclass.kubernetes.io/is-default-class`", "value `storageClasses.<name>.default` of the chart"),
  yes(
    "CSIDriver `attachRequired`, `fsGroupPolicy: File`",
    "values `attach` and `feature.enableFSGroupPolicy`",
  ),
  refused(
    "CSIDriver `seLinuxMount: true`",
    "the kubelet would mount with a context that no test here has seen a kernel enforce. Without it the " +
      "runtime labels the files, as in V1's default. The chart refuses the value",
  ),
];

/** A capability of CSI that V1 or this driver has. */
export interface CapabilityRow extends ParityRow {
  /** Names in `GetPluginCapabilities`, `ControllerGetCapabilities` or `NodeGetCapabilities`. */
  readonly advertised: readonly string[];
}

const served = (name: string, advertised: readonly string[], remark: string): CapabilityRow => ({
  ...yes(name, remark),
  advertised,
});
const unserved = (name: string, advertised: readonly string[], remark: string): CapabilityRow => ({
  ...refused(name, remark),
  advertised,
});

/** Rows of the plug-in's own capabilities. */
export const pluginParity: readonly CapabilityRow[] = [
  served(
    "GetPluginInfo, GetPluginCapabilities, Probe",
    ["CONTROLLER_SERVICE"],
    "Probe: the caches are in step",
  ),
  served("topology", ["VOLUME_ACCESSIBILITY_CONSTRAINTS"], "as in V1"),
  served("expansion", ["ONLINE"], "covers volumes that no node has, too"),
  unserved(
    "SnapshotMetadata, VolumeGroupSnapshot",
    ["GROUP_CONTROLLER_SERVICE"],
    "V1 has neither. Azure takes no snapshot of several disks at one moment, and changed blocks are read " +
      "over the network export that `DenyAll` closes",
  ),
];

/** Rows of the controller service. */
export const controllerParity: readonly CapabilityRow[] = [
  served("CreateVolume, DeleteVolume", ["CREATE_DELETE_VOLUME"], "as in V1"),
  served(
    "CreateVolume from a snapshot or volume",
    ["CLONE_VOLUME"],
    "answered once the disk is made, as in V1, though Azure may fill it for hours yet; its source is " +
      "deleted only after that, which V1 leaves to the user",
  ),
  served("ControllerPublishVolume, ControllerUnpublishVolume", ["PUBLISH_UNPUBLISH_VOLUME"], "as in V1"),
  served("ControllerExpandVolume", ["EXPAND_VOLUME"], "as in V1"),
  served("ControllerModifyVolume", ["MODIFY_VOLUME"], "[VolumeAttributesClass](volume-attributes-class.md)"),
  served(
    "CreateSnapshot, DeleteSnapshot",
    ["CREATE_DELETE_SNAPSHOT"],
    "[snapshots](volume-snapshot-class.md). An id that is a name alone is that of no snapshot; V1 deletes " +
      "by it in the cluster's group, but makes no volume from it",
  ),
  served("ListSnapshots", ["LIST_SNAPSHOTS"], "always; V1 behind a flag"),
  served(
    "ListVolumes",
    ["LIST_VOLUMES", "LIST_VOLUMES_PUBLISHED_NODES"],
    "always, with all nodes of a shared disk",
  ),
  served("ControllerGetVolume", ["GET_VOLUME"], "V1 has none"),
  served("ValidateVolumeCapabilities", [], "as in V1"),
  served("ReadWriteOncePod", ["SINGLE_NODE_MULTI_WRITER"], "as in V1"),
  unserved(
    "GetCapacity",
    ["GET_CAPACITY"],
    "V1 has none. Azure does not say how many disks a region can still make; a guess would " +
      "keep pods from nodes",
  ),
  unserved("GetSnapshot", ["GET_SNAPSHOT"], "V1 has none; ListSnapshots by id answers the same"),
  unserved(
    "volume condition, ControllerGetVolumeHealth, ControllerListVolumeHealth",
    ["VOLUME_CONDITION", "LIST_VOLUME_HEALTH"],
    "V1 has none. CSI 1.13 has removed the first, and nothing in Kubernetes 1.37 calls the other two, " +
      "which are alpha. Events on pods and claims, the condition `MountUnhealthy` and an alert name the " +
      "fault and its remedy",
  ),
];

/** Rows of the node service. */
export const nodeParity: readonly CapabilityRow[] = [
  served(
    "NodeStageVolume, NodeUnstageVolume",
    ["STAGE_UNSTAGE_VOLUME"],
    "as in V1: an ext3 or ext2 is mounted as the ext4 that its PersistentVolume states, and an ext file " +
      "system that the image's e2fsck is too old for is mounted unchecked. Any other type than the stated " +
      "one is refused, where V1 tries the mount. The file system of a disk that the driver did not create " +
      "grows to it with each mount, as in V1, and that of a disk that it did create with its claim",
  ),
  served(
    "NodePublishVolume, NodeUnpublishVolume, NodeGetInfo, NodeGetCapabilities",
    [],
    "paths are confined to `--kubelet-dir`; the volume limit is measured again while the node runs",
  ),
  served(
    "NodeGetVolumeStats",
    ["GET_VOLUME_STATS"],
    "as in V1; a dead mount, and errors in an ext file system, lead to events as well",
  ),
  served(
    "NodeGetVolumeHealth",
    ["GET_VOLUME_HEALTH"],
    "V1 has none. A dead mount and errors in an ext file system are in the pod's status, too, since " +
      "Kubernetes 1.37 with the kubelet's alpha gate `CSIVolumeHealth`",
  ),
  served("NodeExpandVolume", ["EXPAND_VOLUME"], "as in V1"),
  served("ReadWriteOncePod", ["SINGLE_NODE_MULTI_WRITER"], "as in V1"),
  unserved(
    "VOLUME_MOUNT_GROUP",
    ["VOLUME_MOUNT_GROUP"],
    "V1 has none. It spares a recursive chown only where a file system is mounted with a group. ext4 and " +
      "XFS can't be; the plug-in would change each file itself. " +
      "`fsGroupChangePolicy: OnRootMismatch` spares it",
  ),
  { ...builtForWindows("NTFS on Windows nodes"), advertised: [] },
  served(
    "registration with the kubelet",
    [],
    "built in; node-driver-registrar is optional on Linux nodes, and always there on Windows nodes",
  ),
];
