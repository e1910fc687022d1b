import type { MetricName } from "../../../src/adapters/observe/metric-table.ts";

/** What the page says of a metric, besides its row in the code. */
interface MetricNotes {
  /** The roles that serve it. */
  readonly roles: string;
  readonly unit: string;
  /** Metrics of V1, of its sidecars or of the V2 preview in Go that answer the same question. */
  readonly elsewhere: string;
}

const CSI_ROLES = "controller, node, standalone";
const CONTROLLER_ROLES = "controller, standalone";
const CONTROLLER_ROLE = "controller";
/** Its gauges have no values in another controller. */
const LEADER = "controller that leads, standalone";
const EXTENDER_ROLE = "scheduler-extender";
const V1_CALLS =
  "V1 `azuredisk_csi_driver_operations_total{operation,success}`; sidecars " +
  "`csi_sidecar_operations_seconds_count{method_name,grpc_status_code}`";
const V1_DURATION =
  "V1 `azuredisk_csi_driver_operation_duration_seconds{operation,success}` and `…_labeled`, which adds the " +
  "SKU; sidecars " +
  "`csi_sidecar_operations_seconds`; V2 preview `cloudprovider_azure_op_duration_seconds`";

/** A metric without notes does not compile. */
export const metricNotes: Readonly<Record<MetricName, MetricNotes>> = {
  azuredisk_build_info: {
    roles: "all",
    unit: "1",
    elsewhere: "Kubernetes `kubernetes_build_info`",
  },
  azuredisk_event_loop_lag_seconds: {
    roles: "all",
    unit: "seconds",
    elsewhere: "None",
  },
  azuredisk_csi_calls_total: {
    roles: CSI_ROLES,
    unit: "calls",
    elsewhere: V1_CALLS,
  },
  azuredisk_csi_call_duration_seconds: {
    roles: CSI_ROLES,
    unit: "seconds",
    elsewhere: V1_DURATION,
  },
  azuredisk_controller_is_leader: {
    roles: CONTROLLER_ROLES,
    unit: "0 or 1",
    elsewhere: "Sidecars: their Lease",
  },
  azuredisk_controller_unclaimed_disks: {
    roles: CONTROLLER_ROLES,
    unit: "disks",
    elsewhere: "None",
  },
  azuredisk_controller_other_driver: {
    roles: CONTROLLER_ROLE,
    unit: "0 or 1",
    elsewhere: "None",
  },
  azuredisk_volumes: {
    roles: LEADER,
    unit: "volumes",
    elsewhere: "kube-state-metrics `kube_persistentvolume_status_phase`",
  },
  azuredisk_volume_conditions: {
    roles: LEADER,
    unit: "volumes",
    elsewhere: "None",
  },
  azuredisk_attachments: {
    roles: LEADER,
    unit: "attachments",
    elsewhere: "kube-state-metrics `kube_volumeattachment_status_attached`",
  },
  azuredisk_nodes: {
    roles: LEADER,
    unit: "nodes",
    elsewhere: "None",
  },
  azuredisk_node_conditions: {
    roles: LEADER,
    unit: "nodes",
    elsewhere: "kube-state-metrics `kube_node_status_condition`",
  },
  azuredisk_steps_total: {
    roles: "all",
    unit: "steps",
    elsewhere: "V1 `cloudprovider_azure_api_request_errors`, `cloudprovider_azure_op_failure_count`",
  },
  azuredisk_step_duration_seconds: {
    roles: "all",
    unit: "seconds",
    elsewhere: "V1 `cloudprovider_azure_op_duration_seconds{request}`",
  },
  azuredisk_loop_passes_total: {
    roles: CSI_ROLES,
    unit: "passes",
    elsewhere: "V2 preview `controller_runtime_reconcile_total`; sidecars `workqueue_retries_total`",
  },
  azuredisk_loop_keys: {
    roles: CSI_ROLES,
    unit: "keys",
    elsewhere: "V2 preview and sidecars `workqueue_depth`",
  },
  azuredisk_arm_calls_left: {
    roles: CONTROLLER_ROLES,
    unit: "calls",
    elsewhere: "None",
  },
  azuredisk_arm_blocked_seconds: {
    roles: CONTROLLER_ROLES,
    unit: "seconds",
    elsewhere: "None",
  },
  azuredisk_arm_calls_total: {
    roles: CONTROLLER_ROLES,
    unit: "calls",
    elsewhere: "V1 `cloudprovider_azure_api_request_duration_seconds_count`",
  },
  azuredisk_arm_refused_calls_total: {
    roles: CONTROLLER_ROLES,
    unit: "calls",
    elsewhere: "V1 `cloudprovider_azure_api_request_throttled_count`",
  },
  azuredisk_arm_budget_wait_seconds_total: {
    roles: CONTROLLER_ROLES,
    unit: "seconds",
    elsewhere: "V1 `cloudprovider_azure_api_request_ratelimited_count`",
  },
  azuredisk_extender_requests_total: {
    roles: EXTENDER_ROLE,
    unit: "requests",
    elsewhere: "V2 preview `schedulerExtender_extender_requests_total`",
  },
  azuredisk_extender_request_duration_seconds: {
    roles: EXTENDER_ROLE,
    unit: "seconds",
    elsewhere:
      "V2 preview `schedulerExtender_extender_filter_nodes_duration_seconds`, " +
      "`schedulerExtender_extender_prioritize_nodes_duration_seconds`",
  },
  azuredisk_extender_removed_nodes_total: {
    roles: EXTENDER_ROLE,
    unit: "nodes",
    elsewhere: "None",
  },
};
