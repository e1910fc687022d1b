import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { renderChart } from "./render-chart.ts";
import { CHART, whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
/** Values under which a pod listens on all that it may. */
const ALL = {
  controller: { livenessProbe: { enabled: true }, sidecarMetrics: { enabled: true } },
  node: { livenessProbe: { enabled: true }, nodeDriverRegistrar: { enabled: true } },
  snapshot: { enabled: true },
};
const PORT = /^--(?:http-endpoint=|health-port=|secure-port=|extender-endpoint=).*?(\d+)$/u;
/** The rows of the table, by the names of workloads. */
const ROWS: Readonly<Record<string, string>> = {
  "csi-azuredisk-controller": "controllers",
  "csi-azuredisk-node": "node plug-ins",
  "csi-azuredisk-scheduler-extender": "scheduler extender",
  "csi-snapshot-controller": "snapshot-controller",
};

interface Pod {
  readonly containers: readonly {
    readonly args?: readonly string[];
    readonly command?: readonly string[];
  }[];
}

/** The ports in the last column of a row; `29661 to 29664` are four. */
function portsOfRow(page: string, row: string): readonly number[] {
  const cells = new RegExp(`^\\| ${row} \\|(.*)\\|(.*)\\|$`, "mu").exec(page);
  const text = cells?.[2] ?? assert.fail(`the page has no row ${row}`);
  const ranges = [...text.matchAll(/(\d{4,5})(?: to (\d{4,5}))?/gu)];
  return ranges
    .flatMap(([, from, to = from]) =>
      Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index),
    )
    .toSorted((one, other) => one - other);
}

describe(
  "the ports in docs/install.md",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  () => {
    it("are those on which the chart's pods listen", async () => {
      const page = await readFile(join(CHART, "../../docs/install.md"), "utf8");
      const listening = (await renderChart(ALL))
        .filter(({ kind }) => ["Deployment", "DaemonSet"].includes(kind))
        .map(({ metadata, spec }) => {
          const { containers } = (spec as { readonly template: { readonly spec: Pod } }).template.spec;
          const ports = containers
            .flatMap(({ args = [], command = [] }) => [...args, ...command])
            .flatMap((argument) => PORT.exec(argument)?.[1] ?? [])
            .map(Number);
          return [ROWS[metadata.name] ?? metadata.name, ports.toSorted((one, other) => one - other)] as const;
        });
      assert.deepEqual(
        listening,
        listening.map(([row]) => [row, portsOfRow(page, row)]),
      );
      assert.equal(listening.length, Object.keys(ROWS).length);
    });
  },
);
