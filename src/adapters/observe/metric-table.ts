type Labels = readonly string[];

const gauge = <const L extends Labels>(labels: L, help: string) => ({ type: "gauge", labels, help }) as const;
const counter = <const L extends Labels>(labels: L, help: string) =>
  ({ type: "counter", labels, help }) as const;
/** `buckets`: their upper bounds, in seconds. */
const histogram = <const L extends Labels>(labels: L, help: string, buckets: readonly number[]) =>
  ({ type: "histogram", labels, help, buckets }) as const;

/**
 * Every metric of every role. The registry and docs/reference/metrics.md read the same rows, so a metric
 * without a row does not compile.
 */
export const metricTable = {
  azuredisk_build_info: gauge(["version"], "1, with the version of the driver as a label."),
  azuredisk_event_loop_lag_seconds: gauge(
    [],
    "By how much the process was late at most since the last scrape: it has one thread.",
  ),
  azuredisk_csi_calls_total: counter(["method", "code"], "CSI calls by method and gRPC status."),
  azuredisk_csi_call_duration_seconds: histogram(
    ["method"],
    "How long CSI calls took.",
    [0.002, 0.01, 0.05, 0.2, 1, 5, 15, 60, 300],
  ),
  azuredisk_controller_is_leader: gauge(
    [],
    "1 while this controller runs the reconcilers, 0 while it stands by.",
  ),
  azuredisk_controller_unclaimed_disks: gauge(
    [],
    "This cluster's disks without PersistentVolume or node, by the leader's last recovery.",
  ),
  azuredisk_controller_other_driver: gauge(
    [],
    "1 while another Azure disk driver runs in the cluster: nothing is attached or detached.",
  ),
  azuredisk_volumes: gauge(["state"], "AzVolumes by the state of their disk, by the leader's cache."),
  azuredisk_volume_conditions: gauge(
    ["condition", "reason"],
    "AzVolumes with a condition that is not as it should be (FailoverReady not True, Copying, any other " +
      "True), by the leader's cache.",
  ),
  azuredisk_attachments: gauge(
    ["role", "state"],
    "AzVolumeAttachments by requested role and state, by the leader's cache.",
  ),
  azuredisk_nodes: gauge(
    ["state"],
    "Node plug-ins that are ready, not-ready or silent, by the leader's cache. Those in quarantine for a " +
      "volume, or ignored, count for that, too.",
  ),
  azuredisk_node_conditions: gauge(
    ["condition"],
    "Node plug-ins that report a condition, by the leader's cache.",
  ),
  azuredisk_steps_total: counter(
    ["step", "outcome"],
    "Steps of the writer protocol and of volumes' lives, by name and outcome.",
  ),
  azuredisk_step_duration_seconds: histogram(
    ["step"],
    "How long each step took.",
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30, 120, 600],
  ),
  azuredisk_loop_passes_total: counter(
    ["loop", "outcome"],
    "Passes of control loops over one key, by loop and outcome.",
  ),
  azuredisk_loop_keys: gauge(["loop", "state"], "Keys in the queues of control loops, by loop and state."),
  azuredisk_arm_calls_left: gauge(
    ["group", "scope"],
    "Calls to Azure that are left, by kind of call: of the whole subscription, and of the resource that " +
      "has the fewest.",
  ),
  azuredisk_arm_blocked_seconds: gauge(
    ["group", "scope"],
    "How much longer the longest Retry-After of Azure lasts, by kind of call.",
  ),
  azuredisk_arm_calls_total: counter(["group"], "Calls to Azure, by kind."),
  azuredisk_arm_refused_calls_total: counter(["group"], "Calls that Azure refused with 429, by kind."),
  azuredisk_arm_budget_wait_seconds_total: counter(
    ["group"],
    "Time that calls to Azure waited so as not to be refused, by kind.",
  ),
  azuredisk_extender_requests_total: counter(
    ["verb", "outcome"],
    "Requests of schedulers by verb and outcome: answered, neutral (nothing known yet, or a bug), " +
      "refused (can't be read), aborted (the client went away).",
  ),
  azuredisk_extender_request_duration_seconds: histogram(
    ["verb"],
    "From a request's head to the end of its answer.",
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1],
  ),
  azuredisk_extender_removed_nodes_total: counter(["because"], "Nodes that pods were kept off, by reason."),
};

export type MetricName = keyof typeof metricTable;
