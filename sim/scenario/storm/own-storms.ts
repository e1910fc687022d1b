import {
  anothersNameStorm,
  bystanderStorm,
  conversionsStorm,
  copiedSnapshotsStorm,
  copiesStorm,
  disksMadeAgainStorm,
  disksNotFoundStorm,
  drainedStorm,
  failedAndRestoredStorm,
  frozenSnapshotsStorm,
  impostorStorm,
  kubeletForgetsSharedStorm,
  kubeletForgetsStorm,
  longWaitsStorm,
  lostSharedVolumesStorm,
  mixedZonesStorm,
  modificationsStorm,
  nameMovesStorm,
  otherWritersStorm,
  promisedLunsStorm,
  putBackStorm,
  refusedGrowthStorm,
  renamedStorm,
  reservationsStorm,
  restoredChangesStorm,
  restoredClustersStorm,
  restoredSharedClustersStorm,
  restoredSharedVolumesStorm,
  restoresAndClonesStorm,
  sharedDisksNotFoundStorm,
  sharedPutBackStorm,
  sharedVolumesStorm,
  nodesCutOffStorm,
  silenceSpreadsStorm,
  silentNodesStorm,
  staleServersStorm,
  takenNamesStorm,
  throughputStorm,
  twoClustersStorm,
  unnoticedRestoresStorm,
  zonesCutOffStorm,
} from "../../mutations/storms.ts";
import type { DirectedStorm } from "./directed-storm.ts";

/**
 * Storms of what the seeds of old know nothing of: among the variants that any storm draws from, each of
 * these would make another scenario of every seed.
 */
export const ownStorms: Readonly<Record<string, DirectedStorm>> = {
  "stale-deletes": {
    strikes: {
      "stale/before-delete": 4,
      "lifecycle/short-life": 2,
      "haste/hunted": 2,
      "replicas/replica-objects-deleted": 2,
      "crash/controller-at-step": 1,
    },
  },
  reservations: reservationsStorm,
  "disks-made-again": disksMadeAgainStorm,
  "labels-removed": {
    strikes: {
      "loss/labels-removed": 6,
      "haste/hunted": 2,
      "nodes/freeze-and-mark": 2,
      "crash/controller-at-step": 1,
      "crash/plugin-at-step": 1,
      "loss/restored": 1,
    },
  },
  growth: {
    strikes: {
      "lifecycle/grown-while-moving": 6,
      "nodes/freeze-and-mark": 1,
      "crash/plugin-at-step": 1,
      "crash/controller-at-step": 1,
      "azure/answers-lost": 1,
    },
  },
  "refused-growth": refusedGrowthStorm,
  // Of one share: Azure does not grow an attached shared disk.
  "wrong-size": {
    workload: { maxShares: 1, replicas: 0 },
    strikes: {
      "disks/grown-outside": 6,
      "haste/hunted": 2,
      "nodes/freeze-and-mark": 1,
      "crash/plugin-at-step": 1,
      "crash/controller-at-step": 1,
    },
  },
  "failed-attaches": {
    strikes: {
      "azure/failed-and-listed": 5,
      "nodes/freeze-and-mark": 1,
      "crash/controller-at-step": 2,
      "lifecycle/short-life": 2,
      "haste/hunted": 2,
    },
  },
  "failed-and-restored": failedAndRestoredStorm,
  // Nothing but backups and moves: what a process has begun by the lost timeline ends in the restored one.
  "backups-in-flight": {
    isQuiet: true,
    strikes: {
      "loss/restored-in-flight": 6,
      "loss/restored-with-controllers": 4,
      "haste/hunted": 4,
      "haste/forced-by-hand": 3,
    },
  },
  "restored-clusters": restoredClustersStorm,
  "restored-shared-clusters": restoredSharedClustersStorm,
  "restored-changes": restoredChangesStorm,
  "stale-servers": staleServersStorm,
  "long-waits": longWaitsStorm,
  "clocks-apart": {
    strikes: {
      "leaders/clocks-apart": 4,
      "nodes/freeze-and-mark": 2,
      "crash/controller-at-step": 2,
      "azure/failed-and-not-done": 2,
      "haste/hunted": 2,
    },
  },
  // Reads, watches and deletions work, and Azure does.
  "writes-refused": {
    strikes: {
      "conflicts/writes-refused": 3,
      "nodes/freeze-and-mark": 2,
      "haste/hunted": 2,
      "haste/forced-by-hand": 2,
      "loss/volume-deleted": 1,
      "crash/controller-at-step": 2,
      "crash/plugin-killed": 1,
    },
  },
  // Two data disks a node: replicas make way for pods. In all zones: where a disk is in one, its node may
  // have no room for it.
  "full-nodes": {
    vmSize: "Standard_B1s",
    workload: { skuName: "Premium_ZRS" },
    strikes: {
      "nodes/freeze-and-mark": 2,
      "nodes/recreated": 1,
      "crash/controller-at-step": 2,
      "azure/answers-lost": 2,
      "haste/hunted": 2,
    },
  },
  "scaled-in": {
    strikes: {
      "nodes/replaced-by-another": 3,
      "nodes/put-away": 2,
      "nodes/frozen-and-deleted": 2,
      "crash/controller-at-step": 2,
      "azure/vm-failed": 2,
      "azure/answers-lost": 1,
      "lifecycle/short-life": 1,
    },
  },
  // AKS gives each node a new OS disk with every image, mostly weekly.
  reimages: {
    strikes: {
      "nodes/reimaged": 4,
      "mass/rolling-reimage": 1,
      "nodes/freeze-and-mark": 1,
      "crash/controller-at-step": 1,
      "haste/hunted": 1,
      "azure/answers-lost": 1,
    },
  },
  // An upgrade waits after its drain: the node is to have no disks by then.
  drained: drainedStorm,
  "instances-reused": {
    instance: "uniform",
    strikes: {
      "nodes/instance-reused": 3,
      "nodes/recreated": 1,
      "nodes/freeze-and-mark": 1,
      "crash/controller-at-step": 2,
      "azure/answers-lost": 1,
    },
  },
  // What a plug-in has removed is in its checkpoints again once the machine has booted.
  "broken-root-disks": {
    strikes: {
      "nodes/root-disk-breaks": 8,
      "nodes/freeze-and-mark": 1,
      "crash/plugin-at-step": 2,
      "crash/controller-at-step": 1,
      "loss/restored-with-controllers": 1,
      "haste/hunted": 3,
      "haste/forced-by-hand": 2,
    },
  },
  // What a node's instance metadata lists is not what the VM has.
  "metadata-late": {
    ...unnoticedRestoresStorm,
    strikes: { ...unnoticedRestoresStorm.strikes, "azure/metadata-late": 6, "azure/metadata-silent": 3 },
  },
  // A scale set's instances get no tag, so no update without a change moves their ETags.
  "etags-left": {
    instance: "uniform",
    strikes: {
      "azure/etag-left-for-a-while": 2,
      "disks/pulled-in-mount": 2,
      "nodes/freeze-and-mark": 2,
      "crash/controller-at-step": 1,
      "haste/hunted": 1,
    },
  },
  // Azure refuses every other update of a VM whose power is being changed.
  "power-by-hand": {
    strikes: {
      "nodes/power-by-hand": 6,
      "haste/hunted": 3,
      "haste/forced-by-hand": 1,
      "nodes/freeze-and-mark": 1,
      "crash/controller-at-step": 1,
    },
  },
  // Nodes fall silent while their VMs run, and no person acts.
  "silent-nodes": silentNodesStorm,
  "nodes-cut-off": nodesCutOffStorm,
  "zones-cut-off": zonesCutOffStorm,
  "silence-spreads": silenceSpreadsStorm,
  "disks-not-found": disksNotFoundStorm,
  "disks-not-found-shared": sharedDisksNotFoundStorm,
  "put-back": putBackStorm,
  "put-back-shared": sharedPutBackStorm,
  // What a kernel has at a LUN is not what Azure lists there.
  "scans-late": {
    ...promisedLunsStorm,
    strikes: {
      "disks/scans-late": 6,
      "disks/lun-freed-unnoticed": 4,
      "haste/hunted": 2,
      "nodes/freeze-and-mark": 1,
      "crash/plugin-at-step": 1,
      "crash/controller-at-step": 1,
    },
  },
  "mixed-zones": mixedZonesStorm,
  "other-writers": otherWritersStorm,
  bystander: bystanderStorm,
  // A person works on the cluster's disks in Azure's portal.
  portal: {
    strikes: {
      "disks/detached-by-hand": 6,
      "disks/attached-to-bystander": 1,
      "disks/deleted-by-hand": 1,
      "nodes/freeze-and-mark": 2,
      "haste/hunted": 1,
      "crash/controller-at-step": 1,
    },
  },
  // Each controller that takes over lists the disks at once.
  "tags-replaced": {
    strikes: {
      "disks/tags-replaced": 6,
      "crash/controller-at-step": 4,
      "nodes/freeze-and-mark": 2,
      "disks/detached-by-hand": 1,
    },
  },
  "lost-and-gone": {
    strikes: {
      "nodes/replaced-unheard": 3,
      "loss/driver-node-deleted": 1,
      "crash/controller-at-step": 1,
      "azure/answers-lost": 1,
    },
  },
  // Kubernetes detaches by force after six minutes, and no operator has marked the node.
  "frozen-for-long": {
    attach: "kubernetes",
    stormMs: 660_000,
    lastStrikeMs: 150_000,
    strikes: {
      "nodes/frozen-for-long": 2,
      "haste/hunted": 2,
      "crash/controller-at-step": 1,
      "loss/attachments-deleted": 1,
    },
  },
  "kubelet-forgets": kubeletForgetsStorm,
  "kubelet-forgets-shared": kubeletForgetsSharedStorm,
  "name-moves": nameMovesStorm,
  "kubelets-renamed": renamedStorm,
  impostor: impostorStorm,
  "anothers-name": anothersNameStorm,
  copies: copiesStorm,
  "frozen-snapshots": frozenSnapshotsStorm,
  "copied-snapshots": copiedSnapshotsStorm,
  modifications: modificationsStorm,
  "shared-volumes": sharedVolumesStorm,
  "lost-shared-volumes": lostSharedVolumesStorm,
  "restored-shared-volumes": restoredSharedVolumesStorm,
  throughput: throughputStorm,
  conversions: conversionsStorm,
  "restores-and-clones": restoresAndClonesStorm,
  "two-clusters": twoClustersStorm,
  "taken-names": takenNamesStorm,
  malicious: {
    strikes: {
      "malicious/requests-everything": 2,
      "malicious/squats": 2,
      "malicious/reclaims-everything": 3,
      "malicious/misreports": 1,
      "loss/volume-deleted": 2,
      "crash/controller-at-step": 1,
    },
  },
};
