import type { MetricName } from "../../../src/adapters/observe/metric-table.ts";

/** What the page says of a metric, besides its row in the code. */
interface MetricNotes {
  /** The roles that serve it. */
  readonly roles: string;
  readonly unit: string;
  /** What to alert on, or to look at; empty: nothing. */
  readonly alert: string;
  /** Metrics of V1, of its sidecars or of the V2 preview in Go that answer the same question. */
  readonly elsewhere: string;
}

const CSI_ROLES = "controller, node, standalone";
const CONTROLLER_ROLES = "controller, standalone";
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
  azuredisk_csi_calls_total: {
    roles: CSI_ROLES,
    unit: "calls",
    alert:
      '`code="INTERNAL"`, `code="PERMISSION_DENIED"` or `code="RESOURCE_EXHAUSTED"` (a quota, a limit of Azure ' +
      "or a node's slots) rises for 15 minutes",
    elsewhere: V1_CALLS,
  },
  azuredisk_csi_call_duration_seconds: {
    roles: CSI_ROLES,
    unit: "seconds",
    alert: "The 99th percentile of ControllerPublishVolume is above 60 s for 15 minutes",
    elsewhere: V1_DURATION,
  },
  azuredisk_controller_is_leader: {
    roles: CONTROLLER_ROLES,
    unit: "0 or 1",
    alert: "The sum over all controllers is not 1 for 5 minutes",
    elsewhere: "Sidecars: their Lease",
  },
  azuredisk_controller_unclaimed_disks: {
    roles: CONTROLLER_ROLES,
    unit: "disks",
    alert: "Above 0 for a day: they cost money, and the driver never deletes them (event `UnclaimedDisk`)",
    elsewhere: "None",
  },
  azuredisk_steps_total: {
    roles: "all",
    unit: "steps",
    alert:
      '`step="fence"` with `outcome="failed"` rises for 15 minutes: a failover waits for its proof; ' +
      '`outcome="threw"` rises: a bug, whose stack is in the log',
    elsewhere: "V1 `cloudprovider_azure_api_request_errors`, `cloudprovider_azure_op_failure_count`",
  },
  azuredisk_step_duration_seconds: {
    roles: "all",
    unit: "seconds",
    alert: '`step="attach"` or `step="detach"`: how long Azure takes',
    elsewhere: "V1 `cloudprovider_azure_op_duration_seconds{request}`",
  },
  azuredisk_loop_passes_total: {
    roles: CSI_ROLES,
    unit: "passes",
    alert:
      '`outcome="threw"` rises: a bug, whose stack is in the log; `outcome="failed"` rises for an hour: the log ' +
      "and the objects' events have the reason",
    elsewhere: "V2 preview `controller_runtime_reconcile_total`; sidecars `workqueue_retries_total`",
  },
  azuredisk_loop_keys: {
    roles: CSI_ROLES,
    unit: "keys",
    alert: '`state="ready"` stays above 0 for 10 minutes: the loop is behind',
    elsewhere: "V2 preview and sidecars `workqueue_depth`",
  },
  azuredisk_arm_calls_left: {
    roles: CONTROLLER_ROLES,
    unit: "calls",
    alert: "Below 1 for 5 minutes: calls wait, and attaches become slow",
    elsewhere: "None",
  },
  azuredisk_arm_blocked_seconds: {
    roles: CONTROLLER_ROLES,
    unit: "seconds",
    alert: "Above 0 for 10 minutes",
    elsewhere: "None",
  },
  azuredisk_arm_calls_total: {
    roles: CONTROLLER_ROLES,
    unit: "calls",
    alert: "",
    elsewhere: "V1 `cloudprovider_azure_api_request_duration_seconds_count`",
  },
  azuredisk_arm_refused_calls_total: {
    roles: CONTROLLER_ROLES,
    unit: "calls",
    alert: "Rises for 10 minutes: another client uses up the subscription's budget",
    elsewhere: "V1 `cloudprovider_azure_api_request_throttled_count`",
  },
  azuredisk_arm_budget_wait_seconds_total: {
    roles: CONTROLLER_ROLES,
    unit: "seconds",
    alert: "",
    elsewhere: "V1 `cloudprovider_azure_api_request_ratelimited_count`",
  },
  azuredisk_extender_requests_total: {
    roles: EXTENDER_ROLE,
    unit: "requests",
    alert: '`outcome="neutral"` rises for 15 minutes: pods are placed without regard to replicas',
    elsewhere: "V2 preview `schedulerExtender_extender_requests_total`",
  },
  azuredisk_extender_request_duration_seconds: {
    roles: EXTENDER_ROLE,
    unit: "seconds",
    alert: "The 99th percentile is above 0.5 s: the scheduler gives up after 1 s",
    elsewhere:
      "V2 preview `schedulerExtender_extender_filter_nodes_duration_seconds`, " +
      "`schedulerExtender_extender_prioritize_nodes_duration_seconds`",
  },
  azuredisk_extender_removed_nodes_total: {
    roles: EXTENDER_ROLE,
    unit: "nodes",
    alert: '`because="no-slot"` rises: nodes lack data-disk slots for the pods that wait',
    elsewhere: "None",
  },
};
