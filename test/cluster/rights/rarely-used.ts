const CONTROLLER = "csi-azuredisk-controller-sa";
const NODE = "csi-azuredisk-node-sa";
const SNAPSHOT_CONTROLLER = "csi-snapshot-controller-sa";
const SNAPSHOT_API = "snapshot.storage.k8s.io";

const WITHOUT_WATCH_LISTS = "a cache lists where the API server, as that of 1.32, sends no list in a watch";
const REPEATED_EVENTS = "an event that repeats is counted up";
const PAST_CACHES = "the driver reads it past its cache before a decision about a writer";

/**
 * Rights that a run of these tests need not use, in the words of `describeRight`, with the reason for each.
 * One that no code uses belongs in no role instead.
 */
export const RARELY_USED: Readonly<Record<string, string>> = {
  [`${CONTROLLER}: delete azdrivernodes.disk.csi.azure.com in azure-disk-csi`]: "a node has left the cluster",
  [`${CONTROLLER}: update azdrivernodes/status.disk.csi.azure.com in azure-disk-csi`]: "a node is silent",
  [`${CONTROLLER}: list events in azure-disk-csi`]: "a person runs the command status in its pod",
  [`${CONTROLLER}: patch events`]: REPEATED_EVENTS,
  [`${CONTROLLER}: patch nodes`]: "a node whose VM is off is marked as out of service",
  [`${CONTROLLER}: get nodes`]: PAST_CACHES,
  [`${CONTROLLER}: get persistentvolumeclaims`]: PAST_CACHES,
  [`${CONTROLLER}: get volumeattachments.storage.k8s.io`]: PAST_CACHES,
  [`${CONTROLLER}: list csinodes.storage.k8s.io`]: WITHOUT_WATCH_LISTS,
  [`${CONTROLLER}: list storageclasses.storage.k8s.io`]: WITHOUT_WATCH_LISTS,
  [`${CONTROLLER}: list volumeattributesclasses.storage.k8s.io`]: WITHOUT_WATCH_LISTS,
  [`${CONTROLLER}: list volumesnapshotclasses.${SNAPSHOT_API}`]: WITHOUT_WATCH_LISTS,
  [`${CONTROLLER}: list volumesnapshotcontents.${SNAPSHOT_API}`]: WITHOUT_WATCH_LISTS,
  [`${NODE}: create events in azure-disk-csi`]: "a node plug-in reports what is wrong with a volume",
  [`${NODE}: patch events in azure-disk-csi`]: REPEATED_EVENTS,
  [`${NODE}: create events in default`]: "a node plug-in reports what is wrong with its node",
  [`${NODE}: patch events in default`]: REPEATED_EVENTS,
  [`${NODE}: get daemonsets.apps named csi-azuredisk-node in kube-system`]: "a node plug-in is asked to stop",
  [`${NODE}: patch nodes`]: "a node starts with the taint that the plug-in removes",
  [`${SNAPSHOT_CONTROLLER}: list persistentvolumeclaims`]: WITHOUT_WATCH_LISTS,
  [`${SNAPSHOT_CONTROLLER}: list persistentvolumes`]: WITHOUT_WATCH_LISTS,
  [`${SNAPSHOT_CONTROLLER}: patch events`]: REPEATED_EVENTS,
};
