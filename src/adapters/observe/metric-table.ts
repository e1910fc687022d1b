interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in seconds. */
  readonly buckets?: readonly number[];
}

/**
 * Every metric of every role. The registry and docs/reference/metrics.md read the same rows, so a metric
 * without a row does not compile.
 */
export const metricTable = {
  azuredisk_build_info: {
    type: "gauge",
    help: "1, with the version of the driver as a label.",
    labels: ["version"],
  },
  azuredisk_event_loop_lag_seconds: {
    type: "gauge",
    help: "By how much the process was late at most since the last scrape: it has one thread.",
    labels: [],
  },
  azuredisk_csi_calls_total: {
    type: "counter",
    help: "CSI calls by method and gRPC status.",
    labels: ["method", "code"],
  },
  azuredisk_csi_call_duration_seconds: {
    type: "histogram",
    help: "How long CSI calls took.",
    labels: ["method"],
    buckets: [0.002, 0.01, 0.05, 0.2, 1, 5, 15, 60, 300],
  },
  azuredisk_controller_is_leader: {
    type: "gauge",
    help: "1 while this controller runs the reconcilers, 0 while it stands by.",
    labels: [],
  },
  azuredisk_controller_unclaimed_disks: {
    type: "gauge",
    help: "This cluster's disks without PersistentVolume or node, by the leader's last recovery.",
    labels: [],
  },
  azuredisk_controller_other_driver: {
    type: "gauge",
    help: "1 while another Azure disk driver runs in the cluster: nothing is attached or detached.",
    labels: [],
  },
  azuredisk_volumes: {
    type: "gauge",
    help: "AzVolumes by the state of their disk, by the leader's cache.",
    labels: ["state"],
  },
  azuredisk_volume_conditions: {
    type: "gauge",
    help:
      "AzVolumes with a condition that is not as it should be (FailoverReady not True, Copying, any other " +
      "True), by the leader's cache.",
    labels: ["condition", "reason"],
  },
  azuredisk_attachments: {
    type: "gauge",
    help: "AzVolumeAttachments by requested role and state, by the leader's cache.",
    labels: ["role", "state"],
  },
  azuredisk_nodes: {
    type: "gauge",
    help:
      "Node plug-ins that are ready, not-ready or silent, by the leader's cache. Those in quarantine for a " +
      "volume, or ignored, count for that, too.",
    labels: ["state"],
  },
  azuredisk_node_conditions: {
    type: "gauge",
    help: "Node plug-ins that report a condition, by the leader's cache.",
    labels: ["condition"],
  },
  azuredisk_steps_total: {
    type: "counter",
    help: "Steps of the writer protocol and of volumes' lives, by name and outcome.",
    labels: ["step", "outcome"],
  },
  azuredisk_step_duration_seconds: {
    type: "histogram",
    help: "How long each step took.",
    labels: ["step"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30, 120, 600],
  },
  azuredisk_loop_passes_total: {
    type: "counter",
    help: "Passes of control loops over one key, by loop and outcome.",
    labels: ["loop", "outcome"],
  },
  azuredisk_loop_keys: {
    type: "gauge",
    help: "Keys in the queues of control loops, by loop and state.",
    labels: ["loop", "state"],
  },
  azuredisk_arm_calls_left: {
    type: "gauge",
    help:
      "Calls to Azure that are left, by kind of call: of the whole subscription, and of the resource that " +
      "has the fewest.",
    labels: ["group", "scope"],
  },
  azuredisk_arm_blocked_seconds: {
    type: "gauge",
    help: "How much longer the longest Retry-After of Azure lasts, by kind of call.",
    labels: ["group", "scope"],
  },
  azuredisk_arm_calls_total: { type: "counter", help: "Calls to Azure, by kind.", labels: ["group"] },
  azuredisk_arm_refused_calls_total: {
    type: "counter",
    help: "Calls that Azure refused with 429, by kind.",
    labels: ["group"],
  },
  azuredisk_arm_budget_wait_seconds_total: {
    type: "counter",
    help: "Time that calls to Azure waited so as not to be refused, by kind.",
    labels: ["group"],
  },
  azuredisk_extender_requests_total: {
    type: "counter",
    help:
      "Requests of schedulers by verb and outcome: answered, neutral (nothing known yet, or a bug), " +
      "refused " +
      "(can't be read), aborted (the client went away).",
    labels: ["verb", "outcome"],
  },
  azuredisk_extender_request_duration_seconds: {
    type: "histogram",
    help: "From a request's head to the end of its answer.",
    labels: ["verb"],
    buckets: [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1],
  },
  azuredisk_extender_removed_nodes_total: {
    type: "counter",
    help: "Nodes that pods were kept off, by reason.",
    labels: ["because"],
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metricTable;
