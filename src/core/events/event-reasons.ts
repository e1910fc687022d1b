/** What an event means, whoever tells it. */
interface EventMeaning {
  readonly type: "Normal" | "Warning";
  /**
   * Who is told besides the object that it is about: the volume's claim, the pods that wait for the volume,
   * those of its pods that are bound to the node that it names, that node.
   */
  readonly tells: readonly ("PersistentVolumeClaim" | "Pod" | "PodOnNode" | "Node")[];
  /** When it is told, for docs/events.md. */
  readonly when: string;
  /** What to do, in a sentence that follows the message; empty: nothing is to be done. */
  readonly remedy: string;
}

const OUT_OF_SERVICE =
  "if that node is dead, mark it out of service (on Kubernetes: kubectl taint nodes <node> node.kubernetes.io/out-of-service=nodeshutdown:NoExecute)";
const TRIED_AGAIN = "It is tried again by itself.";

/** Every reason for which the driver tells people something, in the order of a volume's life. */
export const eventReasons = {
  CreationDelayed: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "creating the disk failed, and another try may succeed: a quota, Azure's call limits, an outage",
    remedy: TRIED_AGAIN,
  },
  CreationFailed: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "the disk can't be created as it was asked for: SKU, zone, size, parameters",
    remedy: "Change what is named there, in the StorageClass or the claim.",
  },
  DeletedByHand: {
    type: "Warning",
    tells: ["PersistentVolumeClaim"],
    when: "somebody deleted the AzVolume itself, or the AzVolumeAttachment of the node that writes it",
    remedy: "Its disk is kept and the object is made anew; delete the claim to delete the disk.",
  },
  UnclaimedDisk: {
    type: "Warning",
    tells: [],
    when: "a disk that this cluster made is there, and since an hour or more no PersistentVolume names it and no node has it. Found by recovery, every 10 minutes",
    remedy:
      "If its data is needed, make a PersistentVolume that names it; otherwise delete the disk in Azure (az disk delete), and its AzVolume goes by itself. The driver never does so by itself.",
  },
  DeletionDelayed: {
    type: "Warning",
    tells: [],
    when: "deleting the disk failed",
    remedy: TRIED_AGAIN,
  },
  ExpansionFailed: {
    type: "Warning",
    tells: ["PersistentVolumeClaim"],
    when: "Azure did not grow the disk",
    remedy: TRIED_AGAIN,
  },
  NotExpanded: {
    type: "Warning",
    tells: ["PersistentVolumeClaim"],
    when: "a shared disk is to grow, and a node has it, a failover is under way, or a pod waits for it",
    remedy:
      "Azure grows a shared disk only while no VM has it: stop the pods that use it, and start them again once it has grown.",
  },
  StateNotKept: {
    type: "Warning",
    tells: ["PersistentVolumeClaim"],
    when: "Azure refuses the tags of the disk that keep who was cut off from it and that it has a file system, or they could not be written for a minute, or not yet for an AzVolume that is deleted by hand",
    remedy:
      "It is tried again by itself, after 7 to 10 minutes where Azure refuses it, and later where it refuses the tags of more than 200 volumes. Do not delete the AzVolume or its finalizer until then: it alone says so.",
  },
  Attached: {
    type: "Normal",
    tells: ["Pod"],
    when: "the disk is attached to a node that wants it",
    remedy: "",
  },
  AttachFailed: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "attaching the disk to a node that wants it failed",
    remedy: TRIED_AGAIN,
  },
  AttachRefused: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "the disk can't be attached to a node that wants it until somebody changes something: a permission, a quota, a disk or VM that is gone. Told once; the condition `AttachRefused` stays",
    remedy:
      "Change what is named there: it is tried again every few minutes, and at once when the pod is made anew.",
  },
  WaitingForAzure: {
    type: "Normal",
    tells: ["Pod"],
    when: "an attach takes longer than 30 s",
    remedy: "Azure's pace, or its call limits, are the reason; it goes on by itself.",
  },
  WaitingForShare: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "as many VMs as `maxShares` allows have the disk",
    remedy: "It is attached as soon as one of them has let go.",
  },
  WaitingForNodePlugin: {
    type: "Warning",
    tells: ["Pod", "Node"],
    when: "a pod was bound to a node on which no node plug-in has registered",
    remedy: "Check that the node plug-in runs there.",
  },
  WaitingForQuarantine: {
    type: "Warning",
    tells: ["Pod", "Node"],
    when: "the node was cut off from a disk and may still have a dead mount: nothing is attached to it until it is clean",
    remedy: "Its node plug-in cleans up by itself; if that does not end, restart the node.",
  },
  WaitingForExpansion: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "a node wants a shared disk that is just being grown",
    remedy: "It is attached once the disk has grown.",
  },
  DeviceMissing: {
    type: "Warning",
    tells: ["Pod", "Node"],
    when: "the node finds no device, or another disk's, where Azure says that the disk is",
    remedy: "Azure is asked again, and the disk is attached anew where it is gone.",
  },
  DetachFailed: {
    type: "Warning",
    tells: ["Node"],
    when: "detaching the disk failed",
    remedy: `${TRIED_AGAIN} Until then the disk takes up a share and a slot of the node.`,
  },
  ReplicaAttached: {
    type: "Normal",
    tells: [],
    when: "a replica is ready",
    remedy: "",
  },
  ReplicaAttachFailed: {
    type: "Warning",
    tells: [],
    when: "attaching a replica failed",
    remedy: "It is tried a few times, then on another node.",
  },
  ReplicaPromoted: {
    type: "Normal",
    tells: ["Pod"],
    when: "a replica has become the primary: nothing had to be attached",
    remedy: "",
  },
  ReplicaEvicted: {
    type: "Normal",
    tells: ["Node"],
    when: "a replica made room for a disk that a pod needs",
    remedy: "It is placed elsewhere.",
  },
  ReplicasMissing: {
    type: "Warning",
    tells: ["PersistentVolumeClaim"],
    when: "fewer replicas than asked for find a node",
    remedy:
      "Until then a failover has to attach the disk. Make room on nodes that the pods could run on, or ask for fewer (maxMountReplicaCount).",
  },
  WaitingForWriter: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "a node wants the volume while another one writes it",
    remedy: `It moves once nobody uses it there any more; ${OUT_OF_SERVICE}.`,
  },
  WaitingForUser: {
    type: "Normal",
    tells: [],
    when: "a node wants the volume, and no user is seen there: a pod (`attach: driver`), or a VolumeAttachment (`attach: kubernetes`)",
    remedy:
      "It is granted once a user is seen. Where no pod is to run there, find out what states that want with the node's token.",
  },
  WriterSilent: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod", "PodOnNode", "Node"],
    when: "the writer's node, or one that has not shown yet that it is clean, sends no heartbeats, or is NotReady, while the volume is requested: a pod on another node waits for it, one is still bound to that node, or the next one has no node yet. The message has the command",
    remedy:
      "The driver then takes the disk off that VM, with proof, and the volume moves. Take the taint off once the node is back.",
  },
  WriterReplaced: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "the volume is held by a VM whose node name belongs to another VM by now, and that VM still exists. The message has its resource id",
    remedy:
      "In Azure, switch that VM off, delete it, or detach the disk from it: the volume is fenced from it then, with proof. Marking the node out of service has the same effect.",
  },
  WaitingForUnmount: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "the writer is to give the volume back, and has not yet",
    remedy: `No node is cut off without proof that it is dead: ${OUT_OF_SERVICE}.`,
  },
  WaitingForFence: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "the writer is marked out of service, and has not given the volume back",
    remedy: "It is cut off from the disk if it does not let go by itself: nothing more is to be done.",
  },
  NoAttachment: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "a node holds the volume whose AzVolumeAttachment was deleted by hand",
    remedy: `It gives the volume back once its last pod there ends, and is cut off where Azure does not list the disk on its VM; ${OUT_OF_SERVICE}.`,
  },
  WaitingForProof: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "a disk is not new, or was found attached to a node, and whether it is in use there is not known yet",
    remedy: `Its node plug-in will say so: check that it runs there; ${OUT_OF_SERVICE}.`,
  },
  AttachedToForeignVM: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "a disk was found attached to a VM on which no node plug-in runs",
    remedy: `A VM that is no node of this cluster is never cut off: detach the disk from it; ${OUT_OF_SERVICE}.`,
  },
  FoundAttached: {
    type: "Warning",
    tells: ["PersistentVolumeClaim"],
    when: "recovery, or an attach that failed, found the disk on a VM although no object says so: a person attached it, or an object was erased",
    remedy:
      "The driver does not take it off a VM that is no node of this cluster: detach it there. Until then no other node is granted the volume. A node reports by itself once nothing of it is in use there.",
  },
  Fencing: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a node is being cut off from the disk",
    remedy: "Nobody else writes until that is proven.",
  },
  NoProof: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a node that is being cut off is not proven to be off the disk",
    remedy: TRIED_AGAIN,
  },
  RecordNotVerified: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod"],
    when: "the object store went back, and the volume's record could not be proven yet: it is granted to no node until then",
    remedy: TRIED_AGAIN,
  },
  BarrierPending: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a volume's record was lost, and a detach that it allowed may still be under way to a node's VM",
    remedy: `${TRIED_AGAIN} Where DetachLeftBehind is told of that node, do what that says: until then it can't succeed.`,
  },
  Fenced: {
    type: "Normal",
    tells: ["PersistentVolumeClaim", "Pod", "Node"],
    when: "a node is proven to be off the disk",
    remedy: "Nothing is attached to it until its node plug-in says that it is clean.",
  },
  StageFailed: {
    type: "Warning",
    tells: [],
    when: "a node could not make the volume ready for its pod",
    remedy: "The kubelet tries it again.",
  },
  WriterReclaimed: {
    type: "Warning",
    tells: ["Node"],
    when: "the volume's record was lost while a pod wrote it: that node goes on",
    remedy: "",
  },
  ReclaimDisputed: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "Node"],
    when: "after a record was lost, one node claimed the volume, and on another one a pod still has it mounted. Neither mount is removed",
    remedy:
      "Both pods may write: find out which one is right, and delete the other; its node releases the volume then.",
  },
  StaleMountsRemoved: {
    type: "Warning",
    tells: ["Node"],
    when: "a node removed mounts that it may not have any more",
    remedy: "",
  },
  DetachLeftBehind: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "PodOnNode", "Node"],
    when: "others have asked Azure to take a disk off a node that uses it, and that has failed so far: the next update of the VM, by any client, takes it off. The driver sends none but fences of a node that is out of service",
    remedy: `Move the pods that use it to another node; ${OUT_OF_SERVICE}. Until then the driver attaches nothing to that node, detaches nothing from it, and cuts it off from no disk.`,
  },
  DetachCarriedOut: {
    type: "Normal",
    tells: ["Node"],
    when: "others have asked Azure to take a disk off a node that does not use it, that has failed so far, and an update of the VM takes it off",
    remedy: "The driver attaches it again where a replica or a pod needs it there.",
  },
  DiskLost: {
    type: "Warning",
    tells: ["PersistentVolumeClaim", "PodOnNode", "Node"],
    when: "others have taken a disk off the node that writes it. The node stays the writer until it gives the volume back or is fenced with proof",
    remedy:
      "Delete the pod, so that it is started with the disk. Keep other clients, such as another disk driver, from changing the VM's data disks.",
  },
  PodLostDisk: {
    type: "Warning",
    tells: ["Node"],
    when: "a node removed mounts from under a pod that was not unpublished: its containers, once they are started again, can't write there",
    remedy: "Delete each such pod (its uid is in the path), so that it is started where the disk is.",
  },
  QuarantineLeft: {
    type: "Normal",
    tells: ["Node"],
    when: "a node that was cut off is clean: disks are attached to it again",
    remedy: "",
  },
  AttachmentIgnored: {
    type: "Warning",
    tells: [],
    when: "an AzVolumeAttachment has a name, volume and disk that contradict each other (about its Node)",
    remedy:
      "The controller deletes it. The driver makes no such object: find out what wrote it, with that node's token or by hand.",
  },
  ReportIgnored: {
    type: "Warning",
    tells: [],
    when: "a node reports of itself what can't be: an epoch far above that of the record, or more volumes than a VM has disks (about its Node)",
    remedy: "Its notes are damaged, or something else writes with its token: look into that node.",
  },
  NodeIgnored: {
    type: "Warning",
    tells: ["Node"],
    when: "an AzDriverNode reports another VM than its Node names (`spec.providerID`), the VM of another node, or a VM that no Node names (about the AzDriverNode)",
    remedy:
      "It gets no volumes. If its VM was moved or replaced, delete its Node, so that it registers again. Otherwise something else writes with its token: look into that node.",
  },
  RollbackUnconfirmed: {
    type: "Warning",
    tells: [],
    when: "a node alone says that the object store went back, less than ten minutes after it did so before (about its Node)",
    remedy:
      "If a backup was put back, another node or the controllers notice it, too. Otherwise something else writes with that node's token: look into that node.",
  },
  RegistrationRefused: {
    type: "Warning",
    tells: [],
    when: "the kubelet does not take the node plug-in: no volume is mounted on the node",
    remedy: "The kubelet asks again by itself.",
  },
  OtherDriver: {
    type: "Warning",
    tells: [],
    when: "another Azure disk driver runs beside this one, such as V1: the node stages no volume (about its Node), or the controller attaches and detaches nothing (about the Lease)",
    remedy: "It ends by itself once only one of them is left; see docs/install.md, Over a cluster with V1.",
  },
  NodeReady: {
    type: "Normal",
    tells: [],
    when: "the start-up taint was taken off: the driver is registered on the node, and pods with volumes may come",
    remedy: "",
  },
  LeaderElection: {
    type: "Normal",
    tells: [],
    when: "a controller has begun or stopped to lead (about the Lease)",
    remedy: "",
  },
} as const satisfies Readonly<Record<string, EventMeaning>>;

/** Why something is told. */
export type EventReason = keyof typeof eventReasons;

/** What an event means. */
export function meaningOf(reason: EventReason): EventMeaning {
  return eventReasons[reason];
}

/** A message with what to do about it. */
export function withRemedy(reason: EventReason, message: string): string {
  const { remedy } = meaningOf(reason);
  return remedy === "" ? message : `${message}. ${remedy}`;
}
