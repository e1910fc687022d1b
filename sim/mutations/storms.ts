import type { DirectedStorm } from "../scenario/storm/directed-storm.ts";

/**
 * If nodes attach by themselves, a pod returns to its node while the release check is under way, and the
 * node in between requests the volume late.
 */
export const thereAndBackStorm: DirectedStorm = {
  attach: "driver",
  isQuiet: true,
  strikes: { "haste/there-and-back": 8 },
};

/**
 * Disks are deleted outside of the driver while no pod has them, and made again under their names. No object
 * is lost: of a volume whose AzVolume is, the name decides which disk it has.
 */
export const disksMadeAgainStorm: DirectedStorm = {
  isQuiet: true,
  without: ["loss"],
  strikes: { "disks/made-again": 4 },
};

/** Plug-ins die in the middle of mounts whose commands survive, and their pods move. */
export const livingMountStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  strikes: { "crash/plugin-in-mount": 6 },
};

/** Attachments are deleted by hand before the kubelet has unmounted. */
export const forcedByHandStorm: DirectedStorm = {
  attach: "kubernetes",
  isQuiet: true,
  strikes: { "haste/forced-by-hand": 6 },
};

/**
 * Disks of one size on all of three nodes, between which pods move quickly: a wrong LUN leads to another
 * volume's disk.
 */
export const replicasOnEachNode = {
  attach: "driver",
  nodesMax: 3,
  workload: { maxShares: 3, replicas: 2, access: "mount", sizeGiB: 16 },
} as const satisfies Partial<DirectedStorm>;

/**
 * One volume with replicas on other nodes: nothing is attached to a node that is fenced from another
 * volume.
 */
const oneWithReplicas = {
  nodesMax: 4,
  workload: { maxShares: 1, replicas: 0, access: "mount" },
  victim: { maxShares: 3, replicas: 2 },
} as const satisfies Partial<DirectedStorm>;

/** Raw block that pods on two nodes write at once, with one replica. */
const sharedByTwo = {
  skuName: "Premium_ZRS",
  sizeGiB: 16,
  access: "block",
  maxShares: 3,
  replicas: 1,
  sharedBy: 2,
} as const satisfies DirectedStorm["workload"];

/** And no others that move: while no process holds the device, their disks would get its number. */
const oneThatMoves = { ...oneWithReplicas, isQuiet: true } as const satisfies Partial<DirectedStorm>;

/**
 * Snapshots of frozen file systems of writing pods, while plug-ins and controllers die, and Azure answers
 * late or not at all.
 */
export const frozenSnapshotsStorm: DirectedStorm = {
  workload: { access: "mount" },
  frozenSnapshots: 16,
  strikes: {
    "crash/plugin-killed": 4,
    "crash/plugin-at-step": 2,
    "crash/controller-at-step": 2,
    "azure/answers-late": 1,
    "azure/answers-lost": 1,
    "conflicts/answers-lost": 1,
    "haste/hunted": 1,
  },
};

/**
 * Users modify volumes that move, grow and are fenced, and go back to the old class. Controllers die in the
 * steps of it, requests of dead ones land late, and Azure refuses changes of disks or loses them.
 */
export const modificationsStorm: DirectedStorm = {
  strikes: {
    "lifecycle/modified-while-moving": 3,
    "lifecycle/grown-while-moving": 1,
    "azure/modification-late": 4,
    "azure/modifications-refused": 2,
    "crash/controller-while-modifying": 4,
    "nodes/freeze-and-mark": 1,
    "haste/forced-by-hand": 1,
  },
};

/** The same of disks whose throughput is changed: Azure takes three changes a day after the creation. */
export const throughputStorm: DirectedStorm = {
  ...modificationsStorm,
  workload: { skuName: "PremiumV2_LRS", sizeGiB: 16 },
};

/** The same of disks that Azure converts to Premium SSD v2 while they are used. */
export const conversionsStorm: DirectedStorm = {
  workload: { skuName: "Premium_LRS", maxShares: 1, replicas: 0, sizeGiB: 16, cachingMode: "None" },
  strikes: {
    "lifecycle/used-while-converting": 5,
    "lifecycle/modified-while-moving": 2,
    "azure/modification-late": 2,
    "azure/modifications-refused": 3,
    "crash/controller-while-modifying": 4,
    "nodes/freeze-and-mark": 1,
    "haste/forced-by-hand": 1,
  },
};

/** Azure's index of a resource group and its disk service disagree, so that a read does not find a disk. */
export const disksNotFoundStorm: DirectedStorm = {
  strikes: {
    "azure/disk-not-found": 8,
    "nodes/freeze-and-mark": 2,
    "haste/hunted": 2,
    "haste/forced-by-hand": 1,
    "crash/controller-at-step": 1,
    "lifecycle/short-life": 1,
  },
};

/** The store is restored from older backups while snapshots of frozen file systems are taken. */
export const restoredInFreezeStorm: DirectedStorm = {
  workload: { access: "mount" },
  frozenSnapshots: 40,
  strikes: { "loss/restored": 20, "haste/hunted": 1 },
};

/** etcd goes back as a whole: by the API server a pod that has moved since runs where it was. */
export const restoredClustersStorm: DirectedStorm = {
  isQuiet: true,
  strikes: {
    "loss/restored-with-cluster": 4,
    "haste/hunted": 4,
    "haste/forced-by-hand": 2,
    "nodes/freeze-and-mark": 1,
    "crash/controller-at-step": 1,
  },
};

/** The same, and pods on two nodes at once share each volume. */
export const restoredSharedClustersStorm: DirectedStorm = {
  ...restoredClustersStorm,
  workload: sharedByTwo,
};

/** The same, and users have created, deleted, grown and snapshotted volumes since the backup. */
export const restoredChangesStorm: DirectedStorm = {
  isQuiet: true,
  // One restore: what people repair after it would be reverted by the next.
  lastStrikeMs: 200_000,
  strikes: {
    "loss/restored-with-changes": 1,
    "haste/hunted": 3,
    "haste/forced-by-hand": 1,
    "nodes/freeze-and-mark": 1,
    "crash/controller-at-step": 1,
  },
};

/**
 * Kubelets, sidecars and kube-controller-manager are started at an API server that is behind, or again and
 * again, while pods move and nodes are lost.
 */
export const staleServersStorm: DirectedStorm = {
  isQuiet: true,
  strikes: {
    "stale/lagging-server": 8,
    "mass/controller-manager-restarts": 3,
    "haste/hunted": 3,
    "haste/forced-by-hand": 1,
    "nodes/freeze-and-mark": 2,
  },
};

/** Azure throttles for minutes while pods move and nodes are fenced, and leaders stand still as long. */
export const longWaitsStorm: DirectedStorm = {
  lastStrikeMs: 240_000,
  strikes: {
    "azure/throttled-for-long": 4,
    "leaders/paused-for-minutes": 3,
    "nodes/freeze-and-mark": 2,
    "haste/hunted": 2,
    "haste/forced-by-hand": 1,
  },
};

/** A node freezes right before it mounts, is fenced, and thaws. */
export const frozenInMountStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "driver",
  strikes: { "nodes/frozen-in-mount": 3 },
};

/** A node is fenced with a mount command under way, and then the volume's record is lost. */
export const recordLostStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "kubernetes",
  // The mount command has ended before the other volumes move, after the storm.
  lastStrikeMs: 200_000,
  strikes: { "loss/record-lost-after-fence": 2 },
};

/** The same while other volumes move to a node whose fence is no longer recorded. */
export const numbersGivenAwayStorm: DirectedStorm = {
  ...oneWithReplicas,
  attach: "kubernetes",
  strikes: { "loss/number-given-away": 3 },
};

/**
 * The same, after a minute and a half in which that volume never rests. Other volumes' pods come to the
 * node once there is a record again.
 */
export const lostWhileMovingStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "kubernetes",
  lastStrikeMs: 120_000,
  strikes: { "loss/lost-while-moving": 2, "crash/controller-at-step": 1, "watches/break": 1 },
};

/** The same, with a person who deletes the AzVolume right after the fence. */
export const deletedAfterFenceStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "kubernetes",
  lastStrikeMs: 120_000,
  strikes: { "loss/deleted-after-fence": 2, "crash/controller-at-step": 1 },
};

/**
 * The same, with a person who deletes the AzVolume right before the fence, while Azure answers slowly for
 * the disk.
 */
export const deletedBeforeFenceStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "kubernetes",
  lastStrikeMs: 120_000,
  strikes: { "loss/deleted-before-fence": 2 },
};

/** A node is fenced with a mount command under way, and pods of other volumes come to it. */
export const backAfterFenceStorm: DirectedStorm = {
  ...oneWithReplicas,
  attach: "kubernetes",
  strikes: { "nodes/back-after-fence": 3 },
};

/**
 * Another client detaches a disk from a node with a mount command under way, and the attach that brings it
 * back outlasts a fence.
 */
export const pulledInMountStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "driver",
  strikes: { "disks/pulled-in-mount": 2 },
};

/**
 * The same while Azure moves no ETag with an update that changes nothing: from early on, so that no strike
 * is missed.
 */
export const unmovedEtagStorm: DirectedStorm = {
  ...pulledInMountStorm,
  // A tag moves the ETag of such a VM.
  instance: "vm",
  strikes: { "azure/etag-left": 6, "disks/pulled-in-mount": 2 },
};

/** Raw disks of one size, which only their LUNs distinguish, while another client detaches replicas. */
export const promisedLunsStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "driver",
  workload: { maxShares: 1, replicas: 0, access: "block", sizeGiB: 16 },
  victim: { maxShares: 2, replicas: 1 },
  strikes: { "disks/lun-freed": 4 },
};

/** The same while links lag: the link of a freed LUN names the other volume's disk. */
export const linksLagStorm: DirectedStorm = {
  ...promisedLunsStorm,
  strikes: { "disks/lun-freed-and-links-lag": 4 },
};

/** Raw disks that move between replicas, each of which has read them. */
export const rawReplicasStorm: DirectedStorm = {
  attach: "driver",
  nodesMax: 3,
  workload: { maxShares: 3, replicas: 2, access: "block", sizeGiB: 1024 },
  strikes: { "nodes/kubelet-restarts": 2 },
};

/** Plug-ins are killed with the command of a first format. */
export const formatCutOffStorm: DirectedStorm = { isQuiet: true, strikes: { "crash/plugin-in-format": 4 } };

/** The same, and another volume's raw disk gets the LUN. */
export const formatCutOffAndLunFreedStorm: DirectedStorm = {
  attach: "kubernetes",
  nodesMax: 3,
  isQuiet: true,
  workload: { maxShares: 1, replicas: 0, access: "mount", sizeGiB: 1024 },
  victim: { maxShares: 3, replicas: 0, access: "block" },
  lastStrikeMs: 240_000,
  strikes: { "disks/format-cut-off-and-lun-freed": 2 },
};

/**
 * A node is fenced with a mount command under way, and a person deletes its Node; after its return it is
 * to have a replica of each disk that it was fenced from.
 */
export const deletedInMountStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "kubernetes",
  // Of the smallest size that four nodes can share.
  victim: { maxShares: 4, replicas: 3, sizeGiB: 1024 },
  lastStrikeMs: 200_000,
  strikes: { "nodes/deleted-in-mount": 2 },
};

/** A forced detach is under way for minutes: there is time for one, and for its end. */
export const detachUnderWay = {
  isQuiet: true,
  lastStrikeMs: 40_000,
  workload: { maxShares: 2, replicas: 1, access: "mount" },
} as const satisfies Partial<DirectedStorm>;

/** The same, and no record contains the detach any more. */
export const detachLateAndLostStorm: DirectedStorm = {
  ...detachUnderWay,
  strikes: { "azure/detach-late-and-lost": 1 },
};

/** And the Nodes do not name their VM. */
export const unnamedVmsStorm: DirectedStorm = {
  ...detachUnderWay,
  strikes: { "azure/detach-late-and-all-lost": 1 },
  hasUnnamedVms: true,
};

/** Nodes die whose volumes are older than the time that replicas outlive the last request. */
export const agedFailoverStorm: DirectedStorm = {
  workload: { maxShares: 3, replicas: 2, access: "mount" },
  settings: { pruneReplicasAfterMs: 20_000 },
  strikes: { "nodes/freeze-and-mark": 3 },
};

/** Pods on two nodes at once share each volume, which leaves one replica a share, and move. */
export const sharedVolumesStorm: DirectedStorm = {
  workload: sharedByTwo,
  strikes: {
    "nodes/freeze-and-mark": 2,
    "nodes/power-loss": 1,
    "nodes/reimaged": 1,
    "nodes/recreated": 1,
    "replicas/replica-nodes-cordoned": 2,
    "replicas/replica-objects-deleted": 2,
    "crash/controller-at-step": 2,
    "crash/plugin-killed": 1,
    "azure/answers-lost": 1,
    "stale/cluster-view-held": 2,
    "haste/hunted": 1,
  },
};

/** The same, and people delete the driver's objects, with finalizers or without. */
export const lostSharedVolumesStorm: DirectedStorm = {
  workload: sharedByTwo,
  strikes: {
    "loss/attachments-deleted": 1,
    "loss/attachments-erased": 1,
    "loss/volume-deleted": 1,
    "loss/volume-erased": 1,
    "loss/everything-deleted": 2,
    "loss/everything-erased": 2,
    "crash/controller-at-step": 1,
    "stale/cluster-view-held": 1,
    "haste/hunted": 2,
  },
};

/** The same, and an older backup of all objects is restored while detaches are under way. */
export const restoredSharedVolumesStorm: DirectedStorm = {
  workload: sharedByTwo,
  strikes: { "loss/restored": 3, "haste/hunted": 1 },
};

/** The same, and disks are not found for a while though they are there. */
export const sharedDisksNotFoundStorm: DirectedStorm = { ...disksNotFoundStorm, workload: sharedByTwo };

/** Objects of volumes are made again from manifests, which have no status, and a spec of earlier. */
export const putBackStorm: DirectedStorm = {
  strikes: {
    "loss/put-back": 8,
    "nodes/freeze-and-mark": 2,
    "haste/hunted": 2,
    "haste/forced-by-hand": 1,
    "crash/controller-at-step": 1,
    "azure/reads-stale": 1,
  },
};

/** The same, with volumes that pods on two nodes use. */
export const sharedPutBackStorm: DirectedStorm = { ...putBackStorm, workload: sharedByTwo };

/** Nodes are drained again and again. The last one stays so, as before an upgrade that waits. */
export const drainedStorm: DirectedStorm = {
  nodesMax: 3,
  workload: { maxShares: 3, replicas: 2 },
  settings: { releaseDrainedAfterMs: 20_000 },
  strikes: { "replicas/replica-nodes-cordoned": 4, "haste/hunted": 1, "crash/controller-at-step": 2 },
  drainsAtRest: true,
};

/** Nodes are fenced, so that they have no attachment any more, and pods move quickly between the others. */
export const labelledNodesStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1 },
  strikes: { "nodes/freeze-and-mark": 8, "haste/hunted": 4 },
};

/** All labels are removed again and again while pods move. */
export const removedLabelsStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1 },
  strikes: { "loss/labels-removed": 6, "haste/hunted": 2 },
};

/** Pods come and go between nodes, and plug-ins are restarted under them. */
export const mountsInUseStorm: DirectedStorm = {
  strikes: { "crash/plugin-killed": 4, "crash/plugins-flap": 2 },
};

/**
 * A person attaches disks to a VM that is not a node; records are lost, so that the rebuild finds the VM.
 */
export const bystanderStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 0, access: "mount" },
  strikes: {
    "disks/attached-to-bystander": 6,
    "loss/volume-deleted": 4,
    "loss/controllers-upgraded": 2,
    "haste/hunted": 1,
    "nodes/freeze-and-mark": 1,
  },
};

/** A node's token reports another VM as its own, while a person has disks on a VM that is not a node. */
export const impostorStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 0, access: "mount" },
  strikes: {
    "malicious/lies-about-its-vm": 6,
    "disks/attached-to-bystander": 6,
    "loss/volume-deleted": 3,
    "loss/controllers-upgraded": 2,
  },
};

/**
 * All objects of one cluster are lost, and its controllers recover, while another cluster in the same
 * resource group has faults of its own, a restored backup included.
 */
export const twoClustersStorm: DirectedStorm = {
  strikes: {
    "loss/everything-erased": 2,
    "loss/controllers-upgraded": 1,
    "crash/controller-at-step": 2,
    "nodes/freeze-and-mark": 1,
  },
  second: {
    "loss/everything-erased": 1,
    "loss/restored": 1,
    "crash/controller-at-step": 1,
    "nodes/freeze-and-mark": 1,
    "haste/hunted": 1,
  },
};

/**
 * In each of two clusters that share a resource group, users request volumes by the names of the other
 * one's, and the driver's objects are lost.
 */
export const takenNamesStorm: DirectedStorm = {
  strikes: {
    "lifecycle/name-taken": 4,
    "loss/everything-erased": 1,
    "crash/controller-at-step": 2,
    "azure/answers-lost": 1,
  },
  second: { "lifecycle/name-taken": 4, "loss/everything-erased": 1, "crash/controller-at-step": 1 },
};

/** Other clients change the data disks of the cluster's VMs. */
export const otherWritersStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  strikes: {
    "disks/stale-list": 4,
    "disks/detach-left-behind": 4,
    "nodes/freeze-and-mark": 1,
    "haste/hunted": 2,
    "crash/controller-at-step": 1,
  },
};

/**
 * Other clients leave the detach of a replica behind, and the replica is promoted while an attach of
 * another disk carries it out.
 */
export const replicaLeftDetachingStorm: DirectedStorm = {
  ...oneThatMoves,
  lastStrikeMs: 240_000,
  strikes: { "disks/replica-left-detaching": 2 },
};

/**
 * Attachments are deleted by hand while the grants to their nodes are under way. Nodes that attach by
 * themselves wait for these grants with everything else in place.
 */
export const grantedLateStorm: DirectedStorm = {
  ...oneThatMoves,
  attach: "driver",
  strikes: { "haste/granted-late": 3 },
};

/** Other clients leave the detach of a disk in use behind, and records are lost. */
export const markedAndLostStorm: DirectedStorm = {
  ...oneWithReplicas,
  isQuiet: true,
  lastStrikeMs: 270_000,
  strikes: { "disks/marked-and-all-lost": 2, "disks/marked-and-volume-lost": 2 },
};

/** The same while Azure does not show yet which VMs have the disk. */
export const markedAndUnnamedStorm: DirectedStorm = {
  ...markedAndLostStorm,
  strikes: { "disks/marked-and-unnamed": 12 },
};

/** Node names are given to other VMs while the earlier ones stay, switched off and with their disks. */
export const nameMovesStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  lastStrikeMs: 240_000,
  strikes: { "nodes/name-moves": 4, "haste/hunted": 1, "crash/controller-at-step": 1 },
};

/** Kubelets register under other names on the same VMs, and the earlier Nodes stay behind for a while. */
export const renamedStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  lastStrikeMs: 240_000,
  strikes: { "nodes/renamed": 4, "haste/hunted": 1, "crash/controller-at-step": 1 },
};

/**
 * A node's name is given to another VM while the earlier one is granted a volume and has not acquired it.
 */
export const grantMovesStorm: DirectedStorm = {
  ...oneThatMoves,
  // One share more than the pod and its replica need: the other VM can have the disk, too.
  victim: { maxShares: 3, replicas: 1 },
  lastStrikeMs: 200_000,
  strikes: { "nodes/name-moves-before-acquire": 2 },
};

/**
 * Node names are given to other VMs while the earlier ones could write, and the tokens of the next Nodes
 * are stolen.
 */
export const anothersNameStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  lastStrikeMs: 240_000,
  strikes: { "malicious/takes-anothers-name": 4, "haste/hunted": 1, "crash/controller-at-step": 1 },
};

/**
 * The same, with every record rebuilt while there is no Node of that name: only the earlier records knew
 * its uid.
 */
export const missingNodesNameStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  lastStrikeMs: 200_000,
  strikes: { "malicious/takes-missing-nodes-name": 2, "haste/hunted": 1, "crash/controller-at-step": 1 },
};

/** The Nodes of running VMs are deleted, their kubelets recreate them, and their pods move. */
export const nodesMadeAgainStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "mount" },
  strikes: { "nodes/node-made-again": 6, "haste/hunted": 2 },
};

/** Records are lost while nodes write, and their pods are moved by force. */
export const recordsLostStorm: DirectedStorm = {
  strikes: { "loss/volume-deleted": 5, "haste/forced-by-hand": 5 },
};

/** Every object of the driver is deleted while Azure shows a disk as it was before its writer's attach. */
export const deletedWhileStaleStorm: DirectedStorm = {
  attach: "kubernetes",
  isQuiet: true,
  workload: { maxShares: 1, replicas: 0 },
  strikes: { "loss/deleted-while-stale": 4 },
};

/** A person copies disks, tags and all, and uses the copies as volumes of their own. */
export const copiesStorm: DirectedStorm = {
  strikes: {
    "disks/copied": 4,
    "nodes/freeze-and-mark": 2,
    "loss/everything-erased": 1,
    "crash/controller-at-step": 1,
    "haste/hunted": 1,
  },
};

/**
 * Users clone volumes and restore snapshots, also of other clients, and delete sources and copies in the
 * middle; Azure fails copies, or takes long for them. In the end everything is deleted.
 */
export const restoresAndClonesStorm: DirectedStorm = {
  deletesAll: true,
  strikes: {
    "lifecycle/cloned": 3,
    "lifecycle/restored-from-snapshot": 3,
    "lifecycle/source-deleted-while-copied": 2,
    "lifecycle/cloned-before-use": 1,
    "disks/snapshot-by-hand": 2,
    "disks/copied-in-background": 1,
    "azure/copies-fail": 3,
    "azure/copies-take-long": 1,
    "crash/controller-while-copying": 3,
    "nodes/freeze-and-mark": 1,
  },
};

/** Other clients begin updates of VMs whose nodes are being fenced. */
export const updatesOfOthersStorm: DirectedStorm = {
  isQuiet: true,
  strikes: { "disks/marked-during-update": 4 },
};

/** Nodes are fenced whose VMs Azure does not find, though they exist. */
export const notFoundStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 0, access: "mount" },
  strikes: { "azure/marked-while-not-found": 3, "haste/hunted": 1, "crash/controller-at-step": 1 },
};

/** Nodes are fenced whose VMs Azure shows without their disks. */
export const unlistedStorm: DirectedStorm = {
  ...notFoundStorm,
  strikes: { "azure/marked-while-unlisted": 3, "haste/hunted": 1, "crash/controller-at-step": 1 },
};

/** Processes on the nodes have raw devices open that are to move. */
export const rawLeftOpenStorm: DirectedStorm = {
  workload: { maxShares: 2, replicas: 1, access: "block" },
  strikes: { "disks/raw-left-open": 4, "haste/hunted": 1 },
};

/**
 * Kubelets take containers for ended that run on, or never unstage a volume, and agents have copies of its
 * mount.
 */
export const kubeletForgetsStorm: DirectedStorm = {
  strikes: {
    "nodes/container-forgotten": 4,
    "nodes/kubelet-dies-unpublished": 4,
    "disks/mount-copied": 3,
    "nodes/kubelet-restarts": 2,
    "crash/plugin-killed": 1,
    "crash/controller-at-step": 1,
    "haste/hunted": 1,
  },
};

/** The same, while pods on two nodes at once write each volume. */
export const kubeletForgetsSharedStorm: DirectedStorm = { ...kubeletForgetsStorm, workload: sharedByTwo };

/** DeleteVolume is called for volumes that pods use. */
export const deletedInUseStorm: DirectedStorm = {
  isQuiet: true,
  strikes: { "haste/deleted-in-use": 6, "nodes/freeze-and-mark": 1 },
};

/**
 * Controllers die between the creation of a disk and its record, and a person attaches the disk and opens
 * it.
 */
export const attachedBeforeRecordedStorm: DirectedStorm = {
  isQuiet: true,
  nodesMax: 4,
  workload: { maxShares: 2, replicas: 0, access: "mount" },
  lastStrikeMs: 200_000,
  strikes: { "disks/attached-before-recorded": 2 },
};

/**
 * Backups of the store are restored while volumes move quickly, also while calls of the node plug-ins are
 * under way.
 */
export const backupsUnderMovesStorm: DirectedStorm = {
  attach: "driver",
  strikes: { "loss/restored": 4, "loss/restored-in-flight": 2, "haste/hunted": 2 },
};

/** As above, while no controller runs, and hardly any node's heartbeat reaches the store before. */
export const backupsWithoutHeartbeatsStorm: DirectedStorm = {
  strikes: { "loss/restored-with-controllers": 6, "conflicts/heartbeats-refused": 10, "haste/hunted": 4 },
};

/**
 * The same of raw disks of one size, on nodes that keep nothing of it over a reboot: a LUN of the backup is
 * another disk's by now.
 */
export const unnoticedRestoresStorm: DirectedStorm = {
  attach: "driver",
  nodesMax: 3,
  workload: { maxShares: 1, replicas: 0, access: "block", sizeGiB: 16 },
  strikes: {
    "nodes/root-disk-breaks": 8,
    "loss/restored-with-controllers": 5,
    "haste/hunted": 4,
    "haste/forced-by-hand": 2,
  },
};

/** Volumes with replicas are grown while their pods find no node. */
export const grownWhileWaitingStorm: DirectedStorm = {
  isQuiet: true,
  workload: { maxShares: 3, replicas: 2 },
  strikes: { "lifecycle/grown-while-waiting": 6, "haste/hunted": 2 },
};

/**
 * Users ask for sizes that Azure refuses, because a VM has the disk or a quota is used up, and then for less;
 * controllers die. Of one share: Azure grows no attached shared disk at all. No pod moves, since a disk grows
 * to any size while no VM has it.
 */
export const refusedGrowthStorm: DirectedStorm = {
  isQuiet: true,
  restsFirst: true,
  workload: { skuName: "Premium_LRS", maxShares: 1, replicas: 0, sizeGiB: 512 },
  strikes: {
    "lifecycle/grown-across-boundary": 3,
    "lifecycle/growth-over-quota": 3,
    "crash/controller-at-step": 2,
  },
};

/**
 * Users snapshot disks on Premium SSD v2 and grow them at about the same time, while controllers die, pause
 * and change places. Azure copies these snapshots in the background, and fails one whose disk grows then.
 */
export const copiedSnapshotsStorm: DirectedStorm = {
  isQuiet: true,
  workload: { skuName: "PremiumV2_LRS", maxShares: 1, replicas: 0, sizeGiB: 4 },
  strikes: {
    "lifecycle/grown-while-snapshotted": 8,
    "crash/controller-at-step": 2,
    "leaders/paused": 2,
    "azure/answers-lost": 1,
    "conflicts/answers-lost": 1,
  },
};

/** The same, with growths that arrive after a later request for them was refused. */
export const lateGrowthStorm: DirectedStorm = {
  ...copiedSnapshotsStorm,
  strikes: { "lifecycle/growth-late": 4, "crash/controller-at-step": 1, "leaders/paused": 1 },
};

/** Backups are restored while attaches are under way. Some fail and leave their disk in the VM's list. */
export const failedAndRestoredStorm: DirectedStorm = {
  strikes: {
    "azure/failed-and-listed": 5,
    "loss/restored-in-flight": 4,
    "loss/restored-with-controllers": 2,
    "haste/hunted": 2,
  },
};

/** AzVolumes are deleted by hand while their volumes fail over. */
export const deletedVolumesStorm: DirectedStorm = {
  strikes: { "loss/volume-deleted": 8, "nodes/freeze-and-mark": 3, "haste/hunted": 2 },
};

/** AzDriverNodes are deleted by hand while the volumes of their nodes fail over. */
export const lostDriverNodesStorm: DirectedStorm = {
  workload: { maxShares: 3, replicas: 2, access: "mount" },
  strikes: { "loss/driver-node-deleted": 8, "nodes/freeze-and-mark": 3, "haste/hunted": 2 },
};

/** Heartbeats come up to two minutes late; leaders change, nodes freeze, and AzDriverNodes are deleted. */
export const lateHeartbeatsStorm: DirectedStorm = {
  settings: { heartbeatsPerSecond: 0.02 },
  strikes: {
    "loss/driver-node-deleted": 2,
    "loss/controllers-upgraded": 1,
    "crash/controller-at-step": 3,
    "nodes/freeze-and-mark": 2,
    "haste/forced-by-hand": 2,
  },
};

/** Nodes fall silent for long, and controllers may power their VMs off. No person acts. */
export const silentNodesStorm: DirectedStorm = {
  settings: { silentNodes: "power-off", powerOffAfterMs: 15_000 },
  stormMs: 600_000,
  lastStrikeMs: 300_000,
  strikes: {
    "nodes/silent-for-long": 3,
    "nodes/freeze": 2,
    "haste/hunted": 2,
    "crash/controller-at-step": 2,
  },
};

/**
 * Half of the nodes or more, or all of a zone, are cut off together and come back one after the other, and
 * controllers may power VMs off. No person acts.
 */
export const nodesCutOffStorm: DirectedStorm = {
  isQuiet: true,
  without: ["loss", "mass"],
  nodeZones: ["1", "1", "2", "2", "2"],
  settings: { silentNodes: "power-off", powerOffAfterMs: 15_000 },
  stormMs: 700_000,
  lastStrikeMs: 420_000,
  strikes: { "nodes/cut-off-together": 2, "haste/hunted": 1 },
};

/** The same of zones of one node or two: no zone shows that half of all nodes are silent. */
export const zonesCutOffStorm: DirectedStorm = {
  ...nodesCutOffStorm,
  nodeZones: ["1", "2", "3", "1"],
  workload: { skuName: "Premium_ZRS" },
};

/** Nodes fall silent one after the other: each once the pod of the one before has moved to it. */
export const silenceSpreadsStorm: DirectedStorm = {
  ...nodesCutOffStorm,
  nodeZones: ["1", "1", "1", "1"],
  strikes: { "nodes/cut-off-in-turn": 2, "haste/hunted": 1 },
};

/**
 * Some VMs are in a zone and some in none, as in a cluster with an availability set: Azure attaches a disk to
 * the ones or to the others, unless it is zone-redundant. Nodes fail, and others take their places.
 */
export const mixedZonesStorm: DirectedStorm = {
  nodeZones: ["", "1", "", "1", "1"],
  strikes: {
    "nodes/freeze-and-mark": 2,
    "nodes/replaced-by-another": 1,
    "replicas/replica-nodes-cordoned": 2,
    "disks/snapshot-by-hand": 1,
    "lifecycle/cloned-before-use": 1,
    "crash/controller-at-step": 1,
    "haste/hunted": 2,
  },
};

/**
 * Writers that have reserved their disks are fenced while Azure answers nothing, and thaw; commands for
 * reservations land late, and their plug-ins end.
 */
export const reservationsStorm: DirectedStorm = {
  reservations: true,
  strikes: {
    "nodes/freeze-and-mark": 4,
    "nodes/cut-off-and-mark": 2,
    "disks/reservations-late": 2,
    "disks/reservation-forgotten": 2,
    "disks/without-abort": 1,
    "crash/plugin-at-reservation": 2,
    "crash/controller-at-step": 1,
    "azure/outage": 2,
  },
  workload: { maxShares: 3, replicas: 2 },
};
