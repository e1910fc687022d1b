import type { GeneratedFile } from "../generated-file.ts";

/** One chart of the dashboard. */
interface Panel {
  readonly title: string;
  readonly expr: string;
  /** The labels that tell its lines apart, as Grafana writes them. */
  readonly legend: string;
  readonly unit?: "s" | "short" | "ops";
}

const p99 = (metric: string, by: string, filter = ""): string =>
  `histogram_quantile(0.99, sum by (le, ${by}) (rate(${metric}_bucket${filter}[$__rate_interval])))`;
const rateBy = (metric: string, by: string, filter = ""): string =>
  `sum by (${by}) (rate(${metric}${filter}[$__rate_interval]))`;

/** From what is wrong, by how long work takes, to what it waits for. */
export const panels: readonly Panel[] = [
  {
    title: "Volumes that are not as they should be",
    expr: "sum by (condition, reason) (azuredisk_volume_conditions)",
    legend: "{{condition}} {{reason}}",
  },
  { title: "Nodes", expr: "sum by (state) (azuredisk_nodes)", legend: "{{state}}" },
  {
    title: "Conditions of nodes",
    expr: "sum by (condition) (azuredisk_node_conditions)",
    legend: "{{condition}}",
  },
  { title: "Volumes", expr: "sum by (state) (azuredisk_volumes)", legend: "{{state}}" },
  {
    title: "Attachments",
    expr: "sum by (role, state) (azuredisk_attachments)",
    legend: "{{role}} {{state}}",
  },
  { title: "Leading controllers", expr: "sum(azuredisk_controller_is_leader)", legend: "leaders" },
  {
    title: "CSI calls that fail",
    expr: rateBy("azuredisk_csi_calls_total", "method, code", '{code!="OK"}'),
    legend: "{{method}} {{code}}",
    unit: "ops",
  },
  {
    title: "CSI calls, 99th percentile",
    expr: p99("azuredisk_csi_call_duration_seconds", "method"),
    legend: "{{method}}",
    unit: "s",
  },
  {
    title: "Attach, detach and fence, 99th percentile",
    expr: p99("azuredisk_step_duration_seconds", "step", '{step=~"attach|detach|fence|promote"}'),
    legend: "{{step}}",
    unit: "s",
  },
  {
    title: "Steps that fail",
    expr: rateBy("azuredisk_steps_total", "step, outcome", '{outcome!="done"}'),
    legend: "{{step}} {{outcome}}",
    unit: "ops",
  },
  {
    title: "Keys that wait in loops",
    expr: 'sum by (loop) (azuredisk_loop_keys{state="ready"})',
    legend: "{{loop}}",
  },
  {
    title: "Calls to Azure",
    expr: rateBy("azuredisk_arm_calls_total", "group"),
    legend: "{{group}}",
    unit: "ops",
  },
  {
    title: "Calls to Azure that are left",
    expr: "min by (group, scope) (azuredisk_arm_calls_left)",
    legend: "{{group}} {{scope}}",
  },
  {
    title: "Calls that Azure refused",
    expr: rateBy("azuredisk_arm_refused_calls_total", "group"),
    legend: "{{group}}",
    unit: "ops",
  },
  {
    title: "Lag of event loops, highest five",
    expr: "topk(5, azuredisk_event_loop_lag_seconds)",
    legend: "{{pod}}",
    unit: "s",
  },
  { title: "Versions", expr: "count by (version) (azuredisk_build_info)", legend: "{{version}}" },
];

const COLUMNS = 3;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;
const DATA_SOURCE = { type: "prometheus", uid: "${datasource}" };

/** A dashboard for Grafana, whose data source is chosen in it. */
export function dashboard(): GeneratedFile {
  const content = {
    uid: "azuredisk-csi-driver",
    title: "Azure Disk CSI Driver",
    tags: ["azuredisk", "csi"],
    schemaVersion: 39,
    editable: true,
    refresh: "1m",
    time: { from: "now-6h", to: "now" },
    templating: {
      list: [{ name: "datasource", label: "Data source", type: "datasource", query: "prometheus" }],
    },
    panels: panels.map(({ title, expr, legend, unit = "short" }, index) => ({
      id: index + 1,
      type: "timeseries",
      title,
      datasource: DATA_SOURCE,
      gridPos: {
        x: (index % COLUMNS) * WIDTH,
        y: Math.floor(index / COLUMNS) * HEIGHT,
        w: WIDTH,
        h: HEIGHT,
      },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      targets: [{ refId: "A", datasource: DATA_SOURCE, expr, legendFormat: legend }],
    })),
  };
  return {
    path: "deploy/chart/files/dashboard.json",
    content: `${JSON.stringify(content, undefined, 2)}\n`,
  };
}
