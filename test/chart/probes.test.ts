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
/**
 * In seconds. Its share of a node without idle processors is small, and a process that is killed before it
 * serves starts as slowly again.
 */
const STARTING_CONTROLLER_MIN_S = 120;

interface Probe {
  readonly httpGet?: { readonly host?: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly terminationGracePeriodSeconds?: number;
}

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
}

interface Pod {
  readonly containers: readonly Container[];
  readonly terminationGracePeriodSeconds: number;
}

async function controllerPod(): Promise<Pod> {
  const controller = (await renderChart({})).find(
    ({ kind, metadata }) => kind === "Deployment" && metadata.name === "csi-azuredisk-controller",
  );
  assert.ok(controller !== undefined);
  return (controller["spec"] as { readonly template: { readonly spec: Pod } }).template.spec;
}

describe("the chart's probes", { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS }, () => {
  it("give a controller two minutes until it first answers", async () => {
    const { containers } = await controllerPod();
    const container = containers.find(({ name }) => name === "azuredisk");
    // Without a probe of the start, that of a process that runs counts from the start on.
    const probe = container?.startupProbe ?? container?.livenessProbe;
    assert.ok(probe !== undefined);
    // A port that is not open yet refuses at once, so that no probe takes longer than its period.
    const startsS = probe.periodSeconds * probe.failureThreshold;
    assert.ok(startsS >= STARTING_CONTROLLER_MIN_S, `${startsS} s`);
  });

  it("end a controller that hangs within a minute", async () => {
    const pod = await controllerPod();
    const probe = pod.containers.find(({ name }) => name === "azuredisk")?.livenessProbe;
    assert.ok(probe !== undefined);
    // The first probe comes up to one period after the hang, and each may take its whole time.
    const detectedS = probe.periodSeconds * probe.failureThreshold + probe.timeoutSeconds;
    const graceS = probe.terminationGracePeriodSeconds ?? pod.terminationGracePeriodSeconds;
    assert.ok(detectedS + graceS <= HUNG_CONTROLLER_MAX_S, `${detectedS} s, and ${graceS} s for its end`);
  });

  for (const { because, hostNetwork, endpoint, host } of [
    {
      because: "the node alone on the host's network",
      hostNetwork: true,
      endpoint: "--http-endpoint=localhost:29607",
      host: "localhost",
    },
    {
      because: "its pod's address elsewhere",
      hostNetwork: false,
      endpoint: "--http-endpoint=:29607",
      host: undefined,
    },
  ])
    it(`reach the registrar by ${because}`, async () => {
      const objects = await renderChart({
        node: { nodeDriverRegistrar: { enabled: true } },
        linux: { hostNetwork },
      });
      const daemonSet = objects.find(
        ({ kind, metadata }) => kind === "DaemonSet" && metadata.name === "csi-azuredisk-node",
      );
      assert.ok(daemonSet !== undefined);
      const { containers } = (daemonSet["spec"] as { readonly template: { readonly spec: Pod } }).template
        .spec;
      const registrar = containers.find(({ name }) => name === "node-driver-registrar");
      assert.ok(registrar?.args?.includes(endpoint) === true, registrar?.args?.join(" "));
      assert.equal(registrar.livenessProbe?.httpGet?.host, host);
    });
});
