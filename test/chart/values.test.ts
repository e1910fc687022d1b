import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isAlias, parse, parseAllDocuments, parseDocument, visit } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import type { ChartValue } from "../../scripts/generate/chart/chart-value.ts";
import { chartValues, GIVEN_BY_CHART } from "../../scripts/generate/chart/chart-values.ts";
import { detachOptions } from "../../src/compose/settings/detach-options.ts";
import type { Manifest } from "./render-chart.ts";
import { CHART, runHelm, whyNoHelm } from "./run-helm.ts";
import { VALUE_SETS } from "./value-sets.ts";

const BUILD_TIMEOUT_MS = 1_500_000;

const SNAPSHOTS = "snapshot.storage.k8s.io/v1";
const SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a";

const noHelm = await whyNoHelm();

describe("values of the chart", () => {
  it("each have a default and a meaning", async () => {
    const defaults = parse(await readFile(join(CHART, "values.yaml"), "utf8")) as Readonly<
      Record<string, unknown>
    >;
    const faults: string[] = [];
    const compare = (given: unknown, value: ChartValue | undefined, path: string): void => {
      if (value === undefined) faults.push(`${path} of values.yaml has no meaning`);
      else if (given === undefined) faults.push(`${path} has no default in values.yaml`);
      // The defaults of a role's own settings are in the role.
      else if (value.kind === "group" && !path.endsWith(".settings")) {
        const names = new Set([...Object.keys(value.values), ...Object.keys(given as object)]);
        for (const name of names)
          compare((given as Readonly<Record<string, unknown>>)[name], value.values[name], `${path}.${name}`);
      }
    };
    compare(defaults, { kind: "group", values: chartValues() }, "values");
    assert.deepEqual(faults, []);
  });

  it("have the role's own defaults for detaches", async () => {
    const { controller } = parse(await readFile(join(CHART, "values.yaml"), "utf8")) as {
      readonly controller: Readonly<Record<string, unknown>>;
    };
    assert.deepEqual(
      [controller["forceDetachAfterMs"], controller["fenceRegularDetachMs"]],
      [detachOptions["force-detach-after-ms"].default, detachOptions["fence-regular-detach-ms"].default],
    );
  });

  it("are named where one of their flags is refused as a further argument", async () => {
    const helpers = await readFile(join(CHART, "templates/_helpers.tpl"), "utf8");
    const [, flags = ""] =
      /define "azuredisk.valuesOfFlags" -\}\}\n(.*?)\{\{- end -\}\}/su.exec(helpers) ?? [];
    const entries = [...flags.matchAll(/^([a-z-]+): (.*)$/gmu)].map(([, flag = "", value = ""]) => ({
      flag,
      values: value.replaceAll("{{ $role }}", "node").split(" or "),
    }));
    assert.deepEqual(
      [...new Set(entries.map(({ flag }) => flag))].toSorted(),
      GIVEN_BY_CHART.filter((name) => !["kubeconfig", "store-socket"].includes(name)).toSorted(),
    );
    const defaults = parse(await readFile(join(CHART, "values.yaml"), "utf8")) as object;
    const has = (path: string): boolean => {
      const value = path
        .split(".")
        .reduce<unknown>((part, name) => (part as Readonly<Record<string, unknown>>)[name], defaults);
      return value !== undefined;
    };
    const named = entries.flatMap(({ values }) => values).filter((path) => path !== '""');
    assert.deepEqual(
      named.filter((path) => !has(path)),
      [],
    );
  });

  it("have the version of the project", async () => {
    const chart = parse(await readFile(join(CHART, "Chart.yaml"), "utf8")) as {
      readonly version: string;
      readonly appVersion: string;
    };
    assert.deepEqual([chart.version, chart.appVersion], [packageJson.version, packageJson.version]);
  });

  it("of AKS have no aliases, which kustomize loses where it merges values", async () => {
    let aliases = 0;
    visit(parseDocument(await readFile(join(CHART, "values-aks.yaml"), "utf8")), (_, node) => {
      if (isAlias(node)) aliases += 1;
    });
    assert.equal(aliases, 0);
  });

  describe("values that users set", { skip: noHelm ?? false, timeout: BUILD_TIMEOUT_MS }, () => {
    const rows: readonly { readonly values: object; readonly says: RegExp }[] = [
      {
        values: { controller: { replica: 3 } },
        says: /at '\/controller': additional properties 'replica' not allowed/u,
      },
      {
        values: { controller: { forceDetachAfterMs: 10 } },
        says: /at '\/controller\/forceDetachAfterMs': minimum: got 10, want 1,?000/u,
      },
      { values: { controler: {} }, says: /additional properties 'controler' not allowed/u },
      { values: { attach: "both" }, says: /at '\/attach': value must be one of 'kubernetes', 'driver'/u },
      {
        values: { controller: { settings: { "heartbeat-stale": 1 } } },
        says: /at '\/controller\/settings': additional properties 'heartbeat-stale' not allowed/u,
      },
      {
        values: { node: { settings: { "heartbeat-ms": 1 } } },
        says: /at '\/node\/settings\/heartbeat-ms': minimum: got 1, want 50/u,
      },
      {
        values: { controller: { settings: { "replica-attach-tries": 1.5 } } },
        says: /at '\/controller\/settings\/replica-attach-tries': got number, want integer/u,
      },
      {
        values: { driver: { volumeAttachLimit: -2 } },
        says: /at '\/driver\/volumeAttachLimit': minimum: got -2, want -1/u,
      },
      {
        values: { storageClasses: { mine: { paramters: {} } } },
        says: /at '\/storageClasses\/mine': additional properties 'paramters' not allowed/u,
      },
      {
        values: { controller: { sidecarMetrics: { firstPort: 65_533 } } },
        says: /at '\/controller\/sidecarMetrics\/firstPort': maximum: got 65,?533, want 65,?532/u,
      },
      {
        values: { controller: { sidecarMetrics: { enabled: true, firstPort: 29_603 } } },
        says: /port 29604 is of controller\.metricsPort and of controller\.sidecarMetrics\.firstPort/u,
      },
      {
        values: { controller: { metricsPort: 29_605 } },
        says: /port 29605 is of controller\.metricsPort and of node\.metricsPort: change one of them/u,
      },
      {
        values: {
          controller: { hostNetwork: false },
          node: { livenessProbe: { enabled: true, healthPort: 29_605 } },
        },
        says: /port 29605 is of node\.metricsPort and of node\.livenessProbe\.healthPort/u,
      },
      {
        values: { driver: { httpsProxy: "proxy:3128" } },
        says: /at '\/driver\/httpsProxy': 'proxy:3128' does not match pattern/u,
      },
      {
        values: { azure: { endpoint: "management.azure.com" } },
        says: /at '\/azure\/endpoint': 'management\.azure\.com' does not match pattern/u,
      },
      {
        values: { imagePullSecrets: [{ nam: "registry" }] },
        says: /imagePullSecrets: an object lacks its name/u,
      },
      {
        values: { driver: { nodeAllocatableUpdatePeriodSeconds: 9 } },
        says: /nodeAllocatableUpdatePeriodSeconds is 9: Kubernetes takes 10 seconds or more/u,
      },
      {
        values: { controller: { cloudConfigSecretNamespace: "other" } },
        says: /a pod can only mount secrets of its own namespace, kube-system/u,
      },
      {
        values: { controller: { cloudConfigHostFile: "/etc/kubernetes/azure.json" } },
        says: /reads one of them\. Set controller\.cloudConfigSecretName to "" to read the file/u,
      },
      {
        values: { controller: { cloudConfigSecretName: "", cloudConfigHostFile: "azure.json" } },
        says: /at '\/controller\/cloudConfigHostFile': .*does not match pattern/u,
      },
      {
        values: { controller: { cloudConfigSecretName: "", cloudConfigHostFile: "/azure.json" } },
        says: /at '\/controller\/cloudConfigHostFile': .*does not match pattern/u,
      },
      ...["my subscription", `/subscriptions/${SUBSCRIPTION}`, `${SUBSCRIPTION} `].map((subscriptionID) => ({
        values: { azure: { subscriptionID } },
        says: /at '\/azure\/subscriptionID': '.*' does not match pattern/u,
      })),
      {
        values: { workloadIdentity: { clientID: "azuredisk-identity" } },
        says: /at '\/workloadIdentity\/clientID': 'azuredisk-identity' does not match pattern/u,
      },
      {
        values: { workloadIdentity: { tenantID: "contoso" } },
        says: /at '\/workloadIdentity\/tenantID': 'contoso' does not match pattern/u,
      },
      {
        values: {
          controller: { cloudConfigSecretName: "" },
          azure: { subscriptionID: SUBSCRIPTION, location: "eastus" },
        },
        says: /so that .*: set azure\.resourceGroup, workloadIdentity\.clientID, too/u,
      },
      {
        values: {
          ...(VALUE_SETS["aks"] as { readonly azure: object }),
          image: { azuredisk: { repository: "localhost/mine", tag: "1" } },
          azure: {},
          workloadIdentity: {},
        },
        says: /\.repository=<registry>\/mine\..*\n.*azure\.subscriptionID, azure\.resourceGroup, azure\.location, work/u,
      },
      {
        values: { image: { azuredisk: { repository: "localhost/mine", tag: "1" } } },
        says: /image\.azuredisk is "localhost\/mine:1": .*set image\.azuredisk\.repository=<registry>\/mine/u,
      },
      {
        values: {
          windows: { enabled: true },
          image: {
            azuredisk: { repository: "registry.example/a" },
            azurediskWindows: { repository: "localhost/b", tag: "1" },
          },
        },
        says: /image\.azurediskWindows is "localhost\/b:1": .*set image\.azurediskWindows\.repository=<registry>\/b/u,
      },
      {
        values: { image: { azuredisk: { repository: "https://registry.example/mine" } } },
        says: /at '\/image\/azuredisk\/repository': 'https:\/\/registry\.example\/mine' does not match pattern/u,
      },
      {
        values: { image: { azuredisk: { repository: "registry.example/mine@sha256" } } },
        says: /image\.azuredisk\.repository ends in @sha256, and image\.azuredisk\.tag is "": set it to the 64/u,
      },
      {
        values: {
          image: {
            azuredisk: { repository: "registry.example/mine" },
            kubeScheduler: { repository: "registry.example/kube-scheduler@sha256" },
          },
        },
        says: /image\.kubeScheduler\.repository ends in @sha256, and image\.kubeScheduler\.tag is "": set it/u,
      },
      {
        values: {
          image: { azuredisk: { repository: "registry.example/mine", tag: `sha256:${"0".repeat(64)}` } },
        },
        says: /at '\/image\/azuredisk\/tag': 'sha256:0{64}' does not match pattern/u,
      },
      {
        values: { windows: { kubelet: "/var/lib/kubelet" } },
        says: /at '\/windows\/kubelet': '\/var\/lib\/kubelet' does not match pattern/u,
      },
      {
        values: { image: { baseRepo: "localhost", azuredisk: { repository: "registry.example/mine" } } },
        says: /image\.csi\w+ is "localhost\/oss\/\S+csi-\w+:\S+": .*set image\.baseRepo/u,
      },
      {
        values: { controller: { extraArgs: ["--heartbeat-stale-ms=9000", "--log-level=debug"] } },
        says: /controller\.extraArgs has --log-level=debug, a flag .* itself: set controller\.logLevel instead/u,
      },
      {
        values: { node: { extraArgs: ["--max-volumes", "4"] } },
        says: /node\.extraArgs has --max-volumes, .*: set driver\.volumeAttachLimit instead/u,
      },
      {
        values: { node: { extraArgs: ["--state-dir=/var"] }, windows: { enabled: true } },
        says: /node\.extraArgs has --state-dir=\/var, .*: set linux\.stateDir or windows\.stateDir instead/u,
      },
      {
        values: { schedulerExtender: { extraArgs: ["--extender-endpoint=:1"] } },
        says: /schedulerExtender\.extraArgs has --extender-endpoint=:1, .*: set schedulerExtender\.port instead/u,
      },
      {
        values: { controller: { extraArgs: ["--cloud-config=/extra/azure.json"] } },
        says: /set controller\.cloudConfigSecretName or controller\.cloudConfigHostFile instead/u,
      },
      {
        values: {
          controller: {
            settings: { "heartbeat-stale-ms": 8000 },
            extraArgs: ["--heartbeat-stale-ms=9000"],
          },
        },
        says: /has --heartbeat-stale-ms=9000, .*: set controller\.settings\.heartbeat-stale-ms instead/u,
      },
      {
        values: { controller: { extraArgs: ["--log-level debug"] } },
        says: /controller\.extraArgs has --log-level debug, .*: set controller\.logLevel instead/u,
      },
      {
        values: {
          azure: { caCertificate: "-----BEGIN CERTIFICATE-----" },
          controller: { extraArgs: ["--azure-ca-file=/extra/ca.pem"] },
        },
        says: /has --azure-ca-file=\/extra\/ca\.pem, .*: set azure\.caCertificate instead/u,
      },
      {
        values: { controller: { podLabels: { "cost-center": 42 } } },
        says: /at '\/controller\/podLabels\/cost-center': got number, want string/u,
      },
      {
        values: { linux: { nodeSelector: { spot: false } } },
        says: /at '\/linux\/nodeSelector\/spot': got boolean, want string/u,
      },
      {
        values: { storageClasses: { mine: { annotations: { reviewed: true } } } },
        says: /at '\/storageClasses\/mine\/annotations\/reviewed': got boolean, want string/u,
      },
      {
        values: { node: { extraEnv: [{ name: "NODE_DEBUG", value: 1 }] } },
        says: /at '\/node\/extraEnv\/0\/value': got number, want null or string/u,
      },
      {
        values: { linux: { podLabels: { app: "storage" } } },
        says: /at '\/linux\/podLabels\/app': false schema/u,
      },
      {
        values: { metrics: { podMonitor: { labels: { "helm.sh/chart": "mine" } } } },
        says: /at '\/metrics\/podMonitor\/labels\/helm\.sh~1chart': false schema/u,
      },
      {
        values: { controller: { extraArgs: ["--endpoint=unix:///other.sock"] } },
        says: /has --endpoint=unix:\/\/\/other\.sock, a flag that the chart sets itself: its pods need it as it is/u,
      },
    ];
    for (const { values, says } of rows)
      it(`are refused by name: ${JSON.stringify(values)}`, async () => {
        const { code, output } = await runHelm(
          ["template", "test", CHART, "--namespace", "kube-system"],
          values,
        );
        assert.notEqual(code, 0);
        assert.match(output, says);
      });

    it("take a variable whose value another object has, beside null", async () => {
      const valueFrom = { configMapKeyRef: { name: "proxy", key: "url" } };
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
        node: { extraEnv: [{ name: "HTTPS_PROXY", value: null, valueFrom }] },
      });
      assert.equal(code, 0, output);
    });

    describe("with a version of Kubernetes that only AKS LTS has", () => {
      const template = (values: object): ReturnType<typeof runHelm> =>
        runHelm(
          ["template", "test", CHART, "--namespace", "kube-system", "--kube-version", "v1.32.101"],
          values,
        );

      it("need the tag of the second scheduler's image", async () => {
        const { code, output } = await template({});
        assert.notEqual(code, 0);
        assert.match(output, /version v1\.32\.101 .*: set image\.kubeScheduler\.tag=v1\.32\.<last patch of/u);
      });

      it("take a tag, or no second scheduler", async () => {
        const image = { azuredisk: { repository: "registry.example/a" }, kubeScheduler: { tag: "v1.32.9" } };
        const withTag = await template({ image });
        assert.equal(withTag.code, 0, withTag.output);
        assert.match(withTag.output, /image: registry\.k8s\.io\/kube-scheduler:v1\.32\.9\n/u);
        const without = await template({ schedulerExtender: { enabled: false } });
        assert.equal(without.code, 0, without.output);
      });
    });

    for (const { version, hasPeriod, takesPrevention } of [
      { version: "v1.32.9", hasPeriod: false, takesPrevention: false },
      { version: "v1.34.9", hasPeriod: false, takesPrevention: false },
      { version: "v1.35.0-alpha.1", hasPeriod: true, takesPrevention: false },
      { version: "v1.36.9", hasPeriod: true, takesPrevention: false },
      { version: "v1.37.0-alpha.1", hasPeriod: true, takesPrevention: true },
    ])
      it(`give the CSIDriver only fields that Kubernetes ${version} knows`, async () => {
        const template = (driver: object): ReturnType<typeof runHelm> =>
          runHelm(["template", "test", CHART, "--namespace", "kube-system", "--kube-version", version], {
            driver,
          });
        const { code, output } = await template({ nodeAllocatableUpdatePeriodSeconds: 60 });
        assert.equal(code, 0, output);
        assert.equal(output.includes("nodeAllocatableUpdatePeriodSeconds: 60"), hasPeriod);
        const prevented = await template({ preventPodSchedulingIfMissing: true });
        assert.equal(prevented.code === 0, takesPrevention, prevented.output);
        assert.match(
          prevented.output,
          takesPrevention
            ? /^preventPodSchedulingIfMissing: true$|^ {2}preventPodSchedulingIfMissing: true$/mu
            : /preventPodSchedulingIfMissing is true, but Kubernetes \S+ does not know it: 1\.37/u,
        );
      });

    for (const snapshot of [{ snapshotter: "auto" }, { snapshotter: "always" }, { enabled: true }])
      it(`are refused with a snapshotter in kube-system: ${JSON.stringify(snapshot)}`, async () => {
        const { code, output } = await runHelm(
          ["template", "test", CHART, "--namespace", "kube-system", "--api-versions", SNAPSHOTS],
          { objectNamespace: "kube-system", snapshot },
        );
        assert.notEqual(code, 0);
        assert.match(output, /set objectNamespace to another namespace, or snapshot\.snapshotter to never/u);
      });

    it("may name one port for controllers and node plug-ins on networks of their own", async () => {
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
        controller: { hostNetwork: false, metricsPort: 29_605 },
      });
      assert.equal(code, 0, output);
    });

    it("may name another folder of the kubelet, in each path of the plug-in", async () => {
      const kubelet = "/var/snap/microk8s/common/var/lib/kubelet";
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
        linux: { kubelet },
        node: { nodeDriverRegistrar: { enabled: true }, livenessProbe: { enabled: true } },
      });
      assert.equal(code, 0, output);
      assert.doesNotMatch(output.replaceAll(kubelet, ""), /\/var\/lib\/kubelet/u);
    });

    it("take further arguments whose flags the chart does not set", async () => {
      // The files may come from further volumes.
      const files = ["--cloud-config=/extra/azure.json", "--azure-ca-file", "/extra/ca.pem"];
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
        azure: { subscriptionID: SUBSCRIPTION, resourceGroup: "rg", location: "eastus" },
        controller: { cloudConfigSecretName: "", extraArgs: ["--heartbeat-stale-ms=9000", ...files] },
        node: { extraArgs: ["--zone", "1", "--metadata-ca-file=/extra/ca.pem"] },
        schedulerExtender: { extraArgs: ["--heartbeat-stale-ms", "9000"] },
      });
      assert.equal(code, 0, output);
    });

    it("give Kubernetes texts where it takes nothing else", async () => {
      const parameters = { skuName: "UltraSSD_LRS", DiskIOPSReadWrite: 1_200_000, enableBursting: false };
      const { code, output } = await runHelm(["template", "2026", CHART, "--namespace", "kube-system"], {
        storageClasses: { mine: { parameters } },
      });
      assert.equal(code, 0, output);
      const objects = parseAllDocuments(output).map((document) => document.toJS() as Manifest | null);
      const mine = objects.find((object) => object?.metadata.name === "mine");
      assert.deepEqual(mine?.["parameters"], {
        skuName: "UltraSSD_LRS",
        DiskIOPSReadWrite: "1200000",
        enableBursting: "false",
      });
      assert.equal(mine?.metadata.labels?.["app.kubernetes.io/instance"], "2026");
    });

    for (const tenantID of ["00000000-0000-0000-0000-0000000000AB", "contoso.onmicrosoft.com"])
      it(`take a GUID of any case, and a tenant's domain: ${tenantID}`, async () => {
        const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
          azure: { subscriptionID: SUBSCRIPTION.toUpperCase() },
          workloadIdentity: { clientID: SUBSCRIPTION, tenantID },
        });
        assert.equal(code, 0, output);
      });

    // The chart joins both by a colon, as Helm users know.
    it("take an image by its digest, with `@sha256` at the end of its repository", async () => {
      const tag = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
        image: { azuredisk: { repository: "registry.example:5000/mine@sha256", tag } },
      });
      assert.equal(code, 0, output);
      assert.match(output, /image: registry\.example:5000\/mine@sha256:[0-9a-f]{64}\n/u);
    });

    it("take an image by its tag and its digest", async () => {
      const tag = "0.1.0@sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"], {
        image: { azuredisk: { repository: "registry.example/mine", tag } },
      });
      assert.equal(code, 0, output);
      assert.match(output, /image: registry\.example\/mine:0\.1\.0@sha256:[0-9a-f]{64}\n/u);
    });

    it("include the image: the default names no registry", async () => {
      const { code, output } = await runHelm(["template", "test", CHART, "--namespace", "kube-system"]);
      assert.notEqual(code, 0);
      assert.match(
        output,
        /image\.azuredisk is "localhost\/azuredisk-csi-driver:\S+": .*set image\.azuredisk\.repository=/u,
      );
    });
  });
});
