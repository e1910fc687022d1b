/** What an alert means for users, and what to do about it, in order. */
export interface Runbook {
  readonly impact: string;
  readonly steps: readonly string[];
}

const STATUS =
  "`kubectl -n kube-system exec deploy/csi-azuredisk-controller -c azuredisk -- " +
  "azuredisk-csi-driver status` lists each volume that is not fine, with its last failure and the " +
  "remedy.";
const LOG =
  "`kubectl -n kube-system logs -l app=csi-azuredisk-controller -c azuredisk --since 1h --tail -1 " +
  "--prefix` has the log of the controllers.";
const LEADER =
  "`kubectl -n azure-disk-csi get lease disk-csi-azure-com-controller` shows which controller " +
  "leads, and `kubectl -n azure-disk-csi get events --field-selector involvedObject.kind=Lease` " +
  "why it changed.";
const PODS =
  "`kubectl -n kube-system get pods -o wide -l app=csi-azuredisk-controller` shows the controllers.";
const NEEDED = "with what [a report needs](../operating.md#what-a-report-needs).";
const REPORT = `Report it ${NEEDED}`;
const CALLERS =
  "Azure's limits hold for the subscription. Its activity log (`az monitor activity-log list " +
  "--offset 1h " +
  '--query "[].caller"`) names who changes VMs and disks; the metric `azuredisk_arm_calls_total` has the ' +
  "driver's own calls.";
const REPLICAS_HELP = "Volumes with replicas fail over without calls to Azure, and continue to.";
const SILENT_NODE =
  "follow [a node that is silent](events.md#a-node-that-is-silent): see that its VM is off, and set " +
  "the taint that the event names. Never set it while the VM may run.";
const WAITS_FOR = "`kubectl -n azure-disk-csi get azv -o wide` shows which volumes (column WAITSFOR).";

/** The runbook of each alert, by its name after `AzureDisk`. */
export const runbooks: Readonly<Record<string, Runbook>> = {
  VersionsDiffer: {
    impact:
      "None at once. Two successive versions work together; more than two, or for long, are not " + "tested.",
    steps: [
      "`kubectl -n azure-disk-csi get azdn` shows the version of each node plug-in (column VERSION).",
      "`kubectl -n kube-system rollout status daemonset/csi-azuredisk-node`, and the same of " +
        "`deployment/csi-azuredisk-controller`, say what the rollout waits for.",
      "With `node.updateStrategy=OnDelete`, delete the node plug-ins' pods that are left.",
    ],
  },
  EventLoopLags: {
    impact:
      "Attaches, mounts and probes of that process are late. A leader that can't renew its Lease " +
      "for 10 s stops leading.",
    steps: [
      "The label `pod` names the process.",
      "`kubectl -n kube-system top pod --containers` shows its use of the processor; compare it " +
        "with the pod's limit, and with the load of its node.",
      `Without either cause, report it ${NEEDED}`,
    ],
  },
  CallsRefused: {
    impact: "Pods or claims wait: their volume is not created, attached or mounted.",
    steps: [
      "`kubectl describe` of the pod or claim that waits shows the event with the reason and its " +
        "remedy.",
      "`PERMISSION_DENIED`: run the preflight, `helm test azuredisk-csi-driver -n kube-system " +
        "--logs`. It prints the missing right and the command that adds it, or what Azure says of the " +
        "sign-in, such as an expired client secret.",
      "`RESOURCE_EXHAUSTED`: a quota of the region, or a node without a free slot for a data disk. " +
        "Raise the quota, or add nodes.",
      `\`INTERNAL\`: a bug. ${REPORT}`,
    ],
  },
  PublishSlow: {
    impact: "Pods that move wait for more than a minute for their disk.",
    steps: [
      "Compare `azuredisk_step_duration_seconds` of the steps `attach` and `detach`: if these are " +
        "slow, it is Azure's pace. See [AzureDiskAzureSlow](#azurediskazureslow).",
      "Otherwise look for [AzureDiskCallsUsedUp](#azurediskcallsusedup) and " +
        "[AzureDiskLoopBehind](#azurediskloopbehind).",
      "Give volumes whose pods have to move fast `maxShares` of 2 or more.",
    ],
  },
  NoLeader: {
    impact:
      "Pods that run keep writing. No volume is created, attached, detached or fenced, so that no " +
      "pod with a volume starts on another node.",
    steps: [
      PODS,
      "If there are none, look at the Deployment's events: its image, its Secret, its node selector.",
      "If they restart (`CrashLoopBackOff`), the last lines of `kubectl -n kube-system logs -p <pod> -c " +
        "azuredisk` name the setting at fault, and the member of azure.json where that is wrong. Correct " +
        "it in the Secret or the values.",
      LEADER,
      "Of a controller that runs and does not lead, `/readyz` (port 29604) and the log say what it " +
        "waits for: the API server, another driver, or its clock.",
      "No series at all: Prometheus does not reach the pods. Look at its targets.",
      "More than one leader for minutes: two installs share one Prometheus without a label of their " +
        "cluster. Set `clusterName` or the like. Two controllers of one cluster lead at once for a " +
        "moment at most, and the records then still keep to one writer.",
    ],
  },
  UnclaimedDisks: {
    impact: "None but cost.",
    steps: [
      "The event `UnclaimedDisk`, and the controller's log, name each disk.",
      "Make a PersistentVolume of one that is needed. Delete one that is not with `az disk delete`.",
    ],
  },
  OtherDriver: {
    impact:
      "Pods that run keep writing. This driver attaches and detaches nothing, since two drivers " +
      "that attach one disk are two writers.",
    steps: [
      "The event `OtherDriver`, and the controller's `/readyz`, name the other driver's workload.",
      "Remove one of the two; [Over a cluster with V1](../install.md#over-a-cluster-with-v1) says how.",
    ],
  },
  ChangeFailed: {
    impact: "Claims wait for their disk, or disks that are to be deleted still cost money.",
    steps: [
      "`kubectl -n azure-disk-csi get azv -o wide` shows which (columns STATE, ERROR and MESSAGE).",
      STATUS,
    ],
  },
  WriterNeedsPerson: {
    impact:
      "Pods wait for their volume until a person acts: its last writer may still write, and only a " +
      "person can find out.",
    steps: [
      WAITS_FOR,
      `\`WriterSilent\`: ${SILENT_NODE}`,
      "`WriterReplaced` and `NoAttachment`: `kubectl -n azure-disk-csi describe azv <volume>` names " +
        "the VM. See that it is off or gone, and do what the event says.",
      "`AttachedToForeignVM`: see [AzureDiskAttachedElsewhere](#azurediskattachedelsewhere).",
      "`ReclaimDisputed`: see [AzureDiskReclaimDisputed](#azurediskreclaimdisputed).",
    ],
  },
  WriterWaiting: {
    impact: "Pods wait for their volume for 15 minutes or more.",
    steps: [
      WAITS_FOR,
      "The reason says what ends it: a pod that still runs on the present writer's node, an " +
        "unmount, a detach or a fence. [Events](events.md) has each reason.",
      "A pod that hangs in `Terminating` keeps its volume: look at its node's kubelet.",
    ],
  },
  AttachRefused: {
    impact: "Pods wait: Azure refuses the attach, and no repetition helps.",
    steps: [
      STATUS,
      "`kubectl -n azure-disk-csi describe azv <volume>` has Azure's answer and the remedy.",
      "A missing right: run the preflight, `helm test azuredisk-csi-driver -n kube-system --logs`.",
      "Reason `DiskNotFound`: the disk was deleted in Azure (`az monitor activity-log list " +
        "--resource-id <disk>` names the client), and its data with it. Restore a snapshot into a new " +
        "claim, and delete the old claim and its pod.",
      "Reason `DiskReplaced`: another disk has its name. Only if that is the volume's restored data, " +
        "delete the AzVolume (`kubectl -n azure-disk-csi delete azv <volume>`): the next one has that " +
        "disk, as large as it is. Reason `DiskAccessGranted`: end that access " +
        "(`az disk revoke-access --ids <disk>`).",
      "The driver retries every few minutes, and at once for a new pod.",
    ],
  },
  AttachedElsewhere: {
    impact:
      "A VM that is no node can write the disk; its volume may have no writer until it is off " + "there.",
    steps: [
      `${STATUS} The condition \`AttachedElsewhere\` and the event \`FoundAttached\` name each VM by ` +
        "its resource id. Find out who attached the disk there.",
      "Detach it: `az vm disk detach --resource-group <group> --vm-name <vm> --name <disk>`, and from an " +
        "instance of a scale set by its LUN ([a lost cluster](../operating.md#a-lost-cluster), step 5). " +
        "The driver detaches nothing from a VM that is no node.",
    ],
  },
  MountUnhealthy: {
    impact:
      "With `MountDead` a pod can't use its volume, and a restarted container gets the same mount. With " +
      "`FileSystemErrors` it writes on to a file system that may lose more.",
    steps: [
      "`kubectl -n azure-disk-csi get azv -o wide` shows which volumes (column MOUNT). The events of the " +
        "pod and its claim say what the node has found.",
      "Delete the pods that use the volume on that node. It is unmounted, checked, repaired and mounted " +
        "again: the event `FileSystemRepaired` says what the check has changed.",
      "Check the data with the means of the application. If it is damaged, restore a snapshot.",
    ],
  },
  ReplicasMissing: {
    impact: "Pods run. The next failover of these volumes needs an attach by Azure, at Azure's pace.",
    steps: [
      "`kubectl -n azure-disk-csi get azv` shows which (column FAILOVERREADY is False); `describe` " +
        "says why.",
      "Make room on nodes where the pods may run: free slots for data disks, in the disk's zone.",
      "`kubectl -n azure-disk-csi get azva` shows replicas whose attach fails (columns STATE and " +
        "ERROR).",
    ],
  },
  CopyFailed: {
    impact:
      "A disk that no node has had is given to none: its pods wait. A pod that has another of them may " +
      "lack data of the source.",
    steps: [
      `${STATUS} It shows the condition \`Copying\` as False.`,
      "Save what was written to a disk that a node has had.",
      "Delete the claim, which deletes the failed copy, and make it again of the same source.",
    ],
  },
  GrantsHeldBack: {
    impact: "Pods of these volumes wait on every node.",
    steps: [
      STATUS,
      "`kubectl -n azure-disk-csi describe azv <volume>` shows the condition and what it waits for.",
      "`OfflineResize`: a shared disk grows only once it is attached nowhere. Azure's refusal, if " +
        "any, is in the column MESSAGE.",
      "`AttachmentsUnmarked`: the API server refuses a write. The controller's log has its answer, " +
        "such as a policy or a webhook of the cluster.",
    ],
  },
  AttachmentsFailed: {
    impact: "Pods wait for an attach, or a disk stays where it is no longer needed. The driver " + "retries.",
    steps: [
      "`kubectl -n azure-disk-csi get azva -o wide` shows which (columns STATE, ERROR and MESSAGE).",
      "If all are of one VM, look at that VM in Azure: a failed extension or a lock stops each of " +
        "its updates.",
    ],
  },
  NodesSilent: {
    impact:
      "Volumes on these nodes stay there: their pods may still write. No volume is granted to these " +
      "nodes, and their replicas count for no failover.",
    steps: [
      "`kubectl -n azure-disk-csi get azdn` shows which (columns READY and LASTHEARTBEAT).",
      "`kubectl get nodes`: if the node is Ready, look at its node plug-in: `kubectl -n kube-system " +
        "get pods -l app=csi-azuredisk-node --field-selector spec.nodeName=<node>`, and its log.",
      `If the node is not Ready: ${SILENT_NODE}`,
    ],
  },
  NodesUnusable: {
    impact: "Pods with volumes don't start on these nodes.",
    steps: [
      "`kubectl -n azure-disk-csi get azdn -o wide` has the reason (column MESSAGE), `kubectl " +
        "describe node <node>` its events.",
      "In quarantine after a fence: the node has to show that nothing of the volume is left. The event " +
        "`DiskStillUsed` of the Node names what is, `ReleaseUnfinished` what has yet to end by itself. If " +
        "the first can't be ended, as a process that hangs on the dead disk, or the second lasts, drain " +
        "and restart the node.",
      "Not believed (`ignored`): the column VM is another one than that of `kubectl get node <node> " +
        "-o jsonpath='{.spec.providerID}'`. Find out which is right: the cloud's node controller, " +
        "or the instance metadata service, has answered for another VM. Where two Nodes have that same " +
        "`providerID`, the kubelet has registered under another name: delete the Node from which " +
        "Kubernetes hears nothing.",
    ],
  },
  ReclaimDisputed: {
    impact: "Two pods may write one disk. Data is at risk.",
    steps: [
      "The event `ReclaimDisputed` names both nodes and the volume.",
      "Find out which pod is the right one. Delete the other pod at once, or turn its VM off.",
      "Check the file system of the volume once it is unmounted, and compare the data with a backup.",
    ],
  },
  StoreRolledBack: {
    impact:
      "Pods that run keep writing. No pod with a volume starts elsewhere until the records are " + "rebuilt.",
    steps: [
      "Was a backup of etcd restored? Then this is expected: [after a " +
        "backup](../install.md#after-a-backup-of-etcd-was-restored).",
      LEADER,
      `It ends by itself once each record is rebuilt. If it does not within minutes: ${STATUS} ${LOG}`,
    ],
  },
  CheckpointsUnwritten: {
    impact: "Volumes in use stay and are released as ever. No volume is staged on that node.",
    steps: [
      "The event `CheckpointsUnwritten` names the node.",
      "Look at its root disk: full, read-only, or broken.",
      "Drain the node, and repair or replace it.",
    ],
  },
  FenceFails: {
    impact: "Pods of a lost node wait: Azure does not prove that the node is off its disk.",
    steps: [
      STATUS,
      "Look at that VM in Azure: an operation that hangs, a lock, a missing right, an outage of the " +
        "region.",
      "If the VM can be deleted, do so: a VM that is gone is proof.",
    ],
  },
  StepThrew: {
    impact: "One step ended by a bug. The driver tries it again.",
    steps: [
      `${LOG} A step such as \`mount\` or \`release\` is a node plug-in's: \`-l app=csi-azuredisk-node\`. ` +
        "The line of the bug has its stack.",
      REPORT,
    ],
  },
  AzureSlow: {
    impact: "Volumes without replicas take minutes to move.",
    steps: [
      "Nothing in the driver is wrong. Look at Azure's status of the region.",
      "Give volumes whose pods have to move fast `maxShares` of 2 or more.",
    ],
  },
  PassThrew: {
    impact: "A control loop met a bug with one object. The driver tries it again.",
    steps: [`${LOG} The line \`reconcile threw: a bug\` has the stack, and \`key\` the object.`, REPORT],
  },
  RecoveryFails: {
    impact:
      "Pods that run keep writing. If the sign-in or a right is lost, no disk is attached, detached or " +
      "fenced: no pod of a volume without a replica moves.",
    steps: [
      `${LOG} The line \`reconcile failed\` with \`"reconciler":"recovery"\` has the failure.`,
      "Run the preflight, `helm test azuredisk-csi-driver -n kube-system --logs`: it prints the command " +
        "that helps.",
      "A secret that has expired: put the new one into the Secret of `controller.cloudConfigSecretName`. " +
        "The controllers read it at the next sign-in, without a restart.",
      "One disk that can't be read: the line `a disk was not compared with the objects` names it.",
    ],
  },
  PassesFail: {
    impact: "What that loop does for an object is not done. [Loops](loops.md) says what each does.",
    steps: [
      `${LOG} The line \`reconcile failed\` has \`key\`, the object, and \`failure\`. While that lasts, it ` +
        "comes every five minutes, with `repeats`.",
      "`CloudUnauthorized`: the sign-in or a right. Run the preflight, `helm test " +
        "azuredisk-csi-driver -n kube-system --logs`.",
      "`StoreUnavailable`: the API server, or a right in the cluster. The message names the verb " +
        "and the resource.",
    ],
  },
  LoopBehind: {
    impact: "Changes are late for all objects of that loop.",
    steps: [
      "Look for [AzureDiskEventLoopLags](#azurediskeventlooplags) and " +
        "[AzureDiskCallsUsedUp](#azurediskcallsusedup).",
      "After a restart or a rebuild of all records a queue is long for minutes: wait for its end.",
      `Without either cause, report it ${NEEDED}`,
    ],
  },
  CallsUsedUp: {
    impact: `Attaches and detaches wait for Azure's budget. ${REPLICAS_HELP}`,
    steps: [CALLERS, "Fences go first: they wait least."],
  },
  CallsBlocked: {
    impact: `The driver waits as long as Azure's \`Retry-After\` says. ${REPLICAS_HELP}`,
    steps: [CALLERS],
  },
  CallsThrottled: {
    impact: `Azure answers 429. Attaches and detaches are late. ${REPLICAS_HELP}`,
    steps: [CALLERS],
  },
  ExtenderNeutral: {
    impact: "Pods are scheduled without regard to replicas: their failovers may need an attach.",
    steps: [
      "`kubectl -n kube-system logs -l app=csi-azuredisk-scheduler-extender -c azuredisk --tail " +
        "100` and its `/readyz` (port 29606) have the reason.",
    ],
  },
  ExtenderSlow: {
    impact: "The scheduler waits for at most 1 s, and then places pods without regard to replicas.",
    steps: [
      "`kubectl -n kube-system top pod --containers -l app=csi-azuredisk-scheduler-extender`: raise " +
        "`schedulerExtender.resources.azuredisk` where it is at its limit.",
    ],
  },
  NoSlots: {
    impact: "Pods are kept off nodes that have no free slot for a data disk.",
    steps: [
      "If pods stay Pending, add nodes, or choose a VM size with more data disks.",
      "`kubectl -n azure-disk-csi get azdn -o wide` shows how many each node takes (column " +
        "MAXVOLUMES). Replicas take slots, too, and give way to a volume that needs one.",
    ],
  },
};
