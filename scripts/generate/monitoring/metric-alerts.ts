import type { MetricName } from "../../../src/adapters/observe/metric-table.ts";
import { RECOVERY_LOOP } from "../../../src/controller/adoption/recovery-interval.ts";
import type { EventReason } from "../../../src/core/events/event-reasons.ts";
import type { PassOutcome } from "../../../src/ports/loop-observer.ts";

/** One alert on a metric, as a rule of Prometheus. */
export interface Alert {
  /** Its name, after `AzureDisk`. */
  readonly name: string;
  readonly expr: string;
  /** How long it must hold, as Prometheus writes it. */
  readonly for: string;
  /** critical: a person is needed now. warning: today. info: at leisure. */
  readonly severity: "critical" | "warning" | "info";
  readonly summary: string;
  /** What to do. */
  readonly remedy: string;
}

const EVENTS_OF_VOLUMES =
  "`kubectl -n azure-disk-csi describe azv <volume>`, or a description of its pod, says what to do.";
const LOG = "The log has its stack: report it.";
const FIND_WAITING = "`kubectl get azv -A -o wide` shows which volumes (column WaitsFor).";
/** Reasons of WriterWaiting that end only when a person acts. */
const NEEDS_PERSON = (
  [
    "WriterSilent",
    "WriterReplaced",
    "NoAttachment",
    "AttachedToForeignVM",
    "ReclaimDisputed",
  ] satisfies readonly EventReason[]
).join("|");
const PUBLISH = "/csi.v1.Controller/ControllerPublishVolume";

/** Whether series have counted in the last 15 minutes: `increase` misses the first count, which makes one. */
const hasCounted = (by: string, series: string): string =>
  `sum by (${by}) (increase(${series}[15m])) > 0 or ` +
  `sum by (${by}) (${series} unless ${series} offset 15m) > 0`;

/** How often recovery has ended so in the last half hour: while it fails, it runs every ten minutes. */
const recoveries = (outcome: PassOutcome): string =>
  `sum(rate(azuredisk_loop_passes_total{loop="${RECOVERY_LOOP}",outcome="${outcome}"}[30m]))`;

/** The alerts on each metric; none: it is for dashboards. A metric without a row does not compile. */
export const metricAlerts: Readonly<Record<MetricName, readonly Alert[]>> = {
  azuredisk_build_info: [
    {
      name: "VersionsDiffer",
      expr: "count(count by (version) (azuredisk_build_info)) > 1",
      for: "1d",
      severity: "info",
      summary: "Several versions of the driver have run for a day.",
      remedy: "An upgrade has stopped halfway: see the rollout of its Deployments and DaemonSets.",
    },
  ],
  azuredisk_event_loop_lag_seconds: [
    {
      name: "EventLoopLags",
      expr: "avg_over_time(azuredisk_event_loop_lag_seconds[10m]) > 0.5",
      for: "10m",
      severity: "warning",
      summary: "A process of the driver answers late: its one thread is busy, or gets no processor.",
      remedy: "Look at the pod's processor time and limits; without either cause, report it with its log.",
    },
  ],
  azuredisk_csi_calls_total: [
    {
      name: "CallsRefused",
      expr:
        "sum by (method, code) " +
        '(rate(azuredisk_csi_calls_total{code=~"INTERNAL|PERMISSION_DENIED|RESOURCE_EXHAUSTED"}[15m])) > 0',
      for: "15m",
      severity: "warning",
      summary: "CSI calls are refused: a bug, a missing right, a quota, or a limit of Azure or of a node.",
      remedy: "The events of the pods and claims that wait have the reason.",
    },
  ],
  azuredisk_csi_call_duration_seconds: [
    {
      name: "PublishSlow",
      expr:
        "histogram_quantile(0.99, sum by (le) " +
        `(rate(azuredisk_csi_call_duration_seconds_bucket{method="${PUBLISH}"}[15m]))) > 60`,
      for: "15m",
      severity: "warning",
      summary: "One of a hundred ControllerPublishVolume calls takes more than a minute.",
      remedy: "Look at Azure's pace (steps attach and detach) and at its call budget.",
    },
  ],
  azuredisk_controller_is_leader: [
    {
      name: "NoLeader",
      expr: "(sum(azuredisk_controller_is_leader) or vector(0)) != 1",
      for: "5m",
      severity: "critical",
      summary: "Not exactly one controller leads: nothing is attached, detached or fenced.",
      remedy: "Look at the controllers' pods, at their logs, and at their Lease in the objects' namespace.",
    },
  ],
  azuredisk_controller_unclaimed_disks: [
    {
      name: "UnclaimedDisks",
      expr: "max(azuredisk_controller_unclaimed_disks) > 0",
      for: "1d",
      severity: "info",
      summary: "Disks of this cluster have no PersistentVolume. They cost money.",
      remedy: "The driver never deletes them. The event `UnclaimedDisk` names each, and what to do.",
    },
  ],
  azuredisk_controller_other_driver: [
    {
      name: "OtherDriver",
      expr: "max(azuredisk_controller_other_driver) > 0",
      for: "1m",
      severity: "critical",
      summary: "Another Azure disk driver runs in the cluster: this one attaches and detaches nothing.",
      remedy: "Remove one of them. The event `OtherDriver` and the controller's `/readyz` name the other.",
    },
  ],
  azuredisk_volumes: [
    {
      name: "ChangeFailed",
      expr: 'sum by (state) (azuredisk_volumes{state=~"CreationFailed|UpdateFailed|DeletionFailed"}) > 0',
      for: "15m",
      severity: "warning",
      summary: "Azure refuses to create, change or delete disks.",
      remedy: `\`kubectl get azv -A\` shows which (columns State and Error). ${EVENTS_OF_VOLUMES}`,
    },
  ],
  azuredisk_volume_conditions: [
    {
      name: "WriterNeedsPerson",
      expr:
        "sum by (reason) " +
        `(azuredisk_volume_conditions{condition="WriterWaiting",reason=~"${NEEDS_PERSON}"}) > 0`,
      for: "5m",
      severity: "critical",
      summary: "Pods wait for a volume whose writer is silent, or is not proven to be off its disk.",
      remedy: `The driver never fences on suspicion. ${FIND_WAITING} ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "WriterWaiting",
      expr:
        "sum by (reason) " +
        `(azuredisk_volume_conditions{condition="WriterWaiting",reason!~"${NEEDS_PERSON}"}) > 0`,
      for: "15m",
      severity: "warning",
      summary: "Nodes wait to write a volume.",
      remedy: `${FIND_WAITING} ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "AttachRefused",
      expr: 'sum by (reason) (azuredisk_volume_conditions{condition="AttachRefused"}) > 0',
      for: "5m",
      severity: "warning",
      summary: "Disks can't be attached until a permission, a quota, a disk or a VM changes.",
      remedy: EVENTS_OF_VOLUMES,
    },
    {
      name: "AttachedElsewhere",
      expr: 'sum(azuredisk_volume_conditions{condition="AttachedElsewhere"}) > 0',
      for: "5m",
      severity: "warning",
      summary: "VMs that are no nodes of this cluster have disks of its volumes.",
      remedy: `Detach them there: the driver does not. ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "MountUnhealthy",
      expr: 'sum by (reason) (azuredisk_volume_conditions{condition="MountUnhealthy"}) > 0',
      for: "1m",
      severity: "critical",
      summary: "What pods have mounted is dead, or its file system has errors.",
      remedy: `\`kubectl get azv -A -o wide\` shows which (column Mount). ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "ReplicasMissing",
      expr: 'sum(azuredisk_volume_conditions{condition="FailoverReady"}) > 0',
      for: "30m",
      severity: "warning",
      summary: "Volumes lack replicas: their next failover has to attach the disk.",
      remedy: `Make room on nodes where their pods may run. ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "CopyFailed",
      expr: 'sum(azuredisk_volume_conditions{condition="Copying",reason="CopyFailed"}) > 0',
      for: "5m",
      severity: "warning",
      summary: "Azure failed to fill disks with the data of their sources: data may be missing on them.",
      remedy: `Restore again from the source, which is kept. ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "GrantsHeldBack",
      expr:
        "sum by (condition) " +
        '(azuredisk_volume_conditions{condition=~"OfflineResize|AttachmentsUnmarked"}) > 0',
      for: "15m",
      severity: "warning",
      summary: "No node gets a volume: its disk has to grow first, or its attachments to be marked.",
      remedy: EVENTS_OF_VOLUMES,
    },
  ],
  azuredisk_attachments: [
    {
      name: "AttachmentsFailed",
      expr:
        "sum by (role, state) " + '(azuredisk_attachments{state=~"AttachmentFailed|DetachmentFailed"}) > 0',
      for: "15m",
      severity: "warning",
      summary: "Disks are not attached, or not detached. The driver retries.",
      remedy: "`kubectl get azva -A` shows which (columns State and Error).",
    },
  ],
  azuredisk_nodes: [
    {
      name: "NodesSilent",
      expr: 'sum(azuredisk_nodes{state="silent"}) > 0',
      for: "5m",
      severity: "warning",
      summary: "Node plug-ins send no heartbeats: their nodes get no volumes and count for no failover.",
      remedy:
        "`kubectl get azdn -A` shows which. If that node is dead, mark it out of service, as " +
        "docs/reference/events.md says.",
    },
    {
      name: "NodesUnusable",
      expr: 'sum by (state) (azuredisk_nodes{state=~"not-ready|quarantine|ignored"}) > 0',
      for: "30m",
      severity: "warning",
      summary: "Node plug-ins are not ready, are in quarantine after a fence, or are not believed.",
      remedy: "`kubectl get azdn -A -o wide` and the events of their Nodes have the reason.",
    },
  ],
  azuredisk_node_conditions: [
    {
      name: "ReclaimDisputed",
      expr: 'sum(azuredisk_node_conditions{condition="ReclaimDisputed"}) > 0',
      for: "0m",
      severity: "critical",
      summary: "After a lost record two nodes claim one volume: both pods may write.",
      remedy: "Find out which pod is right, and delete the other. The event `ReclaimDisputed` names both.",
    },
    {
      name: "StoreRolledBack",
      expr: 'sum(azuredisk_node_conditions{condition="StoreRolledBack"}) > 0',
      for: "10m",
      severity: "critical",
      summary: "The object store was rolled back, and the records of the volumes are not rebuilt yet.",
      remedy: "Pods keep writing, and none starts elsewhere. See docs/explanation/recovery.md.",
    },
    {
      name: "CheckpointsUnwritten",
      expr: 'sum(azuredisk_node_conditions{condition="CheckpointsUnwritten"}) > 0',
      for: "5m",
      severity: "warning",
      summary: "The root disk of a node takes no change: no volume is staged there.",
      remedy: "Drain that node, and repair or replace it. The event `CheckpointsUnwritten` names it.",
    },
  ],
  azuredisk_steps_total: [
    {
      name: "FenceFails",
      expr: 'sum(rate(azuredisk_steps_total{step="fence",outcome="failed"}[10m])) > 0',
      for: "15m",
      severity: "critical",
      summary: "A failover waits for the proof that a node is off its disk.",
      remedy: `The driver retries. ${EVENTS_OF_VOLUMES}`,
    },
    {
      name: "StepThrew",
      expr: hasCounted("step", 'azuredisk_steps_total{outcome="threw"}'),
      for: "0m",
      severity: "warning",
      summary: "A step of the driver ended by a bug.",
      remedy: LOG,
    },
  ],
  azuredisk_step_duration_seconds: [
    {
      name: "AzureSlow",
      expr:
        "histogram_quantile(0.9, sum by (le, step) " +
        '(rate(azuredisk_step_duration_seconds_bucket{step=~"attach|detach"}[30m]))) > 120',
      for: "30m",
      severity: "info",
      summary: "Azure takes more than two minutes for one of ten attaches or detaches.",
      remedy: "Nothing in the driver is wrong. Replicas make failovers independent of Azure's pace.",
    },
  ],
  azuredisk_loop_passes_total: [
    {
      name: "PassThrew",
      expr: hasCounted("loop", 'azuredisk_loop_passes_total{outcome="threw"}'),
      for: "0m",
      severity: "warning",
      summary: "A pass of a control loop ended by a bug.",
      remedy: LOG,
    },
    {
      name: "RecoveryFails",
      expr: `${recoveries("failed")} > 0 unless ${recoveries("done")} > 0`,
      for: "15m",
      severity: "critical",
      summary: "The leader can't compare the disks with Azure: an expired secret, a lost right, an outage.",
      remedy: "The log names the reason and the remedy; the preflight (`helm test`) finds what is missing.",
    },
    {
      name: "PassesFail",
      expr: 'sum by (loop) (rate(azuredisk_loop_passes_total{outcome="failed"}[15m])) > 0',
      for: "1h",
      severity: "warning",
      summary: "A control loop fails again and again.",
      remedy: "The log and the events of its objects have the reason.",
    },
  ],
  azuredisk_loop_keys: [
    {
      name: "LoopBehind",
      expr: 'sum by (loop) (min_over_time(azuredisk_loop_keys{state="ready"}[5m])) > 0',
      for: "10m",
      severity: "warning",
      summary: "A control loop does not catch up with its queue.",
      remedy: "Look at Azure's call budget, and at the lag of the controllers' event loop.",
    },
  ],
  azuredisk_arm_calls_left: [
    {
      name: "CallsUsedUp",
      expr: "min by (group, scope) (azuredisk_arm_calls_left) < 1",
      for: "5m",
      severity: "warning",
      summary: "Azure allows no further calls for now: attaches become slow.",
      remedy: "Find out which other client of the subscription calls Azure so often.",
    },
  ],
  azuredisk_arm_blocked_seconds: [
    {
      name: "CallsBlocked",
      expr: "max by (group) (azuredisk_arm_blocked_seconds) > 0",
      for: "10m",
      severity: "warning",
      summary: "Azure has the driver wait before it calls again.",
      remedy: "Find out which other client of the subscription calls Azure so often.",
    },
  ],
  azuredisk_arm_calls_total: [],
  azuredisk_arm_refused_calls_total: [
    {
      name: "CallsThrottled",
      expr: "sum by (group) (rate(azuredisk_arm_refused_calls_total[5m])) > 0",
      for: "10m",
      severity: "warning",
      summary: "Azure refuses calls with 429, although the driver keeps to its budget.",
      remedy: "Another client uses up the subscription's budget: find out which.",
    },
  ],
  azuredisk_arm_budget_wait_seconds_total: [],
  azuredisk_extender_requests_total: [
    {
      name: "ExtenderNeutral",
      expr: 'sum(rate(azuredisk_extender_requests_total{outcome="neutral"}[5m])) > 0',
      for: "15m",
      severity: "warning",
      summary: "The scheduler extender knows nothing: pods are placed without regard to replicas.",
      remedy: "Its log and its `/readyz` have the reason.",
    },
  ],
  azuredisk_extender_request_duration_seconds: [
    {
      name: "ExtenderSlow",
      expr:
        "histogram_quantile(0.99, sum by (le) " +
        "(rate(azuredisk_extender_request_duration_seconds_bucket[5m]))) > 0.5",
      for: "10m",
      severity: "warning",
      summary: "The scheduler extender answers late: the scheduler gives up after 1 s.",
      remedy: "Look at the processor time and limits of its pods.",
    },
  ],
  azuredisk_extender_removed_nodes_total: [
    {
      name: "NoSlots",
      expr: 'sum(rate(azuredisk_extender_removed_nodes_total{because="no-slot"}[15m])) > 0',
      for: "15m",
      severity: "info",
      summary: "Pods are kept off nodes that have no free data-disk slot for their volumes.",
      remedy: "If pods stay Pending, add nodes, or choose a VM size with more data disks.",
    },
  ],
};
