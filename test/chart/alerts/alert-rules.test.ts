import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { parse } from "yaml";
import { findCommand } from "../../../scripts/child/find-command.ts";
import { CHART } from "../run-helm.ts";
import { alertCases } from "./alert-cases.ts";
import { evaluateRules, type Firing } from "./evaluate-rules.ts";

const BUILD_TIMEOUT_MS = 600_000;
const RULES = await readFile(join(CHART, "files/alert-rules.yaml"), "utf8");
/** One controller leads, unless a case says otherwise. */
const LEADER = { azuredisk_controller_is_leader: "1x2000" };
const noGo =
  (await findCommand("go")) === undefined ? "needs Go: Prometheus' engine is built from its sources" : false;

/** An alert's minutes as a range: all of them are in it. */
function rangeOf({ alert, minutes }: Firing): readonly [string, string] {
  const [first = 0] = minutes;
  const last = minutes.at(-1) ?? 0;
  const gap = minutes.length === last - first + 1 ? "" : " with a gap";
  return [alert.replace(/^AzureDisk/u, ""), `${first} to ${last}${gap}`];
}

interface AlertRule {
  readonly alert: string;
  readonly annotations: { readonly description: string };
}

function rulesOfAlerts(): readonly AlertRule[] {
  const { groups } = parse(RULES) as { readonly groups: readonly { readonly rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

describe("alerts in Prometheus' query engine", { skip: noGo, timeout: BUILD_TIMEOUT_MS }, () => {
  let fired: readonly (readonly Firing[])[] = [];

  before(async () => {
    fired = await evaluateRules(
      RULES,
      alertCases.map(({ series, minutes }) => ({ series: { ...LEADER, ...series }, minutes })),
    );
  });

  for (const [index, { because, fires }] of alertCases.entries())
    it(because, () => {
      assert.deepEqual((fired[index] ?? []).map(rangeOf), Object.entries(fires));
    });

  it("name a namespace in each command for the driver's objects", () => {
    const commands = rulesOfAlerts().flatMap(({ annotations }) =>
      [...annotations.description.matchAll(/`(kubectl [^`]* (?:azv|azva|azdn)\b[^`]*)`/gu)].map(
        ([, command = ""]) => command,
      ),
    );
    assert.ok(commands.length > 0);
    assert.deepEqual(
      commands.filter((command) => !/ -A\b| -n \S/u.test(command)),
      [],
    );
  });

  it("each fire in a case", () => {
    const all = rulesOfAlerts().map(({ alert }) => alert.replace(/^AzureDisk/u, ""));
    const shown = alertCases.flatMap(({ fires }) => Object.keys(fires));
    assert.deepEqual(
      all.filter((name) => !shown.includes(name)),
      [],
    );
  });

  for (const { because, rules, says } of [
    {
      because: "an expression that has another type",
      rules: "groups: [{name: g, rules: [{alert: A, expr: 'rate(azuredisk_nodes) > 0'}]}]",
      says: /expected type range vector in call to function "rate", got instant vector/u,
    },
    {
      because: "a field that Prometheus does not know",
      rules: "groups: [{name: g, rules: [{alert: A, expr: 'vector(1)', fore: 1m}]}]",
      says: /field fore not found/u,
    },
  ])
    it(`are refused with ${because}`, async () => {
      await assert.rejects(evaluateRules(rules, []), says);
    });
});
