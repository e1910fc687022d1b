import { type MetricName, metricTable } from "../../../src/adapters/observe/metric-table.ts";
import { removalReasons } from "../../../src/core/schedule/filter-nodes.ts";
import { stepNames } from "../../../src/ports/steps.ts";
import { callGroups } from "../../../src/provisioner/arm/throttle-budget.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { markdownTable } from "./markdown-table.ts";
import { metricNotes } from "./metric-notes.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and
src/adapters/observe. Never edited by hand. -->

# Metrics

Each role serves Prometheus' text format at \`/metrics\` of its \`--http-endpoint\`. The chart starts the
controllers with port 29604, the node plug-ins with 29605 and the scheduler extender with 29606
(\`metricsPort\`). A counter starts at 0 with its process.

Metrics of V1 do not exist here. Alerts on them become silent after a migration: the last table lists what to
use instead.

`;

const STEP_NOTE =
  "`record-created` is the record of a new disk, `record-found` each record that is rebuilt: of an adopted " +
  "disk, after a store rollback (one step a volume), and where another driver has published the volume";

const names = Object.keys(metricTable) as readonly MetricName[];

/** The reference page of metrics. */
export function metricsPage(): GeneratedFile {
  const sections = [
    markdownTable(["metric", "type", "unit", "labels", "roles", "meaning"], names.map(metricRow)),
    `## Labels\n\n${markdownTable(["label", "values"], labelRows())}`,
    `## Alerts\n\n${markdownTable(["metric", "look for"], alertRows())}`,
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
    ["state", "`ready` to be handled, `delayed` until their time, `active` now"],
    [
      "outcome",
      "of a step: `done`, `failed` (an expected failure), `threw` (a bug); of a pass: those, and " +
        "`conflict` (another writer was faster); of a request: as above",
    ],
    ["group", listOf(callGroups)],
    ["scope", "`subscription`, `resource` (the VM or disk with the fewest calls left), `longest`"],
    ["verb", "`filter`, `prioritize`"],
    ["because", listOf(removalReasons)],
  ];
  return values.map(([label, text]) => `| \`${label}\` | ${text} |`);
}

function alertRows(): readonly string[] {
  return names
    .filter((name) => metricNotes[name].alert !== "")
    .map((name) => `| \`${name}\` | ${metricNotes[name].alert} |`);
}

function elsewhereRows(): readonly string[] {
  return names.map((name) => `| \`${name}\` | ${metricNotes[name].elsewhere} |`);
}

function listOf(values: readonly string[]): string {
  return values.map((value) => `\`${value}\``).join(", ");
}
