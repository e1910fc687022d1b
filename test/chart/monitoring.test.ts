import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { type Manifest, renderChart } from "./render-chart.ts";
import { CHART, whyNoHelm } from "./run-helm.ts";
import { VALUE_SETS } from "./value-sets.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
const KINDS = ["PodMonitor", "PrometheusRule"];
const SIDECARS = ["csi-provisioner", "csi-attacher", "csi-resizer", "csi-snapshotter"];
/** The registrar listens on the loopback of its host alone: its port is taken there all the same. */
const HOST_PORT = /^--(?:http-endpoint=(?:localhost)?:|health-port=)(\d+)$/u;
const EVERY_ADDRESS = /^--http-endpoint=:\d+$/u;
/**
 * Ports on the hosts' network that charts and components beside this one have by default. The driver's own
 * first version has ours: one of the two is there.
 */
const NEIGHBOURS: readonly { readonly name: string; readonly from: number; readonly to: number }[] = [
  { name: "kubelet", from: 10_248, to: 10_250 },
  { name: "kubelet, read-only", from: 10_255, to: 10_255 },
  { name: "kube-proxy", from: 10_256, to: 10_256 },
  { name: "control plane", from: 10_257, to: 10_260 },
  { name: "Azure CNS and network policies", from: 10_090, to: 10_092 },
  { name: "konnectivity", from: 8_132, to: 8_134 },
  { name: "node-exporter", from: 9_100, to: 9_100 },
  { name: "Cilium, peers and Hubble", from: 4_240, to: 4_245 },
  { name: "Cilium, health", from: 9_878, to: 9_893 },
  { name: "Cilium, metrics", from: 9_962, to: 9_965 },
  { name: "node-problem-detector", from: 20_256, to: 20_257 },
  { name: "azurefile-csi-driver", from: 29_612, to: 29_619 },
  { name: "an earlier blob-csi-driver, and a second disk driver", from: 29_622, to: 29_629 },
  { name: "blob-csi-driver", from: 29_632, to: 29_639 },
  { name: "csi-driver-smb", from: 29_642, to: 29_649 },
  { name: "csi-driver-nfs", from: 29_652, to: 29_659 },
  { name: "azurelustre-csi-driver", from: 29_752, to: 29_769 },
  { name: "NodePorts", from: 30_000, to: 32_767 },
  { name: "ports of clients", from: 32_768, to: 65_535 },
];

interface Pod {
  readonly hostNetwork?: boolean;
  readonly containers: readonly {
    readonly name: string;
    readonly args?: readonly string[];
    readonly ports?: readonly { readonly name: string }[];
  }[];
}

interface Workload {
  readonly selector: { readonly matchLabels: { readonly app: string } };
  readonly template: { readonly spec: Pod };
}

function isForMonitoring({ kind, metadata }: Manifest): boolean {
  return KINDS.includes(kind) || metadata.name.endsWith("-dashboard");
}

function workloadsOf(manifests: readonly Manifest[]): readonly Workload[] {
  return manifests
    .filter(({ kind }) => ["Deployment", "DaemonSet"].includes(kind))
    .map(({ spec }) => spec as Workload);
}

const all = {
  podMonitor: { enabled: true, labels: { release: "prometheus" } },
  prometheusRule: { enabled: true },
  dashboard: { enabled: true },
};

describe("the chart's monitoring", { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS }, () => {
  it("is off by default", async () => {
    assert.deepEqual((await renderChart({})).filter(isForMonitoring), []);
  });

  for (const apiVersion of ["monitoring.coreos.com/v1", "azmonitoring.coreos.com/v1"])
    it(`selects every pod with metrics by a PodMonitor of ${apiVersion}`, async () => {
      const manifests = await renderChart({
        metrics: { podMonitor: { ...all.podMonitor, apiVersion } },
        controller: { sidecarMetrics: { enabled: true } },
        snapshot: { snapshotter: "always" },
        windows: { enabled: true },
      });
      const [monitor] = manifests.filter(isForMonitoring);
      assert.equal(monitor?.apiVersion, apiVersion);
      assert.equal(monitor.metadata.labels?.["release"], "prometheus");
      const serving = workloadsOf(manifests).filter(({ template }) =>
        template.spec.containers.some(({ name }) => name === "azuredisk"),
      );
      const { selector, podMetricsEndpoints } = monitor["spec"] as {
        readonly selector: { readonly matchExpressions: readonly { readonly values: readonly string[] }[] };
        readonly podMetricsEndpoints: readonly { readonly port: string }[];
      };
      assert.deepEqual(
        selector.matchExpressions[0]?.values.toSorted(),
        serving.map(({ selector: { matchLabels } }) => matchLabels.app).toSorted(),
      );
      const served = serving.flatMap(({ template }) =>
        template.spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
      );
      const scraped = podMetricsEndpoints.map(({ port }) => port);
      assert.deepEqual(scraped, ["metrics", ...SIDECARS]);
      assert.deepEqual(
        scraped.filter((port) => !served.includes(port)),
        [],
      );
    });

  it("has the generated alerts and dashboard as they are", async () => {
    const found = (await renderChart({ metrics: all })).filter(isForMonitoring);
    const rule = found.find(({ kind }) => kind === "PrometheusRule");
    assert.deepEqual(rule?.["spec"], parse(await readFile(join(CHART, "files/alert-rules.yaml"), "utf8")));
    const dashboard = found.find(({ kind }) => kind === "ConfigMap");
    assert.equal(dashboard?.metadata.labels?.["grafana_dashboard"], "1");
    const data = (dashboard["data"] ?? {}) as Readonly<Record<string, string>>;
    assert.deepEqual(
      JSON.parse(data["csi-azuredisk-controller.json"] ?? ""),
      JSON.parse(await readFile(join(CHART, "files/dashboard.json"), "utf8")),
    );
  });

  it("links each alert to its runbook, where the page is said to be", async () => {
    const runbookUrl = "https://wiki.example/azuredisk-alerts";
    const found = await renderChart({ metrics: { prometheusRule: { enabled: true, runbookUrl } } });
    const rule = found.find(({ kind }) => kind === "PrometheusRule") ?? assert.fail("no PrometheusRule");
    const { groups } = rule["spec"] as {
      readonly groups: readonly {
        readonly rules: readonly {
          readonly alert: string;
          readonly annotations: Readonly<Record<string, string>>;
        }[];
      }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    const page = await readFile(new URL("../../docs/reference/alerts.md", import.meta.url), "utf8");
    const headings = [...page.matchAll(/^## (.*)$/gmu)].map(([, heading]) => heading);
    assert.deepEqual(
      rules.map(({ alert }) => alert),
      headings,
    );
    for (const { alert, annotations } of rules)
      assert.equal(annotations["runbook_url"], `${runbookUrl}#${alert.toLowerCase()}`);
  });

  it("names the namespace of the objects in what alerts say to do", async () => {
    const found = await renderChart({ metrics: all, objectNamespace: "fast" });
    const alerts = JSON.stringify(found.find(({ kind }) => kind === "PrometheusRule"));
    assert.ok(alerts.includes("kubectl -n fast describe azv"));
    assert.ok(!alerts.includes("azure-disk-csi "));
  });

  it("gives each process on a host's network a port that no other has", async () => {
    const values = { ...VALUE_SETS["everything"], linux: { hostNetwork: true } };
    const ports = workloadsOf(await renderChart(values))
      .filter(({ template }) => template.spec.hostNetwork === true)
      .flatMap(({ template }) => template.spec.containers.flatMap(({ args = [] }) => args))
      .flatMap((argument) => HOST_PORT.exec(argument)?.[1] ?? [])
      .map(Number);
    assert.equal(ports.length, 9);
    assert.deepEqual(ports, [...new Set(ports)]);
    const taken = ports.flatMap((port) =>
      NEIGHBOURS.filter(({ from, to }) => from <= port && port <= to).map(({ name }) => `${port}: ${name}`),
    );
    assert.deepEqual(taken, []);
  });

  // Node takes 0.0.0.0 for IPv4 alone, and kubelets and Prometheus of an IPv6 cluster come by IPv6.
  it("is served on IPv6, too", async () => {
    for (const values of Object.values(VALUE_SETS)) {
      const endpoints = workloadsOf(await renderChart(values))
        .flatMap(({ template }) => template.spec.containers.flatMap(({ args = [] }) => args))
        .filter((argument) => argument.startsWith("--http-endpoint="));
      assert.deepEqual(
        endpoints.filter((endpoint) => !EVERY_ADDRESS.test(endpoint)),
        [],
      );
    }
  });
});
