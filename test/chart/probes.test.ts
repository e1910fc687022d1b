import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
/**
 * In seconds. The sidecars of that pod keep their Leases while it hangs, so that nothing is attached. A third
 * of what Kubernetes and the fence take for a node without power.
 */
const HUNG_CONTROLLER_MAX_S = 60;

interface Container {
  readonly name: string;
  readonly livenessProbe?: {
    readonly periodSeconds: number;
    readonly timeoutSeconds: number;
    readonly failureThreshold: number;
    readonly terminationGracePeriodSeconds?: number;
  };
}

interface Pod {
  readonly containers: readonly Container[];
  readonly terminationGracePeriodSeconds: number;
}

describe("the chart's probes", { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS }, () => {
  it("end a controller that hangs within a minute", async () => {
    const controller = (await renderChart({})).find(
      ({ kind, metadata }) => kind === "Deployment" && metadata.name === "csi-azuredisk-controller",
    );
    assert.ok(controller !== undefined);
    const pod = (controller["spec"] as { readonly template: { readonly spec: Pod } }).template.spec;
    const probe = pod.containers.find(({ name }) => name === "azuredisk")?.livenessProbe;
    assert.ok(probe !== undefined);
    // The first probe comes up to one period after the hang, and each may take its whole time.
    const detectedS = probe.periodSeconds * probe.failureThreshold + probe.timeoutSeconds;
    const graceS = probe.terminationGracePeriodSeconds ?? pod.terminationGracePeriodSeconds;
    assert.ok(detectedS + graceS <= HUNG_CONTROLLER_MAX_S, `${detectedS} s, and ${graceS} s for its end`);
  });
});
