import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ApiAnswer } from "../../adapters/kubernetes/api/api-client.ts";
import { scriptedApiClient } from "../../adapters/kubernetes/testing/scripted-api-client.ts";
import { fail } from "../../core/failure/result.ts";
import { describeFindings, type Finding } from "./finding.ts";
import { checkKubernetes } from "./kubernetes-checks.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CSI_DRIVERS = "/apis/storage.k8s.io/v1/csidrivers";
const NAME = "disk.csi.azure.com";

function definition(...versions: readonly string[]): ApiAnswer {
  return { code: 200, body: { spec: { versions: versions.map((name) => ({ name, served: true })) } } };
}

function workload(name: string, container: object, volumes: readonly object[] = []): object {
  return {
    metadata: { name, namespace: "kube-system" },
    spec: { template: { spec: { containers: [{ name: "main", ...container }], volumes } } },
  };
}

const SCHEDULER = "registry.k8s.io/kube-scheduler";

/** The chart's Deployment of the second scheduler. */
function secondScheduler(tag: string, availableReplicas: number): object {
  const containers = [
    { name: "kube-scheduler", image: `${SCHEDULER}:${tag}` },
    { name: "azuredisk", args: ["scheduler-extender"] },
  ];
  return {
    metadata: { name: "extender", namespace: "kube-system" },
    spec: { template: { spec: { containers } } },
    status: { availableReplicas },
  };
}

/** A cluster with the driver, and nothing that disturbs it. */
const ready: Readonly<Record<string, ApiAnswer>> = {
  [`${CRDS}/azvolumes.${NAME}`]: definition("v1"),
  [`${CRDS}/azvolumeattachments.${NAME}`]: definition("v1"),
  [`${CRDS}/azdrivernodes.${NAME}`]: definition("v1"),
  [`${CSI_DRIVERS}/${NAME}`]: { code: 200, body: {} },
  "/apis/apps/v1/deployments": {
    code: 200,
    body: { items: [workload("ours", { name: "azuredisk", args: ["controller"] }), workload("web", {})] },
  },
  "/apis/apps/v1/daemonsets": { code: 200, body: { items: [] } },
  "/version": { code: 200, body: { gitVersion: "v1.33.4" } },
};

function findingsOf(
  changed: Readonly<Record<string, ApiAnswer>>,
  driverName: string = NAME,
): Promise<readonly Finding[]> {
  const answers = { ...ready, ...changed };
  const client = scriptedApiClient(({ path }) => answers[path] ?? { code: 404, body: {} });
  return checkKubernetes(client, driverName, new AbortController().signal);
}

const kubelet = [{ hostPath: { path: `/var/lib/kubelet/plugins/${NAME}/` } }];

describe("the preflight of Kubernetes", () => {
  it("finds nothing missing in a cluster with the driver", async () => {
    const findings = await findingsOf({});
    assert.deepEqual(
      findings.filter(({ verdict }) => verdict !== "ok"),
      [],
    );
    assert.match(describeFindings(findings), /\nnothing is missing\n$/u);
  });

  const gone: ApiAnswer = { code: 404, body: {} };
  const rows: readonly {
    readonly because: string;
    readonly changed: Readonly<Record<string, ApiAnswer>>;
    readonly driverName?: string;
    readonly check: string;
    readonly fix: RegExp;
  }[] = [
    {
      because: "a definition that is not there",
      changed: { [`${CRDS}/azvolumes.${NAME}`]: gone },
      check: `CustomResourceDefinition azvolumes.${NAME}`,
      fix: /^kubectl apply --server-side -f deploy\/crds$/u,
    },
    {
      because: "a definition of the V2 driver in Go",
      changed: { [`${CRDS}/azdrivernodes.${NAME}`]: definition("v1beta2") },
      check: `CustomResourceDefinition azdrivernodes.${NAME}`,
      fix: /^docs\/install\.md, Over a cluster with the V2 driver in Go, /u,
    },
    {
      because: "a definition that is being deleted",
      changed: {
        [`${CRDS}/azvolumes.${NAME}`]: {
          code: 200,
          body: {
            metadata: { deletionTimestamp: "2026-11-30T20:00:00Z" },
            spec: { versions: [{ name: "v1", served: true }] },
          },
        },
      },
      check: `CustomResourceDefinition azvolumes.${NAME}`,
      fix: /^docs\/install\.md, Uninstall, .* kubectl apply --server-side -f deploy\/crds$/u,
    },
    {
      because: "a CSIDriver that is not there",
      changed: { [`${CSI_DRIVERS}/${NAME}`]: gone },
      check: `CSIDriver ${NAME}`,
      fix: /^helm upgrade --install azuredisk-csi-driver deploy\/chart -n kube-system --set image\./u,
    },
    {
      because: "V1 under its own name beside this driver under another one",
      changed: { [`${CSI_DRIVERS}/disk2.csi.azure.com`]: { code: 200, body: {} } },
      driverName: "disk2.csi.azure.com",
      check: `no other CSIDriver ${NAME}`,
      fix: /--disable-disk-driver --yes, or docs\/install\.md, Over a cluster with V1, step 1/u,
    },
    {
      because: "V1's Deployment",
      changed: {
        "/apis/apps/v1/deployments": {
          code: 200,
          body: { items: [workload("v1", { image: "registry/oss/azuredisk-csi:v1.33" })] },
        },
      },
      check: "no deployments of another Azure disk driver",
      fix: /kubectl delete --namespace kube-system deployments v1$/u,
    },
    {
      because: "the scheduler of the V2 driver in Go",
      changed: {
        "/apis/apps/v1/deployments": {
          code: 200,
          body: { items: [workload("extender", { image: "registry/oss/azdiskschedulerextender-csi:v2" })] },
        },
      },
      check: "no deployments of another Azure disk driver",
      fix: /kubectl delete --namespace kube-system deployments extender$/u,
    },
    {
      because: "V1's DaemonSet by the kubelet's folder",
      changed: {
        "/apis/apps/v1/daemonsets": { code: 200, body: { items: [workload("v1-node", {}, kubelet)] } },
      },
      check: "no daemonsets of another Azure disk driver",
      fix: /kubectl delete --namespace kube-system daemonsets v1-node$/u,
    },
  ];
  for (const { because, changed, driverName, check, fix } of rows)
    it(`names ${because}, and what fixes it`, async () => {
      const missing = (await findingsOf(changed, driverName)).filter(({ verdict }) => verdict === "missing");
      assert.deepEqual(
        missing.map((finding) => finding.check),
        [check],
      );
      assert.match(missing[0]?.fix ?? "", fix);
      assert.match(describeFindings(missing), /^missing .+\n {9}fix: .+\n1 missing\n$/u);
    });

  const deployed = (scheduler: object) => ({
    "/apis/apps/v1/deployments": { code: 200, body: { items: [scheduler] } },
  });

  for (const tag of ["v1.33.4", "v1.32.9"])
    it(`takes a second scheduler of version ${tag}`, async () => {
      assert.deepEqual((await findingsOf(deployed(secondScheduler(tag, 1)))).at(-1), {
        check: "second scheduler",
        verdict: "ok",
        detail: `${SCHEDULER}:${tag} runs`,
      });
    });

  for (const { tag, available, fix } of [
    {
      tag: "v1.33.4",
      available: 0,
      fix: /^kubectl --namespace kube-system describe pods --selector app=extender$/u,
    },
    { tag: "v1.34.0", available: 2, fix: /^helm upgrade /u },
    { tag: "v1.31.9", available: 2, fix: /^helm upgrade /u },
  ])
    it(`names a second scheduler of ${tag} with ${available} pods available`, async () => {
      const missing = (await findingsOf(deployed(secondScheduler(tag, available)))).filter(
        ({ verdict }) => verdict === "missing",
      );
      assert.deepEqual(
        missing.map(({ check }) => check),
        ["second scheduler"],
      );
      assert.match(missing[0]?.fix ?? "", fix);
    });

  it("can't compare a second scheduler whose image states no version", async () => {
    const findings = await findingsOf(deployed(secondScheduler("stable", 1)));
    assert.deepEqual(
      findings.filter(({ verdict }) => verdict !== "ok").map(({ check, verdict }) => [check, verdict]),
      [["second scheduler", "unknown"]],
    );
  });

  it("says why it could not ask", async () => {
    const failure = { kind: "StoreUnavailable", detail: "connect ECONNREFUSED 10.0.0.1:443" } as const;
    const client = { call: () => Promise.resolve(fail(failure)) };
    const findings = await checkKubernetes(client, NAME, new AbortController().signal);
    assert.deepEqual(
      findings.filter(({ verdict, detail }) => verdict === "unknown" && detail.includes(failure.detail)),
      findings,
    );
  });

  it("says what it may not read, which is no failure", async () => {
    const findings = await findingsOf({ "/apis/apps/v1/daemonsets": { code: 403, body: {} } });
    assert.deepEqual(
      findings.filter(({ verdict }) => verdict !== "ok").map(({ check, verdict }) => [check, verdict]),
      [["no daemonsets of another Azure disk driver", "unknown"]],
    );
  });
});
