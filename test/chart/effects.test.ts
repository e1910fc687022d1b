import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { ChartValue, ChartValues } from "../../scripts/generate/chart/chart-value.ts";
import { chartValues } from "../../scripts/generate/chart/chart-values.ts";
import { renderText } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
/** What Helm alone reads, of a cluster or to refuse an install, or what has its own tests. */
const WITHOUT_MARK: Readonly<Record<string, string>> = {
  "controller.cloudConfigSecretNamespace": "refused unless it is the release's",
  "controller.cloudConfigHostFile": "refused beside cloudConfigSecretName; a golden rendering has it",
  "image.baseRepo": "used for repositories that begin with a slash, and the marks do not",
  "metrics.podMonitor.interval": "a period; a golden rendering has it",
  "metrics.podMonitor.apiVersion": "has two choices; test/chart/monitoring.test.ts renders both",
};
/** Values that change nothing here, with the reason. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  "driver.takeOver": "compared with what is in the cluster",
};
/** What has to be on so that all other values are used. */
const ALL_ON = [
  "windows.enabled",
  "snapshot.enabled",
  "controller.livenessProbe.enabled",
  "controller.sidecarMetrics.enabled",
  "node.livenessProbe.enabled",
  "node.nodeDriverRegistrar.enabled",
  "metrics.podMonitor.enabled",
  "metrics.prometheusRule.enabled",
  "metrics.dashboard.enabled",
];

interface Leaf {
  readonly path: string;
  readonly value: ChartValue;
}

/** Each value but those of roles' settings, which are flags by their names, and of classes of users. */
function leavesOf(values: ChartValues, of = ""): readonly Leaf[] {
  return Object.entries(values).flatMap(([name, value]): readonly Leaf[] => {
    const path = of === "" ? name : `${of}.${name}`;
    if (value.kind === "group") return path.endsWith(".settings") ? [] : leavesOf(value.values, path);
    return value.kind === "named" ? [] : [{ path, value }];
  });
}

/** A value that a rendering shows, and what shows it; undefined: it has but a few values. */
function marked(
  { path, value }: Leaf,
  index: number,
): { readonly value: unknown; readonly mark: string } | undefined {
  const mark = `mark${index}x`;
  switch (value.kind) {
    case "text": {
      const { choices, pattern = "" } = value;
      const guid = `${String(index).padStart(8, "0")}-0000-4000-8000-000000000000`;
      const texts = [mark, `/${mark}`, `/${mark}/${mark}`, `C:\\${mark}`, `https://${mark}`, guid];
      const text =
        choices === undefined ? texts.find((each) => new RegExp(pattern, "u").test(each)) : undefined;
      return text === undefined ? undefined : { value: text, mark: text };
    }
    case "number": {
      const number = value.min < 0 ? 3_001 + index : value.min + 3_001 + index;
      return number > value.max ? undefined : { value: number, mark: String(number) };
    }
    case "texts":
      return { value: [`--${mark}`], mark };
    case "object":
      return {
        value: path.includes("esources")
          ? { limits: { [mark]: "1" } }
          : { [mark]: path.endsWith("ffinity") ? {} : "y" },
        mark,
      };
    case "textsByName":
      return { value: { [mark]: "y" }, mark };
    case "objects":
      return { value: [{ name: mark, key: mark }], mark };
    case "variables":
      return { value: [{ name: mark, value: "y" }], mark };
    case "either":
      for (const each of value.of) {
        const found = marked({ path, value: each }, index);
        if (found !== undefined) return found;
      }
      return undefined;
    default:
      return undefined;
  }
}

/** Values of which each is another. */
function ofFew(value: ChartValue): readonly unknown[] {
  switch (value.kind) {
    case "flag":
      return [true, false];
    case "number":
      return [value.min, value.max];
    case "text":
      return value.choices ?? [];
    case "either":
      return value.of.flatMap(ofFew);
    default:
      return [];
  }
}

/** Nested values from those by path. */
function nested(byPath: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(byPath)) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let group = all;
    for (const name of names) group = (group[name] ??= {}) as Record<string, unknown>;
    group[last] = value;
  }
  return all;
}

describe("all values of the chart", { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS }, () => {
  const leaves = leavesOf(chartValues());
  const allOn = {
    ...Object.fromEntries(ALL_ON.map((path) => [path, true])),
    "image.azuredisk.repository": "registry.example/azuredisk-csi-driver",
    "image.azurediskWindows.repository": "registry.example/azuredisk-csi-driver-windows",
  };
  let usual: string;

  before(async () => {
    usual = await renderText(nested(allOn));
  });

  it("each appear in what is rendered", async () => {
    const marks = leaves.flatMap((leaf, index) => {
      const found = leaf.path in WITHOUT_MARK ? undefined : marked(leaf, index);
      return found === undefined ? [] : [{ path: leaf.path, ...found }];
    });
    assert.deepEqual(
      marks.filter(({ mark }) => usual.includes(mark)),
      [],
      "the marks are none of the defaults",
    );
    const rendered = await renderText(
      nested({ ...allOn, ...Object.fromEntries(marks.map(({ path, value }) => [path, value])) }),
    );
    assert.deepEqual(
      marks.filter(({ mark }) => !rendered.includes(mark)).map(({ path }) => path),
      [],
    );
    assert.ok(marks.length > 140, `${marks.length} values have marks`);
  });

  it("change what is rendered where they have but a few values", async () => {
    const without: string[] = [];
    for (const [index, leaf] of leaves.entries()) {
      if (leaf.path in WITHOUT_MARK || marked(leaf, index) !== undefined) continue;
      const renderings = new Set([usual]);
      for (const value of ofFew(leaf.value))
        renderings.add(await renderText(nested({ ...allOn, [leaf.path]: value })));
      if (renderings.size === 1) without.push(leaf.path);
    }
    assert.deepEqual(without, Object.keys(WITHOUT_EFFECT));
  });
});
