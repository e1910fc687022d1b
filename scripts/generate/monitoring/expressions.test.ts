import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parser } from "@prometheus-io/lezer-promql";
import { metricTable } from "../../../src/adapters/observe/metric-table.ts";
import { panels } from "./dashboard.ts";
import { metricAlerts } from "./metric-alerts.ts";

/** Labels that Prometheus adds to a sample, and the one of a histogram's buckets. */
const FURTHER_LABELS = ["le", "pod"];
/** A variable of Grafana's. */
const RATE_INTERVAL = "$__rate_interval";

interface ParsedExpression {
  /** Where it can't be parsed. */
  readonly errors: readonly string[];
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
}

function parsed(expression: string): ParsedExpression {
  const expr = expression.replaceAll(RATE_INTERVAL, "5m");
  const found = { errors: [] as string[], metrics: [] as string[], labels: [] as string[] };
  parser.parse(expr).iterate({
    enter: ({ type, node, from, to }) => {
      const text = expr.slice(from, to);
      if (type.isError) found.errors.push(`at ${from}: ${expr}`);
      if (type.name === "Identifier" && node.parent?.name === "VectorSelector") found.metrics.push(text);
      if (type.name === "LabelName") found.labels.push(text);
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

/** Why an expression can't mean what it is to mean. */
function faultsOf(expr: string): readonly string[] {
  const { errors, metrics, labels } = parsed(expr);
  const known = metrics.flatMap((metric) => rowOf(metric)?.labels ?? []);
  return [
    ...errors,
    ...(metrics.length === 0 ? ["it has no metric"] : []),
    ...metrics.filter((metric) => rowOf(metric) === undefined).map((metric) => `there is no ${metric}`),
    ...labels
      .filter((label) => ![...known, ...FURTHER_LABELS].includes(label))
      .map((label) => `${metrics.join(", ")} has no label ${label}`),
  ];
}

describe("expressions of PromQL", () => {
  for (const [because, expr, fault] of [
    ["a bracket is missing", "sum(azuredisk_nodes", /at 19/u],
    ["the metric does not exist", "sum(azuredisk_knots)", /there is no azuredisk_knots/u],
    ["the label does not exist", 'azuredisk_nodes{role="x"}', /has no label role/u],
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
