import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { parser } from "@prometheus-io/lezer-promql";
import { type MetricName, metricTable } from "../../../src/adapters/observe/metric-table.ts";
import { RECOVERY_LOOP } from "../../../src/controller/adoption/recovery-interval.ts";
import { azVolumeAttachmentSchema } from "../../../src/core/api/schema/az-volume-attachment.schema.ts";
import { azVolumeSchema } from "../../../src/core/api/schema/az-volume.schema.ts";
import { eventReasons } from "../../../src/core/events/event-reasons.ts";
import { removalReasons } from "../../../src/core/schedule/filter-nodes.ts";
import { nodeStates, volumeConditionTypes } from "../../../src/core/states/count-states.ts";
import { nodeConditionTypes } from "../../../src/core/states/node-conditions.ts";
import { ControllerService } from "../../../src/csi/gen/csi/v1/csi.ts";
import type { PassOutcome, QueueDepth } from "../../../src/ports/loop-observer.ts";
import { stepNames } from "../../../src/ports/steps.ts";
import type { ExtenderAnswer } from "../../../src/scheduler-extender/extender.ts";
import { panels } from "./dashboard.ts";
import { metricAlerts } from "./metric-alerts.ts";

/** Labels that Prometheus adds to a sample, and the one of a histogram's buckets. */
const FURTHER_LABELS = ["le", "pod"];
/** A variable of Grafana's. */
const RATE_INTERVAL = "$__rate_interval";

const steps = { step: stepNames, outcome: ["done", "failed", "threw"] };
/** The values of each label that an expression compares. */
const labelValues: Partial<Record<MetricName, Readonly<Record<string, readonly string[]>>>> = {
  azuredisk_csi_calls_total: { code: Object.keys(status) },
  azuredisk_csi_call_duration_seconds: { method: Object.values(ControllerService).map(({ path }) => path) },
  azuredisk_volumes: { state: azVolumeSchema.shape.status.unwrap().shape.state.options },
  azuredisk_volume_conditions: { condition: volumeConditionTypes, reason: Object.keys(eventReasons) },
  azuredisk_attachments: { state: azVolumeAttachmentSchema.shape.status.unwrap().shape.state.options },
  azuredisk_nodes: { state: nodeStates },
  azuredisk_node_conditions: { condition: nodeConditionTypes },
  azuredisk_steps_total: steps,
  azuredisk_step_duration_seconds: steps,
  azuredisk_loop_passes_total: {
    loop: [RECOVERY_LOOP],
    outcome: ["done", "conflict", "failed", "threw"] satisfies readonly PassOutcome[],
  },
  azuredisk_loop_keys: { state: ["ready", "delayed", "active"] satisfies readonly (keyof QueueDepth)[] },
  azuredisk_extender_requests_total: {
    outcome: ["answered", "neutral", "refused"] satisfies readonly ExtenderAnswer["outcome"][],
  },
  azuredisk_extender_removed_nodes_total: { because: removalReasons },
};

interface ParsedExpression {
  /** Where it can't be parsed. */
  readonly errors: readonly string[];
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
  /** What a label is compared with; of a regular expression, each alternative. */
  readonly compared: readonly { readonly metric: string; readonly label: string; readonly value: string }[];
}

function parsed(expression: string): ParsedExpression {
  const expr = expression.replaceAll(RATE_INTERVAL, "5m");
  const found = {
    errors: [] as string[],
    metrics: [] as string[],
    labels: [] as string[],
    compared: [] as ParsedExpression["compared"][number][],
  };
  parser.parse(expr).iterate({
    enter: ({ type, node, from, to }) => {
      const text = expr.slice(from, to);
      if (type.isError) found.errors.push(`at ${from}: ${expr}`);
      if (type.name === "Identifier" && node.parent?.name === "VectorSelector") found.metrics.push(text);
      if (type.name === "LabelName") found.labels.push(text);
      // The matchers of a metric follow its name.
      if (type.name === "StringLiteral" && node.parent?.name === "UnquotedLabelMatcher")
        for (const value of text.slice(1, -1).split("|"))
          found.compared.push({
            metric: found.metrics.at(-1) ?? "",
            label: found.labels.at(-1) ?? "",
            value,
          });
    },
  });
  return found;
}

function rowOf(metric: string) {
  const table: Readonly<Record<string, { readonly type: string; readonly labels: readonly string[] }>> =
    metricTable;
  const histogram = table[metric.replace(/_bucket$/u, "")];
  return table[metric] ?? (histogram?.type === "histogram" ? histogram : undefined);
}

function valuesOf(metric: string, label: string): readonly string[] {
  const table: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = labelValues;
  return table[metric.replace(/_bucket$/u, "")]?.[label] ?? [];
}

/** Why an expression can't mean what it is to mean. */
function faultsOf(expr: string): readonly string[] {
  const { errors, metrics, labels, compared } = parsed(expr);
  const known = metrics.flatMap((metric) => rowOf(metric)?.labels ?? []);
  return [
    ...errors,
    ...(metrics.length === 0 ? ["it has no metric"] : []),
    ...metrics.filter((metric) => rowOf(metric) === undefined).map((metric) => `there is no ${metric}`),
    ...labels
      .filter((label) => ![...known, ...FURTHER_LABELS].includes(label))
      .map((label) => `${metrics.join(", ")} has no label ${label}`),
    ...compared
      .filter(({ metric, label, value }) => !valuesOf(metric, label).includes(value))
      .map(({ metric, label, value }) => `${label} of ${metric} is never ${value}`),
  ];
}

describe("expressions of PromQL", () => {
  for (const [because, expr, fault] of [
    ["a bracket is missing", "sum(azuredisk_nodes", /at 19/u],
    ["the metric does not exist", "sum(azuredisk_knots)", /there is no azuredisk_knots/u],
    ["the label does not exist", 'azuredisk_nodes{role="x"}', /has no label role/u],
    [
      "a label never has the value",
      'azuredisk_nodes{state="asleep"}',
      /state of azuredisk_nodes is never asleep/u,
    ],
    ["one alternative is no value", 'azuredisk_nodes{state=~"silent|asleep"}', /is never asleep/u],
    ["it groups by another label", "sum by (role) (azuredisk_nodes)", /has no label role/u],
    ["the buckets of a gauge are asked for", "azuredisk_nodes_bucket", /there is no/u],
  ] as const)
    it(`are refused where ${because}`, () => {
      assert.match(faultsOf(expr).join("\n"), fault);
    });

  for (const [metric, alerts] of Object.entries(metricAlerts))
    for (const { name, expr, for: lasts } of alerts)
      it(`of alert ${name} are right, and about its metric`, () => {
        assert.deepEqual(faultsOf(expr), []);
        assert.ok(parsed(expr).metrics.some((each) => each.replace(/_bucket$/u, "") === metric));
        assert.match(lasts, /^\d+[mhd]$/u);
      });

  for (const { title, expr, legend } of panels)
    it(`of panel "${title}" are right, with labels that its lines have`, () => {
      assert.deepEqual(faultsOf(expr), []);
      const { labels } = parsed(expr);
      for (const [, label = ""] of legend.matchAll(/\{\{(\w+)\}\}/gu))
        assert.ok([...labels, "pod"].includes(label), label);
    });

  it("of alerts have names of their own", () => {
    const names = Object.values(metricAlerts).flatMap((alerts) => alerts.map(({ name }) => name));
    assert.deepEqual(names, [...new Set(names)]);
  });
});
