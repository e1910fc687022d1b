import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 1_500_000;

describe(
  "drains of nodes with the chart's pods",
  { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS },
  () => {
    it("evict one pod of a Deployment at a time, and each that is not ready", async () => {
      const budgets = (await renderChart({ snapshot: { enabled: true } })).filter(
        ({ kind }) => kind === "PodDisruptionBudget",
      );
      assert.deepEqual(
        budgets.map(({ metadata, spec }) => [metadata.name, spec]),
        ["csi-azuredisk-controller", "csi-azuredisk-scheduler-extender", "csi-snapshot-controller"].map(
          (app) => [
            app,
            {
              maxUnavailable: 1,
              unhealthyPodEvictionPolicy: "AlwaysAllow",
              selector: { matchLabels: { app } },
            },
          ],
        ),
      );
    });
  },
);
