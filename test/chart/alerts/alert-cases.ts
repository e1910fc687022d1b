/** What is scraped, and which alerts fire when; all others stay silent. */
export interface AlertCase {
  readonly because: string;
  /** By series, its values in promtool's notation, a sample a minute. */
  readonly series: Readonly<Record<string, string>>;
  /** How many minutes are evaluated. */
  readonly minutes: number;
  /** By alert, without `AzureDisk`: the first and the last minute in which it fires. */
  readonly fires: Readonly<Record<string, string>>;
}

const condition = (type: string, reason: string): string =>
  `azuredisk_volume_conditions{condition="${type}",reason="${reason}"}`;
const step = (name: string, outcome: string): string =>
  `azuredisk_steps_total{step="${name}",outcome="${outcome}"}`;
/** The cumulated buckets of a histogram with an observation a minute, each between two bounds. */
const observed = (metric: string, labels: string, [below, above]: readonly [string, string]) => ({
  [`${metric}_bucket{${labels},le="${below}"}`]: "0x200",
  [`${metric}_bucket{${labels},le="${above}"}`]: "0+1x200",
  [`${metric}_bucket{${labels},le="+Inf"}`]: "0+1x200",
});
const PUBLISH = 'method="/csi.v1.Controller/ControllerPublishVolume"';

/** A row or more for each alert of the chart. */
export const alertCases: readonly AlertCase[] = [
  { because: "stay silent in a cluster that is well", series: {}, minutes: 60, fires: {} },

  {
    because: "report that no controller leads after five minutes",
    series: { azuredisk_controller_is_leader: "1x9 0x50" },
    minutes: 40,
    fires: { NoLeader: "15 to 40" },
  },
  {
    because: "report that two controllers lead",
    series: { azuredisk_controller_is_leader: "1x50", 'azuredisk_controller_is_leader{pod="b"}': "0x9 1x50" },
    minutes: 40,
    fires: { NoLeader: "15 to 40" },
  },
  {
    because: "report that no controller is scraped, once its last sample is stale",
    series: { azuredisk_controller_is_leader: "1x9 stale _x50" },
    minutes: 40,
    fires: { NoLeader: "15 to 40" },
  },
  {
    because: "stay silent where another controller leads within five minutes",
    series: {
      azuredisk_controller_is_leader: "1x9 0x50",
      'azuredisk_controller_is_leader{pod="b"}': "0x13 1x50",
    },
    minutes: 40,
    fires: {},
  },

  {
    because: "report two versions after a day",
    series: {
      'azuredisk_build_info{version="0.1.0",pod="a"}': "1x1600",
      'azuredisk_build_info{version="0.2.0",pod="b"}': "1x1600",
    },
    minutes: 1_500,
    fires: { VersionsDiffer: "1440 to 1500" },
  },
  {
    because: "stay silent through an upgrade of 23 hours",
    series: {
      'azuredisk_build_info{version="0.1.0",pod="a"}': "1x1380 stale",
      'azuredisk_build_info{version="0.2.0",pod="b"}': "1x1600",
    },
    minutes: 1_500,
    fires: {},
  },
  {
    because: "report disks without a PersistentVolume after a day",
    series: { azuredisk_controller_unclaimed_disks: "2x1600" },
    minutes: 1_500,
    fires: { UnclaimedDisks: "1440 to 1500" },
  },

  {
    because: "report an event loop that lags for ten minutes",
    series: { 'azuredisk_event_loop_lag_seconds{pod="a"}': "0.01x9 2x60" },
    minutes: 60,
    fires: { EventLoopLags: "22 to 60" },
  },
  {
    because: "stay silent at one pause of five seconds",
    series: { 'azuredisk_event_loop_lag_seconds{pod="a"}': "0.01x9 5 0.01x50" },
    minutes: 60,
    fires: {},
  },

  {
    because: "report refused calls of one volume that is tried every five minutes",
    series: {
      'azuredisk_csi_calls_total{method="/csi.v1.Controller/CreateVolume",code="PERMISSION_DENIED"}':
        "_x9 1x4 2x4 3x4 4x4 5x4 6x4 7x4",
    },
    minutes: 45,
    fires: { CallsRefused: "29 to 45" },
  },
  {
    because: "stay silent at calls that are to be repeated",
    series: {
      'azuredisk_csi_calls_total{method="/csi.v1.Controller/ControllerPublishVolume",code="UNAVAILABLE"}':
        "0+1x60",
    },
    minutes: 60,
    fires: {},
  },
  {
    because: "report slow publishes",
    series: observed("azuredisk_csi_call_duration_seconds", PUBLISH, ["60", "300"]),
    minutes: 60,
    fires: { PublishSlow: "16 to 60" },
  },
  {
    because: "report publishes that take longer than the highest bucket",
    series: observed("azuredisk_csi_call_duration_seconds", PUBLISH, ["300", "+Inf"]),
    minutes: 60,
    fires: { PublishSlow: "16 to 60" },
  },
  {
    because: "stay silent at publishes at Azure's usual pace",
    series: observed("azuredisk_csi_call_duration_seconds", PUBLISH, ["5", "15"]),
    minutes: 60,
    fires: {},
  },

  {
    because: "report another driver",
    series: { azuredisk_controller_other_driver: "0x9 1x20" },
    minutes: 20,
    fires: { OtherDriver: "11 to 20" },
  },
  {
    because: "report failed disks",
    series: { 'azuredisk_volumes{state="CreationFailed"}': "1x60" },
    minutes: 30,
    fires: { ChangeFailed: "15 to 30" },
  },
  {
    because: "report a writer that needs a person",
    series: { [condition("WriterWaiting", "WriterSilent")]: "1x60" },
    minutes: 30,
    fires: { WriterNeedsPerson: "5 to 30" },
  },
  {
    because: "report any other wait for a writer later",
    series: { [condition("WriterWaiting", "WaitingForUnmount")]: "1x60" },
    minutes: 30,
    fires: { WriterWaiting: "15 to 30" },
  },
  {
    because: "report attaches that are refused",
    series: { [condition("AttachRefused", "PermissionDenied")]: "1x60" },
    minutes: 30,
    fires: { AttachRefused: "5 to 30" },
  },
  {
    because: "report disks on other VMs",
    series: { [condition("AttachedElsewhere", "FoundAttached")]: "1x60" },
    minutes: 30,
    fires: { AttachedElsewhere: "5 to 30" },
  },
  {
    because: "report mounts that are dead, and file systems with errors",
    series: { [condition("MountUnhealthy", "MountDead")]: "1x60" },
    minutes: 30,
    fires: { MountUnhealthy: "1 to 30" },
  },
  {
    because: "report missing replicas",
    series: { [condition("FailoverReady", "ReplicasMissing")]: "1x60" },
    minutes: 40,
    fires: { ReplicasMissing: "30 to 40" },
  },
  {
    because: "report disks that Azure failed to fill",
    series: {
      [condition("Copying", "CopyFailed")]: "1x60",
      [condition("Copying", "BackgroundCopy")]: "1x60",
    },
    minutes: 30,
    fires: { CopyFailed: "5 to 30" },
  },
  {
    because: "report volumes that are held back",
    series: { [condition("OfflineResize", "OfflineResize")]: "1x60" },
    minutes: 30,
    fires: { GrantsHeldBack: "15 to 30" },
  },
  {
    because: "stay silent at a conversion, and at a copy",
    series: {
      [condition("Converting", "BackgroundCopy")]: "1x60",
      [condition("Copying", "BackgroundCopy")]: "1x60",
    },
    minutes: 60,
    fires: {},
  },
  {
    because: "report attachments that fail",
    series: { 'azuredisk_attachments{role="Replica",state="AttachmentFailed"}': "1x60" },
    minutes: 30,
    fires: { AttachmentsFailed: "15 to 30" },
  },
  {
    because: "report silent nodes",
    series: { 'azuredisk_nodes{state="silent"}': "1x60", 'azuredisk_nodes{state="ready"}': "2x60" },
    minutes: 30,
    fires: { NodesSilent: "5 to 30" },
  },
  {
    because: "report nodes in quarantine",
    series: { 'azuredisk_nodes{state="quarantine"}': "1x60" },
    minutes: 40,
    fires: { NodesUnusable: "30 to 40" },
  },
  {
    because: "report a disputed volume at once",
    series: { 'azuredisk_node_conditions{condition="ReclaimDisputed"}': "0x9 1x20" },
    minutes: 20,
    fires: { ReclaimDisputed: "10 to 20" },
  },
  {
    because: "report a store rollback that lasts",
    series: { 'azuredisk_node_conditions{condition="StoreRolledBack"}': "3x60" },
    minutes: 20,
    fires: { StoreRolledBack: "10 to 20" },
  },
  {
    because: "report a root disk that takes no change",
    series: { 'azuredisk_node_conditions{condition="CheckpointsUnwritten"}': "1x60" },
    minutes: 20,
    fires: { CheckpointsUnwritten: "5 to 20" },
  },

  {
    because: "report a fence that fails every minute",
    series: { [step("fence", "failed")]: "_x4 1+1x60" },
    minutes: 40,
    fires: { FenceFails: "20 to 40" },
  },
  {
    because: "stay silent at a fence that succeeds at its second try",
    series: { [step("fence", "failed")]: "_x4 1x60", [step("fence", "done")]: "_x6 1x60" },
    minutes: 40,
    fires: {},
  },
  {
    because: "report the first bug in a step, for a quarter of an hour",
    series: { [step("mount", "threw")]: "_x9 1x60" },
    minutes: 60,
    fires: { StepThrew: "9 to 23" },
  },
  {
    because: "report a further bug in a step",
    series: { [step("mount", "threw")]: "1x29 2x60" },
    minutes: 60,
    fires: { StepThrew: "0 to 43 with a gap" },
  },
  {
    because: "report a step of a bug once although two pods have it",
    series: {
      'azuredisk_steps_total{step="mount",outcome="threw",pod="a"}': "_x9 1x60",
      'azuredisk_steps_total{step="mount",outcome="threw",pod="b"}': "_x9 1x60",
    },
    minutes: 20,
    fires: { StepThrew: "9 to 20" },
  },
  {
    because: "report the first bug in a pass",
    series: { 'azuredisk_loop_passes_total{loop="volumes",outcome="threw"}': "_x9 1x60" },
    minutes: 60,
    fires: { PassThrew: "9 to 23" },
  },
  {
    because: "report Azure's slow attaches",
    series: observed("azuredisk_step_duration_seconds", 'step="attach"', ["120", "600"]),
    minutes: 60,
    fires: { AzureSlow: "31 to 60" },
  },
  {
    because: "stay silent at attaches of twenty seconds",
    series: observed("azuredisk_step_duration_seconds", 'step="attach"', ["10", "30"]),
    minutes: 60,
    fires: {},
  },
  {
    because: "report a loop that fails for an hour",
    series: { 'azuredisk_loop_passes_total{loop="volumes",outcome="failed"}': "0+1x200" },
    minutes: 90,
    fires: { PassesFail: "61 to 90" },
  },
  {
    because: "report that no recovery has succeeded for half an hour, and a quarter more",
    series: {
      'azuredisk_loop_passes_total{loop="recovery",outcome="done"}': "0x9 1x9 2x200",
      'azuredisk_loop_passes_total{loop="recovery",outcome="failed"}': "0x29 1x9 2x9 3x9 4x9 5x9 6x9 7x9",
    },
    minutes: 85,
    fires: { RecoveryFails: "64 to 85" },
  },
  {
    because: "stay silent at a recovery that fails now and then",
    series: {
      'azuredisk_loop_passes_total{loop="recovery",outcome="done"}': "0x9 1x9 2x9 3x9 4x9 5x9 6x9 7x9",
      'azuredisk_loop_passes_total{loop="recovery",outcome="failed"}': "0x29 1x50",
    },
    minutes: 80,
    fires: {},
  },
  {
    because: "report a loop that is behind",
    series: { 'azuredisk_loop_keys{loop="volumes",state="ready"}': "4x60" },
    minutes: 30,
    fires: { LoopBehind: "10 to 30" },
  },
  {
    because: "stay silent at a queue that is empty now and then",
    series: {
      'azuredisk_loop_keys{loop="volumes",state="ready"}': "4x2 0 4x2 0 4x2 0 4x2 0 4x2 0 4x2 0 4x2 0",
    },
    minutes: 30,
    fires: {},
  },

  {
    because: "report that no calls to Azure are left",
    series: { 'azuredisk_arm_calls_left{group="vmWrite",scope="subscription"}': "0.5x60" },
    minutes: 30,
    fires: { CallsUsedUp: "5 to 30" },
  },
  {
    because: "report that Azure has the driver wait",
    series: { 'azuredisk_arm_blocked_seconds{group="vmWrite",scope="longest"}': "60x60" },
    minutes: 30,
    fires: { CallsBlocked: "10 to 30" },
  },
  {
    because: "report calls that Azure refuses",
    series: { 'azuredisk_arm_refused_calls_total{group="vmWrite"}': "0+1x60" },
    minutes: 30,
    fires: { CallsThrottled: "11 to 30" },
  },

  {
    because: "report an extender that knows nothing",
    series: { 'azuredisk_extender_requests_total{verb="filter",outcome="neutral"}': "0+1x60" },
    minutes: 30,
    fires: { ExtenderNeutral: "16 to 30" },
  },
  {
    because: "report an extender that is slow",
    series: observed("azuredisk_extender_request_duration_seconds", 'verb="filter"', ["0.2", "1"]),
    minutes: 30,
    fires: { ExtenderSlow: "11 to 30" },
  },
  {
    because: "report nodes without slots",
    series: { 'azuredisk_extender_removed_nodes_total{because="no-slot"}': "0+1x60" },
    minutes: 30,
    fires: { NoSlots: "16 to 30" },
  },
];
