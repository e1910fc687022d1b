/** What an event means, whichever component emits it. */
interface EventMeaning {
  /** Undefined: a Warning. */
  readonly type?: "Normal" | "Warning";
  /**
   * The recipients besides the object that it is about: the volume's claim, the pods that wait for the
   * volume, those of its pods that are bound to the named node, all its pods that are not ending, that
   * node. A node plug-in shows it on its own Node only (ADR 0017).
   */
  readonly shownOn?: readonly ("PersistentVolumeClaim" | "Pod" | "PodOnNode" | "AnyPod" | "Node")[];
  /**
   * The node plug-in shows it on the volume, and on its Node if that is a recipient. The controller, by what
   * the node states in its attachment, shows it on claim and pods alone.
   */
  readonly isStatedByNode?: true;
  /** When it is emitted, for docs/reference/events.md. */
  readonly when: string;
  /**
   * How often it is shown again while its emitter repeats it, such as a call of the kubelet, in
   * milliseconds: less often than each five minutes, in which an object may have one more event, so that
   * those of its other events are still shown. Undefined: every five minutes, where its emitter repeats it
   * within 90 s.
   */
  readonly shownEveryMs?: number;
  /** What to do, in a sentence that follows the message; undefined: no action is required. */
  readonly remedy?: string;
}

const OUT_OF_SERVICE =
  "if that node is dead, mark it out of service (on Kubernetes: " +
  "kubectl taint nodes <node> node.kubernetes.io/out-of-service=nodeshutdown:NoExecute)";
const OUT_OF_SERVICE_OR_DELETED = `${OUT_OF_SERVICE}, or delete its VM where it has no Node`;
const TRIED_AGAIN = "The driver retries automatically.";
const BOTH_DELETED = "If both that VM and the disk were deleted, nothing can prove it: delete the AzVolume.";

const TEN_MINUTES_MS = 600_000;
/** Kubernetes keeps an event for an hour by default. */
const HALF_AN_HOUR_MS = 1_800_000;

/** Every event reason, in the order of a volume's life. */
export const eventReasons = {
  CreationDelayed: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "creating the disk failed, and a retry may succeed: a quota, Azure's call limits, an outage",
    remedy: TRIED_AGAIN,
  },
  CreationFailed: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "the disk can't be created as requested: SKU, zone, size, parameters",
    remedy: "Change what is named there, in the StorageClass or the claim.",
  },
  OtherZone: {
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure makes no such disk in the zone that was chosen, and another allowed one is tried",
    remedy:
      "Its pods can run in that zone only. If they can't, delete the claim, and allow other zones in " +
      "allowedTopologies of the StorageClass, or choose another SKU.",
  },
  DeletedByHand: {
    shownOn: ["PersistentVolumeClaim"],
    when: "the AzVolume, or the AzVolumeAttachment of the node that writes it, was deleted by hand",
    remedy: "Its disk is kept and the object is recreated; delete the claim to delete the disk.",
  },
  UnclaimedDisk: {
    when:
      "for an hour or more, no PersistentVolume names a disk of this cluster and no node has it " +
      "(found by recovery)",
    remedy:
      "If its data is needed, make a PersistentVolume that names it. Otherwise delete the disk in " +
      "Azure (az disk delete), and its AzVolume goes too. The driver never deletes such a disk.",
  },
  DeletionDelayed: { when: "deleting the disk failed", remedy: TRIED_AGAIN },
  ExpansionFailed: {
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure did not grow the disk",
    remedy: TRIED_AGAIN,
  },
  PerformanceRaised: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim"],
    when:
      "the disk has grown, and Azure allows no disk of its new size as few IOPS, or as little throughput, " +
      "as it had: UltraSSD_LRS",
    remedy: "Azure charges for them from now on.",
  },
  NotExpanded: {
    shownOn: ["PersistentVolumeClaim", "AnyPod"],
    when:
      "a shared disk is to grow, and a node has it, a failover is under way, or a pod waits for it; or a " +
      "PremiumV2_LRS or UltraSSD_LRS disk is to grow while Azure copies a snapshot of it, or may make one",
    remedy:
      "Azure grows a shared disk only while no VM has it: stop the pods that use it, " +
      "and start them again once it has grown. " +
      "If the message names a snapshot, the disk grows once that is complete, or deleted; one that is not " +
      "made after all holds it up for 20 minutes.",
  },
  SnapshotFailed: {
    shownOn: ["PersistentVolumeClaim"],
    when:
      "Azure shows a snapshot of the disk as failed before it is ready, as where the disk has grown " +
      "since",
    remedy:
      "Delete its VolumeSnapshot and make another. Change nothing of the snapshot in Azure, such as its " +
      "tags: Azure shows it as succeeded then, whether or not it has the data.",
  },
  ModificationFailed: {
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure refuses what the claim's VolumeAttributesClass asks of the disk, which stays as it was",
    remedy:
      "The request is repeated by csi-resizer. " +
      "Change what is named there, or give the claim the class that it had.",
  },
  Copying: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim"],
    when:
      "Azure fills a disk with its source's data in the background; 10 s after it was made, and at each " +
      "20 percent",
    remedy:
      "The disk is slower, and neither grows nor is copied, until that is complete. Its source is kept.",
  },
  Copied: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure has filled a disk with the data of its source, and an event had said that it did not yet",
  },
  CopyFailed: {
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure shows a disk as failed that it still filled with the data of its source",
    remedy:
      "Restore again from the source, which is kept: delete the claim, which deletes the failed copy, and " +
      "make it again of the same source. A disk that a node has had stays usable: save first what was " +
      "written to it.",
  },
  Converting: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure moves the data of a modified disk to other storage; at the start, and at each 20 percent",
    remedy: "The disk is slower, and does not grow, until that is complete.",
  },
  Converted: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim"],
    when: "Azure has moved the data of a modified disk",
  },
  StateNotKept: {
    shownOn: ["PersistentVolumeClaim"],
    when:
      "Azure refuses the disk's tags (fenced nodes, file system, owner), or the first two could not be " +
      "written for a minute, or not yet for an AzVolume that is deleted by hand",
    remedy:
      "The driver retries every 7 to 10 minutes where Azure refuses them, and later where that concerns " +
      "more than 200 volumes. Keep the AzVolume and its finalizer until then: only it has this state.",
  },
  DiskTagsDiffer: {
    shownOn: ["PersistentVolumeClaim"],
    when: "a tag of the disk names another cluster, object, volume or driver as its owner",
    remedy:
      "The driver leaves these tags as they are. If the disk is still this volume's, remove the tag: the " +
      "driver writes its own with the next recovery. Otherwise remove the volume from this cluster.",
  },
  Attached: { type: "Normal", shownOn: ["Pod"], when: "the disk is attached to a node that requests it" },
  AttachFailed: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "attaching the disk to a node that requests it failed",
    remedy: TRIED_AGAIN,
  },
  AttachRefused: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "the disk can't be attached to a requesting node until a permission, a quota, a disk or a VM changes " +
      "(emitted once; the condition `AttachRefused` stays)",
    remedy: "Change what is named there: the driver retries every few minutes, and at once for a new pod.",
  },
  WaitingForAzure: {
    type: "Normal",
    shownOn: ["Pod"],
    when: "an attach takes longer than 30 s",
    remedy: "Azure's pace, its call limits or the connection to it are the reason; the attach continues.",
  },
  WaitingForShare: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "as many VMs as `maxShares` allows have the disk",
    remedy: "It is attached once it is detached from one of them.",
  },
  WaitingForNodePlugin: {
    shownOn: ["Pod", "Node"],
    when: "a pod was bound to a node on which no node plug-in has registered",
    remedy: "Check that the node plug-in runs there: events of the Node, or its log, say what it waits for.",
  },
  WaitingForQuarantine: {
    shownOn: ["Pod", "Node"],
    when:
      "a node is being fenced, or was, or may have a disk at an unknown LUN since its record was lost: " +
      "it may have a dead mount, and gets no disk until it is clean",
    remedy:
      "Its node plug-in cleans up by itself; if that does not end, restart the node. A disk whose place " +
      "Azure does not show, a restart may not find either: then drain the node, and replace its VM.",
  },
  WaitingForExpansion: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "a node requests a shared disk that is being grown",
    remedy: "It is attached once the disk has grown.",
  },
  DeviceMissing: {
    shownOn: ["Pod", "Node"],
    when: "the node finds no device, or another disk's, where Azure says that the disk is",
    remedy: "The controller reads Azure again, and attaches the disk again where it is gone.",
  },
  DetachFailed: {
    shownOn: ["Node"],
    when: "detaching the disk failed, or could not begin",
    remedy: `${TRIED_AGAIN} Until then the disk takes up a share and a slot of the node.`,
  },
  ReplicaAttached: { type: "Normal", when: "a replica is ready" },
  ReplicaAttachFailed: {
    when: "attaching a replica failed",
    remedy: "The driver tries a few times, then on another node.",
  },
  ReplicaPromoted: {
    type: "Normal",
    shownOn: ["Pod"],
    when: "a replica has become the primary, without an attach",
  },
  ReplicaEvicted: {
    type: "Normal",
    shownOn: ["Node"],
    when: "a replica made room for a disk that a pod needs",
    remedy: "It is placed elsewhere.",
  },
  ReplicasMissing: {
    shownOn: ["PersistentVolumeClaim"],
    when: "fewer suitable nodes than requested replicas",
    remedy:
      "Until then a failover has to attach the disk. Make room on nodes that the pods could run on, " +
      "or ask for fewer (maxMountReplicaCount).",
  },
  WaitingForWriter: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "a node requests the volume while another one writes it",
    remedy: `It moves once it is not used there any more; ${OUT_OF_SERVICE_OR_DELETED}.`,
  },
  WaitingForUser: {
    type: "Normal",
    when:
      "a node requests the volume, and no user is seen there: a pod (`attach: driver`), " +
      "or a VolumeAttachment (`attach: kubernetes`)",
    remedy:
      "It is granted once a user is seen. Where no pod is to run there, find out which client " +
      "states that request with the node's token.",
  },
  WriterSilent: {
    shownOn: ["PersistentVolumeClaim", "Pod", "PodOnNode", "Node"],
    when:
      "the writer's node, or one not yet known to be clean, sends no heartbeats or is NotReady, and the " +
      "volume is requested: a pod waits on another node or without one, or is bound to that node " +
      "(the message has the command)",
    remedy:
      "The volume then moves, with proof that the disk is off that VM. " +
      "Remove a taint that was set once the node is back.",
  },
  WriterReplaced: {
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when:
      "the volume is held by a VM that still exists, and its node name belongs to another VM, or to none " +
      "that a Node names (the message has its resource id)",
    remedy:
      "In Azure, switch that VM off, delete it, or detach the disk from it: the volume is then fenced " +
      "from it, with proof. Marking the node out of service, where it has a Node, has the same effect. " +
      BOTH_DELETED,
  },
  WaitingForUnmount: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "the controller waits for the current writer to unmount and release the volume: for 5 s " +
      "(`--recall-answer-ms`), or a pod uses it there, or the node is silent (the message says what to do " +
      "if that node is dead)",
    remedy:
      "No node is fenced without proof that it is dead. Events of that node (DiskStillUsed, " +
      "ReleaseUnfinished) say what else has the disk there.",
  },
  DiskStillUsed: {
    shownOn: ["Node"],
    when:
      "a node that was recalled, fenced or is unverified has unmounted the volume, or can't, because its " +
      "disk is in use there: by a container that its runtime does not list, an agent with a copy of the " +
      "host's mounts, or any other program (the message has the process ids or devices)",
    remedy:
      "End what is named there, or restart the pod of that agent. Until then the volume stays on this " +
      "node, or, where the node was fenced from it, no disk is attached to the node.",
  },
  ReleaseUnfinished: {
    shownOn: ["Node"],
    when:
      "as DiskStillUsed, and no program is known to use the disk: it has not carried out all writes yet, " +
      "or a command of the driver, such as umount, has not ended (the message says which)",
    remedy:
      "It ends by itself, and there is no program to end. If it lasts, see whether Azure throttles the " +
      "disk (its metrics of IOPS and bandwidth consumed) or the log of the node's kernel has errors of it. " +
      "Where that disk does not answer at all, drain the node and restart its VM.",
  },
  WaitingForFence: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "the writer is marked out of service, and has not released the volume",
    remedy: "It is fenced from the disk if it does not release it: no action is required.",
  },
  NoAttachment: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "a node holds the volume whose AzVolumeAttachment was deleted by hand (the message says what to do " +
      "if that node is dead)",
    remedy:
      "It releases the volume once its last pod there ends, and is fenced where Azure does not list " +
      "the disk on its VM.",
  },
  WaitingForProof: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when: "a disk is not new, or was found on a node, and it is not known whether it is in use there",
    remedy: `Its node plug-in will report: check that it runs there; ${OUT_OF_SERVICE_OR_DELETED}.`,
  },
  AttachedToForeignVM: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "a disk was found attached to a VM on which no node plug-in runs (the message says what to do if it " +
      "is a node)",
    remedy: "A VM that is no node of this cluster is never fenced: detach the disk from it.",
  },
  FoundAttached: {
    shownOn: ["PersistentVolumeClaim"],
    when:
      "recovery, or a failed attach, found the disk on a VM although no object says so: it was attached " +
      "by hand, or an object was erased",
    remedy:
      "The driver does not detach it from a VM that is no node of this cluster: detach it there. Until " +
      "then no other node is granted the volume. A node reports by itself once it no longer uses it.",
  },
  DeletedWithVM: {
    shownOn: ["PersistentVolumeClaim"],
    when:
      "another client has attached the disk to a node with deleteOption Delete, and the driver has not " +
      "changed that",
    remedy:
      "Azure deletes the disk when it deletes that VM: set the disk's deleteOption to Detach (az vm update " +
      "--ids <VM> --set 'storageProfile.dataDisks[<index>].deleteOption=Detach').",
  },
  Fencing: {
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a node is being fenced from the disk",
    remedy: "No other node writes until that is proven, or the disk refuses that node's writes.",
  },
  WriterPreempted: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when:
      "a node with a replica has preempted the reservation of a node that is being fenced: the disk " +
      "refuses that node's writes (`--reserve-disks`)",
    remedy: "Other nodes may be granted the volume from now on.",
  },
  NoProof: {
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a node that is being fenced is not proven to be off the disk",
    remedy: `${TRIED_AGAIN} ${BOTH_DELETED}`,
  },
  DetachNotForced: {
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when:
      "a fence by force also carries out another client's detach of a disk that has no AzVolume, from a " +
      "node that is in service",
    remedy:
      "The fence ends only once that disk is off, too. If that does not happen: detach it by force (az vm " +
      `disk detach --force-detach), or switch its VM off; or ${OUT_OF_SERVICE}.`,
  },
  EtagNotMoved: {
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when:
      "Azure accepts the driver's updates of a VM, and none moves its ETag: a node can't be proven to be " +
      "off a disk, or a write barrier can't be passed (about the AzVolume and the AzDriverNode)",
    remedy:
      "Drain that node and delete its VM (of a scale set: az vmss delete-instances): the driver takes a " +
      "VM that is gone as proof. Until then it reads the VM each minute and updates it every ten minutes.",
  },
  RecordNotVerified: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "the object store was rolled back, and the volume's record is not proven yet, so that nothing is " +
      "granted, or one of its attachments is not",
    remedy: `${TRIED_AGAIN} Where the object store refuses an object, remove the cause that it names.`,
  },
  RecordNotRebuilt: {
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "another client has removed a volume's record, and Azure does not say which VMs have its disk, or " +
      "shows another disk under its name: nothing is granted",
    remedy: "Change what is named there: the driver retries automatically.",
  },
  BarrierPending: {
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when:
      "a detach that a lost record allowed, or that is not wanted any more, may still be under way to a " +
      "node's VM",
    remedy:
      `${TRIED_AGAIN} Where DetachLeftBehind names that node, follow its remedy first: ` +
      `until then it can't succeed.`,
  },
  Fenced: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a node is proven to be off the disk",
    remedy: "Nothing is attached to it until its node plug-in reports that it is clean.",
  },
  StageFailed: {
    shownEveryMs: TEN_MINUTES_MS,
    when: "a node could not make the volume ready for its pod",
    remedy: "The kubelet retries.",
  },
  WriterReclaimed: {
    shownOn: ["Node"],
    when: "the volume's record was lost while a pod wrote it: that node remains the writer",
  },
  ReclaimDisputed: {
    shownOn: ["PersistentVolumeClaim", "Node"],
    when:
      "after a record was lost, one node reclaimed the volume while a pod on another one still has it " +
      "mounted (neither mount is removed)",
    remedy:
      "Both pods may write: find out which one is right, and delete the other; " +
      "its node releases the volume then.",
  },
  ReservedByOthers: {
    shownOn: ["Node"],
    when:
      "after a record was lost, a node that has the volume mounted finds its disk reserved by other " +
      "software (the message has the type and the key), and reclaims nothing (`--reserve-disks`)",
    remedy:
      "End that reservation: stop that software, or run on the machine that holds it: " +
      "sg_persist --out --clear --param-rk=<key> <device>. The node looks again every 5 s.",
  },
  DeviceNotTuned: {
    when: "a node serves a volume without settings that its attributes ask for",
    remedy:
      "The kernel keeps its own values. A class for new volumes may state what the nodes have; " +
      "attributes of a PersistentVolume can't be changed.",
  },
  StaleMountsRemoved: { shownOn: ["Node"], when: "a node removed mounts that it may not have any more" },
  DetachLeftBehind: {
    shownOn: ["PersistentVolumeClaim", "PodOnNode", "Node"],
    when:
      "another client's detach of a disk that a node uses has failed so far: the next update of the VM, " +
      "by any client, detaches it. The driver updates that VM only to fence a node that is out of service",
    remedy:
      `Move the pods that use it to another node; ${OUT_OF_SERVICE}. Until then the driver attaches ` +
      `nothing to that node, detaches nothing from it, and fences it from no disk.`,
  },
  DetachCarriedOut: {
    type: "Normal",
    shownOn: ["Node"],
    when:
      "another client's detach of a disk that a node does not use has failed so far, " +
      "and an update of the VM completes it",
    remedy: "The driver attaches it again where a replica or a pod needs it there.",
  },
  DiskLost: {
    shownOn: ["PersistentVolumeClaim", "PodOnNode", "Node"],
    when:
      "another client has detached a disk from the node that writes it. " +
      "The node stays the writer until it releases the volume or is fenced with proof",
    remedy:
      "Delete the pod, so that it is started with the disk. Keep other clients, such as another disk " +
      "driver, from changing the VM's data disks.",
  },
  FileSystemRepaired: {
    shownOn: ["PersistentVolumeClaim", "PodOnNode"],
    isStatedByNode: true,
    when: "an ext file system was damaged, and e2fsck has repaired it before its mount",
    remedy:
      "Its files may lack what was written to them: check them with the means of the application, or " +
      "restore a snapshot.",
  },
  FileSystemErrors: {
    shownOn: ["PersistentVolumeClaim", "PodOnNode"],
    isStatedByNode: true,
    shownEveryMs: HALF_AN_HOUR_MS,
    when: "the kernel has found errors in a mounted ext file system, which pods use on (seen within minutes)",
    remedy:
      "Stop all pods that use it, and start them again: it is checked before its next mount. The log of " +
      "the node's kernel names the errors. If the event returns, the check took it for clean: " +
      "run e2fsck -f -p on the disk while no pod uses it.",
  },
  MountDead: {
    shownOn: ["PersistentVolumeClaim", "PodOnNode"],
    isStatedByNode: true,
    shownEveryMs: HALF_AN_HOUR_MS,
    when:
      "what a pod has mounted of the volume is dead: the device is gone or answers I/O errors, or the " +
      "kernel has made the file system read-only after an error (seen within minutes)",
    remedy:
      "Delete the pods that use it on that node, so that it is unmounted, checked and mounted again: a " +
      "restarted container gets the same mount.",
  },
  WritesLost: {
    type: "Warning",
    shownOn: ["PersistentVolumeClaim", "PodOnNode", "Node"],
    isStatedByNode: true,
    when:
      "the disk has not taken all that pods had written and the kernel had cached; found as the volume is " +
      "frozen for a snapshot, which is refused once, or unmounted and released, which continues; or its " +
      "mount, which was not read-only, was dead, and is unmounted without a flush",
    remedy:
      "An application that syncs its files has had an error of fsync. Check its data with its own means, " +
      "or restore a snapshot. The log of the node's kernel names the errors.",
  },
  PodLostDisk: {
    shownOn: ["Node"],
    when:
      "a node removed mounts from under a pod that was not unpublished: " +
      "its containers can't write there once they are restarted",
    remedy: "Delete each such pod (its uid is in the path), so that it is started where the disk is.",
  },
  QuarantineLeft: {
    type: "Normal",
    shownOn: ["Node"],
    when: "a fenced node is clean: disks are attached to it again",
  },
  AttachmentIgnored: {
    when: "an AzVolumeAttachment has a name, volume and disk that contradict each other (about its Node)",
    remedy:
      "The controller deletes it. The driver makes no such object: find out what wrote it, " +
      "with that node's token or by hand.",
  },
  ReportIgnored: {
    when:
      "a node reports an impossible state: an epoch far above that of the record, or more volumes than " +
      "a VM has disks (about its Node)",
    remedy: "Its checkpoints are damaged, or another client uses its token: inspect that node.",
  },
  NodeIgnored: {
    shownOn: ["Node"],
    when:
      "an AzDriverNode reports another VM than its Node names (`spec.providerID`), the VM of another node, " +
      "or a VM that no Node names (about the AzDriverNode)",
    remedy:
      "It gets no volumes. If its VM was moved or replaced, delete its Node, so that it registers again. " +
      "If its kubelet had another name before, delete the earlier Node. " +
      "Otherwise another client uses its token: inspect that node.",
  },
  OrphanDetached: {
    type: "Normal",
    shownOn: ["PersistentVolumeClaim", "Pod"],
    when:
      "the Node and the VM of a node are gone, and no pod there uses the volume: the driver has deleted " +
      "its VolumeAttachment, which Kubernetes keeps for six minutes more",
    remedy: "Kubernetes attaches the volume elsewhere within a minute: no action is required.",
  },
  NodeMarkedOutOfService: {
    shownOn: ["Node"],
    when:
      "the kubelet and the node plug-in of a node are silent and Azure shows its VM as stopped or " +
      "deallocated: the driver has set the out-of-service taint, and Kubernetes deletes the node's pods",
    remedy: "The driver removes the taint once the node's kubelet reports again.",
  },
  NodePoweredOff: {
    type: "Warning",
    shownOn: ["Node"],
    when:
      "a node that writes has been silent for the whole time of --power-off-after-ms, and so has its " +
      "kubelet, while Azure did not show its VM as off: the driver has decided to power it off, and Azure " +
      "shows it as off",
    remedy:
      "Its pods move once the node is marked out of service. Find out why it fell silent, and start its VM " +
      "in Azure: the driver starts none.",
  },
  NodeNotPoweredOff: {
    type: "Warning",
    shownOn: ["Node"],
    when:
      "the same, and the driver has left the VM running: too many nodes are silent at once, the VM sends " +
      "heartbeats as another node, or Azure or the API server has refused it",
    remedy:
      "If many nodes are silent, look for what cuts them off from the API server. If the role lacks a " +
      `right, assign deploy/azure/role-power-off.json. Otherwise ${OUT_OF_SERVICE}.`,
  },
  NodeBackInService: {
    type: "Normal",
    shownOn: ["Node"],
    when: "the kubelet of a node that the driver had marked out of service reports again",
  },
  RollbackUnconfirmed: {
    when:
      "only one node reports a rollback of the object store, less than ten minutes after " +
      "its last such report (about its Node)",
    remedy:
      "If a backup was restored, another node or the controllers notice it, too. " +
      "Otherwise another client uses that node's token: inspect that node.",
  },
  RegistrationRefused: {
    when: "the kubelet does not accept the node plug-in: no volume is mounted on the node",
    remedy: "The kubelet retries automatically.",
  },
  MachineUnknown: {
    type: "Warning",
    when:
      "for a minute, a node plug-in has not found out what VM it runs on, or the Node's labels: no volume " +
      "is mounted on the node (about its Node)",
    remedy: "The node plug-in retries every 15 s.",
  },
  StartUpTaintKept: {
    type: "Warning",
    when: "a node's start-up taint could not be removed for a minute: no pod starts there (about its Node)",
    remedy:
      "The driver retries every 30 s. On AKS set it with --node-init-taints: AKS lets no client " +
      "of Kubernetes remove a taint of --node-taints.",
  },
  CheckpointsUnwritten: {
    when:
      "the root disk of a node takes no change, as after an error: no further volume is staged there, and " +
      "its AzDriverNode is not ready (about its Node)",
    remedy:
      "Drain that node and repair or replace it: its pods keep writing until then, and volumes that they " +
      "leave are released. The node is ready again once its disk takes a change.",
  },
  OtherDriver: {
    when:
      "another Azure disk driver, such as V1, runs beside this one: the node stages no volume (about its " +
      "Node), or the controller attaches and detaches nothing (about the Lease)",
    remedy: "It ends once only one of them is left; see docs/install.md, Over a cluster with V1.",
  },
  NodeReady: {
    type: "Normal",
    when: "the start-up taint was removed: the driver is registered on the node and serves pods with volumes",
  },
  LeaderElection: { type: "Normal", when: "a controller has begun or stopped leading (about the Lease)" },
} as const satisfies Readonly<Record<string, EventMeaning>>;

export type EventReason = keyof typeof eventReasons;

/** What an event means: a row that names no recipient or remedy has none. */
export function meaningOf(
  reason: EventReason,
): EventMeaning & Required<Pick<EventMeaning, "type" | "shownOn" | "remedy">> {
  const row: EventMeaning = eventReasons[reason];
  return { type: "Warning", shownOn: [], remedy: "", ...row };
}

export function withRemedy(reason: EventReason, message: string): string {
  const { remedy } = meaningOf(reason);
  return remedy === "" ? message : `${message}. ${remedy}`;
}
