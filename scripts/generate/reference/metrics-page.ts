import { type MetricName, metricTable } from "../../../src/adapters/observe/metric-table.ts";
import { removalReasons } from "../../../src/core/schedule/filter-nodes.ts";
import { nodeStates, volumeConditionTypes } from "../../../src/core/states/count-states.ts";
import { nodeConditionTypes } from "../../../src/core/states/node-conditions.ts";
import { stepNames } from "../../../src/ports/steps.ts";
import { callGroups } from "../../../src/provisioner/arm/throttle-budget.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { metricAlerts } from "../monitoring/metric-alerts.ts";
import { alertAnchor } from "./alerts-page.ts";
import { markdownTable } from "./markdown-table.ts";
import { metricNotes } from "./metric-notes.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and
src/adapters/observe. Never edited by hand. -->

# Metrics

Each role serves Prometheus' text format at \`/metrics\` of its \`--http-endpoint\`. The chart starts the
controllers with port 29604, the node plug-ins with 29605 and the scheduler extender with 29606
(\`metricsPort\`). A series of a counter appears with its first count, so at 1: \`rate\` and \`increase\` show only
what follows.

Gauges of the leader have no values in other controllers, so that a sum counts each object once.

The chart makes a PodMonitor (\`metrics.podMonitor\`), the rules [below](#alerts) (\`metrics.prometheusRule\`) and
a dashboard for Grafana (\`metrics.dashboard\`), each only where its value is set. Metrics of the sidecars
(\`csi_sidecar_operations_seconds\` and others) are served with \`controller.sidecarMetrics.enabled\`.

Metrics of V1 do not exist here. Alerts on them become silent after a migration: the last table lists what to
use instead.

`;

const STEP_NOTE =
  "`record-created` is the record of a new disk, `record-found` each record that is rebuilt: of an adopted " +
  "disk, after a store rollback (one step a volume), and where another driver has published the volume";

const ALERTS = `Each has a [runbook](alerts.md). The chart's PrometheusRule has them, from the file
\`deploy/chart/files/alert-rules.yaml\`. Azure's managed Prometheus has no PrometheusRule: there, convert the file's
groups into resources of Azure Resource Manager (\`Microsoft.AlertsManagement/prometheusRuleGroups\`) of the
workspace. Where several clusters send to one workspace, set \`clusterName\` in each, or an alert adds up what the
clusters report.

`;

const ALERT_COLUMNS = ["alert", "severity", "when", "what to do"];

const names = Object.keys(metricTable) as readonly MetricName[];

/** The reference page of metrics. */
export function metricsPage(): GeneratedFile {
  const sections = [
    markdownTable(["metric", "type", "unit", "labels", "roles", "meaning"], names.map(metricRow)),
    `## Labels\n\n${markdownTable(["label", "values"], labelRows())}`,
    `## Alerts\n\n${ALERTS}${markdownTable(ALERT_COLUMNS, alertRows())}`,
    `## Names elsewhere\n\n${markdownTable(["metric", "closest metric of others"], elsewhereRows())}`,
  ];
  return { path: "docs/reference/metrics.md", content: `${INTRODUCTION}${sections.join("\n\n")}\n` };
}

function metricRow(name: MetricName): string {
  const { type, help, labels } = metricTable[name];
  const { unit, roles } = metricNotes[name];
  return `| \`${name}\` | ${type} | ${unit} | ${listOf(labels)} | ${roles} | ${help} |`;
}

function labelRows(): readonly string[] {
  const values: readonly (readonly [string, string])[] = [
    ["method", "path of the gRPC method, such as `/csi.v1.Controller/ControllerPublishVolume`"],
    ["code", "name of the gRPC status: `OK`, `UNAVAILABLE`, and so on"],
    ["step", `${listOf(stepNames)}. ${STEP_NOTE}`],
    ["loop", "name of a [loop](loops.md)"],
    [
      "state",
      "of keys: `ready` to be handled, `delayed` until their time, `active` now; of volumes and " +
        `attachments: as their status says; of nodes: ${listOf(nodeStates)}`,
    ],
    ["version", "the driver's, such as `0.1.0`"],
    [
      "condition",
      `of a volume: ${listOf(volumeConditionTypes)}; of a node: ${listOf(nodeConditionTypes)} ` +
        "([conditions](events.md#conditions))",
    ],
    ["reason", "of the condition: an event's reason, or the kind of a [failure](failures.md)"],
    ["role", "`Primary`, `Replica`: as it is requested"],
    [
      "outcome",
      "of a step: `done`, `failed` (an expected failure), `threw` (a bug); of a pass: those, and " +
        "`conflict` (another writer was faster, or has overtaken the plan); of a request: as above",
    ],
    ["group", listOf(callGroups)],
    ["scope", "`subscription`, `resource` (the VM or disk with the fewest calls left), `longest`"],
    ["verb", "`filter`, `prioritize`, `preempt`"],
    ["because", listOf(removalReasons)],
  ];
  return values.map(([label, text]) => `| \`${label}\` | ${text} |`);
}

function alertRows(): readonly string[] {
  return names
    .flatMap((name) => metricAlerts[name])
    .map(
      ({ name, severity, summary, remedy, expr, for: lasts }) =>
        `| [\`AzureDisk${name}\`](alerts.md#${alertAnchor(name)}) | ${severity} | ` +
        `${summary}<br>\`${expr.replaceAll("|", "\\|")}\` ` +
        `for ${lasts} | ${remedy} |`,
    );
}

function elsewhereRows(): readonly string[] {
  return names.map((name) => `| \`${name}\` | ${metricNotes[name].elsewhere} |`);
}

function listOf(values: readonly string[]): string {
  return values.map((value) => `\`${value}\``).join(", ");
}
