import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { claimLabels } from "../../src/core/api/claim-labels.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import type { ApiServer } from "../kubernetes-store/api-server.ts";
import { RELEASE } from "./render-chart.ts";
import { CHART, runHelm } from "./run-helm.ts";

const OBJECTS = "azure-disk-csi";
const CSI_DRIVER = "/apis/storage.k8s.io/v1/csidrivers/disk.csi.azure.com";
const DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/azvolumes.disk.csi.azure.com";
const VOLUME = `/apis/disk.csi.azure.com/v1/namespaces/${OBJECTS}/azvolumes/pvc-1`;
const CONTROLLER = `/apis/apps/v1/namespaces/${RELEASE.namespace}/deployments/csi-azuredisk-controller`;
const POD_MONITOR =
  `/apis/monitoring.coreos.com/v1/namespaces/${RELEASE.namespace}/podmonitors/` +
  "csi-azuredisk-controller-metrics";
const never = new AbortController().signal;
/** This API server runs no controllers; the suites of the lab cover the node plug-ins. */
const base = { linux: { enabled: false } };

const takesOver = { driver: { takeOver: true } };

/** Under another driver name, on AKS, whose own classes stay. */
const RENAMED = {
  driver: { name: "disk2.csi.azure.com" },
  storageClasses: { "managed-csi": { enabled: false }, "managed-csi-premium": { enabled: false } },
};
const CONTROLLER_RENAMED = CONTROLLER.replace("azuredisk", "azuredisk-disk2-csi-azure-com");
const CSI_DRIVER_RENAMED = "/apis/storage.k8s.io/v1/csidrivers/disk2.csi.azure.com";

/** A pod of V1, as far as the chart examines it. */
function ofV1(container: string, image = "of-v1"): object {
  return { containers: [{ name: container, image, args: ["--v=5", "--endpoint=$(CSI_ENDPOINT)"] }] };
}

/** A Deployment or DaemonSet. */
function aWorkload(
  name: string,
  namespace: string,
  pod: object,
): { readonly metadata: { readonly name: string; readonly namespace: string } } {
  const labels = { app: name };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } };
  return { metadata: { name, namespace }, ...{ spec } };
}

/** What AKS's add-on manager knows its objects by. */
const ADD_ON: Readonly<Record<string, string>> = {
  "addonmanager.kubernetes.io/mode": "Reconcile",
  "kubernetes.azure.com/managedby": "aks",
};
/** Objects of AKS's own driver whose names the chart uses. */
const LEFT_BY_ADD_ON: readonly {
  readonly path: string;
  readonly name: string;
  readonly [field: string]: unknown;
}[] = [
  { path: `/api/v1/namespaces/${RELEASE.namespace}/serviceaccounts`, name: "csi-azuredisk-controller-sa" },
  {
    path: "/apis/storage.k8s.io/v1/storageclasses",
    name: "managed-csi",
    provisioner: "disk.csi.azure.com",
    parameters: { skuName: "StandardSSD_LRS" },
    volumeBindingMode: "WaitForFirstConsumer",
  },
];

function pairs(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).map(([label, value]) => `${label}=${value}`);
}

/** A CustomResourceDefinition without its schema. The last version is the stored one. */
function aDefinition(
  names: { readonly group: string; readonly kind: string; readonly scope: "Cluster" | "Namespaced" },
  versions: readonly string[],
): { readonly metadata: { readonly name: string }; readonly spec: object } {
  const { group, kind, scope } = names;
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  return {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular },
      scope,
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === versions.length - 1,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      })),
    },
  };
}

/** The Prometheus Operator's. */
const definitionOfPodMonitor = aDefinition(
  { group: "monitoring.coreos.com", kind: "PodMonitor", scope: "Namespaced" },
  ["v1"],
);

/** The V2 driver in Go serves two versions, the second with a status of its own. */
const definitionOfGoDriver = aDefinition(
  { group: "disk.csi.azure.com", kind: "AzVolume", scope: "Namespaced" },
  ["v1beta1", "v1beta2"],
);
const definitionOfAttachments = aDefinition(
  { group: "disk.csi.azure.com", kind: "AzVolumeAttachment", scope: "Namespaced" },
  ["v1"],
);
const snapshotGroup = aDefinition(
  { group: "snapshot.storage.k8s.io", kind: "VolumeSnapshotContent", scope: "Cluster" },
  ["v1"],
);
/** As its V1 release leaves it: Kubernetes protects the group by an annotation. */
const definitionOfContents = {
  ...snapshotGroup,
  metadata: {
    ...snapshotGroup.metadata,
    annotations: {
      "api-approved.kubernetes.io": "https://github.com/kubernetes-csi/external-snapshotter/pull/814",
    },
  },
};

interface Read {
  readonly code: number;
  readonly body: {
    readonly metadata: {
      readonly uid: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly spec: Readonly<Record<string, unknown>>;
  };
}

describe(
  "the chart's install, upgrade and uninstall",
  { skip: (await whyNoApiServer()) ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    let server: ApiServer;
    let admin: ApiClient;

    before(async () => {
      server = await startApiServer((line) => console.log(line));
      admin = server.connect();
      // The chart brings its own CSIDriver.
      const { code, output } = await server.kubectl("delete", "crd", "--all");
      assert.equal(code, 0, output);
    });
    after(async () => server?.close());

    async function helm(...args: readonly string[]): Promise<string> {
      const { code, output } = await runHelm([
        ...args,
        "--namespace",
        RELEASE.namespace,
        "--kubeconfig",
        server.kubeconfigFile,
      ]);
      assert.equal(code, 0, `helm ${args.join(" ")}: ${output}`);
      return output;
    }

    async function install(
      command: "install" | "upgrade",
      values: object,
      ...flags: readonly string[]
    ): Promise<{ readonly code: number | undefined; readonly output: string }> {
      const args = [
        command,
        RELEASE.name,
        CHART,
        "--namespace",
        RELEASE.namespace,
        "--kubeconfig",
        server.kubeconfigFile,
        ...flags,
      ];
      return runHelm(args, { ...base, ...values });
    }

    async function mustInstall(
      command: "install" | "upgrade",
      values: object,
      ...flags: readonly string[]
    ): Promise<void> {
      const { code, output } = await install(command, values, ...flags);
      assert.equal(code, 0, output);
    }

    async function read(path: string): Promise<Read> {
      const answer = await admin.call({ method: "GET", path }, never);
      assert.ok(answer.ok, JSON.stringify(answer));
      return answer.value as Read;
    }

    async function create(path: string, body: object): Promise<void> {
      const answer = await admin.call({ method: "POST", path, body }, never);
      assert.ok(answer.ok && answer.value.code === 201, JSON.stringify(answer));
    }

    async function remove(path: string): Promise<void> {
      const answer = await admin.call({ method: "DELETE", path }, never);
      assert.ok(answer.ok && answer.value.code === 200, JSON.stringify(answer));
    }

    /** Helm's message when it refuses an install or upgrade. */
    async function refusal(
      command: "install" | "upgrade",
      values: object,
      ...flags: readonly string[]
    ): Promise<string> {
      const { code, output } = await install(command, values, ...flags);
      assert.notEqual(code, 0, "Helm refuses it");
      return output;
    }

    it("refuses to install over the V2 driver's definitions, and changes nothing", async () => {
      await create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definitionOfGoDriver);
      assert.match(
        await refusal("install", takesOver, "--take-ownership", "--force-conflicts"),
        /CustomResourceDefinition azvolumes\.disk\.csi\.azure\.com has version v1beta1: .*Nothing was changed.*docs\/install\.md/u,
      );
      const kept = (await read(DEFINITION)).body.spec["versions"] as readonly { readonly name: string }[];
      assert.deepEqual(
        kept.map(({ name }) => name),
        ["v1beta1", "v1beta2"],
      );
      assert.equal((await read(CSI_DRIVER)).code, 404, "nothing was created");
      const { code, output } = await server.kubectl("delete", "crd", "azvolumes.disk.csi.azure.com");
      assert.equal(code, 0, output);
    });

    it("refuses to install while definitions or its namespace are being deleted", async () => {
      const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      const held = { finalizers: ["example.com/held"] };
      for (const [name, definition] of [
        ["volumesnapshotcontents.snapshot.storage.k8s.io", definitionOfContents],
        ["azvolumeattachments.disk.csi.azure.com", definitionOfAttachments],
      ] as const) {
        const { metadata } = definition;
        await create(definitions, { ...definition, metadata: { ...metadata, ...held } });
        await remove(`${definitions}/${name}`);
        assert.match(
          await refusal("install", takesOver, "--take-ownership", "--force-conflicts"),
          new RegExp(
            `CustomResourceDefinition ${name} is being deleted.*Nothing was changed.*docs/install\\.md`,
            "u",
          ),
        );
        const freed = await server.kubectl(
          ...["patch", "crd", name, "--type", "merge", "--patch", '{"metadata":{"finalizers":null}}'],
        );
        assert.equal(freed.code, 0, freed.output);
      }
      const objectNamespace = "disk-objects";
      await create("/api/v1/namespaces", { metadata: { name: objectNamespace } });
      await remove(`/api/v1/namespaces/${objectNamespace}`);
      assert.match(
        await refusal("install", { ...takesOver, objectNamespace }, "--take-ownership", "--force-conflicts"),
        /Namespace disk-objects is being deleted.*Nothing was changed.*docs\/install\.md/u,
      );
      assert.equal((await read(CSI_DRIVER)).code, 404, "nothing was created");
    });

    it("refuses to install beside a scheduler that the V2 driver in Go has left", async () => {
      const image = "mcr.microsoft.com/oss/kubernetes-csi/azdiskschedulerextender-csi:latest-v2";
      for (const [name, namespace, pod, because] of [
        [
          "csi-azuredisk-scheduler-extender",
          RELEASE.namespace,
          ofV1("kube-scheduler"),
          /Deployment csi-azuredisk-scheduler-extender in namespace kube-system .*is not of this release.*Delete it/u,
        ],
        [
          "its-scheduler",
          "default",
          ofV1("csi-azuredisk-scheduler-extender", image),
          /Deployment its-scheduler in namespace default .*is another Azure disk driver/u,
        ],
      ] as const) {
        const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
        await create(path, aWorkload(name, namespace, pod));
        assert.match(await refusal("install", takesOver, "--take-ownership", "--force-conflicts"), because);
        await remove(`${path}/${name}`);
      }
      assert.equal((await read(CSI_DRIVER)).code, 404, "nothing was created");
    });

    it("says what is forbidden where its user may not look for other drivers", async () => {
      const inNamespace = ["--namespace", RELEASE.namespace];
      for (const args of [
        ["create", "role", "keeps-releases", "--verb=*", "--resource=secrets", ...inNamespace],
        [
          "create",
          "rolebinding",
          "keeps-releases",
          "--role=keeps-releases",
          "--user=limited",
          ...inNamespace,
        ],
      ]) {
        const { code, output } = await server.kubectl(...args);
        assert.equal(code, 0, output);
      }
      assert.match(
        await refusal("install", takesOver, "--kube-as-user=limited"),
        /customresourcedefinitions.* is forbidden: User "limited" cannot get resource/u,
      );
      assert.equal((await read(CSI_DRIVER)).code, 404, "nothing was created");
    });

    it("refuses objects for monitoring whose definition the cluster lacks", async () => {
      for (const [metrics, says] of [
        [
          { podMonitor: { enabled: true } },
          /metrics\.podMonitor\.enabled is true, but the cluster has no monitoring\.coreos\.com\/v1\/PodMonitor/u,
        ],
        [
          { podMonitor: { enabled: true, apiVersion: "azmonitoring.coreos.com/v1" } },
          /the cluster has no azmonitoring\.coreos\.com\/v1\/PodMonitor/u,
        ],
        [
          { prometheusRule: { enabled: true } },
          /no monitoring\.coreos\.com\/v1\/PrometheusRule: install what/u,
        ],
      ] as const)
        assert.match(await refusal("install", { metrics, ...takesOver }), says);
      assert.equal((await read(CSI_DRIVER)).code, 404, "nothing was created");
    });

    it("refuses to install beside V1's workloads, and takes over what V1 left behind", async () => {
      await create(
        `/apis/apps/v1/namespaces/${RELEASE.namespace}/deployments`,
        aWorkload("csi-azuredisk-controller", RELEASE.namespace, ofV1("azuredisk")),
      );
      const spec = { attachRequired: true, podInfoOnMount: false, fsGroupPolicy: "ReadWriteOnceWithFSType" };
      await create("/apis/storage.k8s.io/v1/csidrivers", { metadata: { name: "disk.csi.azure.com" }, spec });
      for (const { path, name, ...content } of LEFT_BY_ADD_ON)
        await create(path, {
          metadata: { name, labels: { ...ADD_ON, "app.kubernetes.io/name": "v1" } },
          ...content,
        });
      const labelled = await server.kubectl("label", "csidriver", "disk.csi.azure.com", ...pairs(ADD_ON));
      assert.equal(labelled.code, 0, labelled.output);

      const byName =
        /CSIDriver disk\.csi\.azure\.com is not of this release \(an AKS add-on\).*Remove it.*driver\.takeOver=true/u;
      assert.match(await refusal("install", {}, "--take-ownership"), byName);
      const running =
        /Deployment csi-azuredisk-controller in namespace kube-system .*is another Azure disk driver.*Remove it first/u;
      assert.match(await refusal("install", takesOver, "--take-ownership", "--force-conflicts"), running);

      await remove(CONTROLLER);
      assert.match(await refusal("install", {}, "--take-ownership"), byName);
      assert.match(await refusal("install", takesOver), /invalid ownership metadata/u);
      assert.equal((await read(CONTROLLER)).code, 404, "nothing was created");
      await mustInstall("install", takesOver, "--take-ownership", "--force-conflicts");
      assert.equal((await read(CSI_DRIVER)).body.spec["fsGroupPolicy"], "File");
      assert.equal((await read(CONTROLLER)).code, 200);
      for (const path of [CSI_DRIVER, ...LEFT_BY_ADD_ON.map((each) => `${each.path}/${each.name}`)]) {
        const { labels = {}, annotations = {} } = (await read(path)).body.metadata;
        assert.deepEqual(
          [labels["app.kubernetes.io/managed-by"], annotations["meta.helm.sh/release-name"]],
          ["Helm", RELEASE.name],
          path,
        );
        assert.deepEqual(
          Object.keys(labels).filter((label) => label in ADD_ON),
          [],
          `AKS would prune ${path}`,
        );
      }
    });

    it("keeps its CSIDriver on upgrade, recreates it if `attach` changes, rolls back", async () => {
      const first = await read(CSI_DRIVER);
      await mustInstall("upgrade", { controller: { replicas: 3 } });
      assert.equal((await read(CSI_DRIVER)).body.metadata.uid, first.body.metadata.uid);
      assert.equal((await read(CONTROLLER)).body.spec["replicas"], 3);

      await mustInstall("upgrade", { attach: "driver" });
      const byDriver = await read(CSI_DRIVER);
      assert.equal(byDriver.body.spec["attachRequired"], false);
      await mustInstall("upgrade", { attach: "driver", controller: { replicas: 1 } });
      assert.equal((await read(CSI_DRIVER)).body.metadata.uid, byDriver.body.metadata.uid);

      await helm("rollback", RELEASE.name, "2");
      assert.equal((await read(CSI_DRIVER)).body.spec["attachRequired"], true);
      assert.equal((await read(CONTROLLER)).body.spec["replicas"], 3);
      await helm("rollback", RELEASE.name, "3");
      assert.equal((await read(CSI_DRIVER)).body.spec["attachRequired"], false);
    });

    it("brings definitions of the custom resources up to date", async () => {
      const remove = [{ op: "remove", path: "/spec/versions/0/additionalPrinterColumns" }];
      const outdated = await admin.call(
        { method: "PATCH", path: DEFINITION, body: remove, contentType: "application/json-patch+json" },
        never,
      );
      assert.ok(outdated.ok && outdated.value.code === 200, JSON.stringify(outdated));
      await mustInstall("upgrade", {}, "--force-conflicts");
      const { versions } = (await read(DEFINITION)).body.spec as {
        readonly versions: readonly { readonly additionalPrinterColumns?: readonly unknown[] }[];
      };
      assert.ok((versions[0]?.additionalPrinterColumns ?? []).length > 0, "the columns are missing");
    });

    it("refuses an upgrade while its definition is being deleted, and makes it again", async () => {
      const hold = async (finalizers: readonly string[] | null): Promise<void> => {
        const body = { metadata: { finalizers } };
        const contentType = "application/merge-patch+json";
        const answer = await admin.call({ method: "PATCH", path: DEFINITION, body, contentType }, never);
        assert.ok(answer.ok && answer.value.code === 200, JSON.stringify(answer));
      };
      await hold(["example.com/held"]);
      await remove(DEFINITION);
      assert.match(await refusal("upgrade", {}), /azvolumes\.disk\.csi\.azure\.com is being deleted/u);
      await hold(null);
      await waitUntil("the definition to be gone", { timeoutMs: 60_000 }, async () =>
        (await read(DEFINITION)).code === 404 ? true : undefined,
      );
      await mustInstall("upgrade", {}, "--force-conflicts");
      assert.equal((await read(DEFINITION)).code, 200);
    });

    it("refuses only upgrades that would end snapshots of a deleted definition", async () => {
      const snapshotter = (when: "always" | "never"): object => ({ snapshot: { snapshotter: when } });
      const ends = /volumesnapshotcontents\.snapshot\.storage\.k8s\.io is being deleted/u;
      await mustInstall("upgrade", snapshotter("always"), "--force-conflicts");
      const { metadata } = definitionOfContents;
      const name = "volumesnapshotcontents.snapshot.storage.k8s.io";
      const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      const held = { ...metadata, finalizers: ["example.com/held"] };
      await create(definitions, { ...definitionOfContents, metadata: held });
      await remove(`${definitions}/${name}`);
      await mustInstall("upgrade", snapshotter("always"), "--force-conflicts");
      const both = { snapshot: { snapshotter: "always", enabled: true } };
      assert.match(await refusal("upgrade", both, "--force-conflicts"), ends);
      await mustInstall("upgrade", snapshotter("never"), "--force-conflicts");
      await mustInstall("upgrade", snapshotter("never"), "--force-conflicts");
      assert.match(await refusal("upgrade", snapshotter("always"), "--force-conflicts"), ends);
      const free = '{"metadata":{"finalizers":null}}';
      const freed = await server.kubectl("patch", "crd", name, "--type", "merge", "--patch", free);
      assert.equal(freed.code, 0, freed.output);
      await waitUntil("the definition to be gone", { timeoutMs: 60_000 }, async () =>
        (await read(`${definitions}/${name}`)).code === 404 ? true : undefined,
      );
      await mustInstall("upgrade", {}, "--force-conflicts");
    });

    it("refuses an upgrade beside another driver installed since, whatever its name", async () => {
      const plugin = {
        ...ofV1("driver"),
        volumes: [{ name: "plugin", hostPath: { path: "/var/lib/kubelet/plugins/disk.csi.azure.com/" } }],
      };
      const others = [
        {
          path: "/apis/apps/v1/namespaces/default/daemonsets",
          workload: aWorkload("other-node", "default", plugin),
        },
        {
          path: "/apis/apps/v1/namespaces/default/deployments",
          workload: aWorkload(
            "other",
            "default",
            ofV1("csi-driver", "mcr.microsoft.com/oss/azuredisk-csi:v1"),
          ),
        },
      ];
      for (const { path, workload } of others) {
        const { name } = workload.metadata;
        await create(path, workload);
        const refused = await refusal("upgrade", {});
        assert.match(
          refused,
          new RegExp(
            `(DaemonSet|Deployment) ${name} in namespace default .*is another Azure disk driver`,
            "u",
          ),
        );
        await remove(`${path}/${name}`);
        await mustInstall("upgrade", {});
      }
      const bystander = aWorkload("web", "default", ofV1("web", "registry.example.com/azure-things"));
      await create("/apis/apps/v1/namespaces/default/deployments", bystander);
      await mustInstall("upgrade", {});
      await remove("/apis/apps/v1/namespaces/default/deployments/web");
    });

    it("refuses a change of a class that Kubernetes refuses, until it is deleted", async () => {
      const path = "/apis/storage.k8s.io/v1/storageclasses/managed-csi-premium";
      const changed = (fields: object) => ({ storageClasses: { "managed-csi-premium": fields } });
      const first = (await read(path)).body.metadata.uid;
      for (const [fields, says] of [
        [
          { parameters: { cachingMode: "None" } },
          /StorageClass managed-csi-premium has parameters \{"skuName":"Premium_LRS"\}, not \{"cachingMode":"None","skuName":"Premium_LRS"\}, .*Nothing was changed.*kubectl delete storageclass managed-csi-premium/u,
        ],
        [{ reclaimPolicy: "Retain" }, /managed-csi-premium has reclaimPolicy "Delete", not "Retain"/u],
        [
          { volumeBindingMode: "Immediate" },
          /has volumeBindingMode "WaitForFirstConsumer", not "Immediate"/u,
        ],
      ] as const)
        assert.match(await refusal("upgrade", { controller: { replicas: 9 }, ...changed(fields) }), says);
      assert.notEqual((await read(CONTROLLER)).body.spec["replicas"], 9);
      await mustInstall("upgrade", changed({ allowVolumeExpansion: false, mountOptions: ["noatime"] }));
      assert.equal((await read(path)).body.metadata.uid, first);
      await remove(path);
      await mustInstall("upgrade", changed({ reclaimPolicy: "Retain" }));
      await remove(path);
      await mustInstall("upgrade", {});
    });

    it("refuses another driver.name of a release that is installed, and changes nothing", async () => {
      assert.match(
        await refusal("upgrade", RENAMED),
        /CSIDriver disk\.csi\.azure\.com is of this release, so driver\.name stays disk\.csi\.azure\.com/u,
      );
      assert.equal((await read(CSI_DRIVER_RENAMED)).code, 404);
    });

    it("is not installed a second time under other names", async () => {
      const second = {
        ...base,
        driver: { name: "fast.example.com" },
        objectNamespace: "fast",
        rbac: { name: "fast" },
        controller: { cloudConfigSecretName: "" },
        azure: {
          subscriptionID: "00000000-0000-0000-0000-000000000001",
          resourceGroup: "rg",
          location: "eastus",
        },
      };
      const { code, output } = await runHelm(
        ["install", "second", CHART, "--namespace", "default", "--kubeconfig", server.kubeconfigFile],
        second,
      );
      assert.notEqual(code, 0);
      assert.match(
        output,
        /in namespace kube-system \(Helm release azuredisk-csi-driver in kube-system\) is another Azure disk driver/u,
      );
    });

    it("refuses to upgrade V1's release, because V1's pods would run beside its own", async () => {
      const owner = {
        "meta.helm.sh/release-name": RELEASE.name,
        "meta.helm.sh/release-namespace": RELEASE.namespace,
      };
      const node = aWorkload("csi-azuredisk-node", RELEASE.namespace, ofV1("azuredisk"));
      await create(`/apis/apps/v1/namespaces/${RELEASE.namespace}/daemonsets`, {
        ...node,
        metadata: { ...node.metadata, annotations: owner },
      });
      assert.match(
        await refusal("upgrade", {}),
        /DaemonSet csi-azuredisk-node in namespace kube-system \(Helm release azuredisk-csi-driver in kube-system\)/u,
      );
      await remove(`/apis/apps/v1/namespaces/${RELEASE.namespace}/daemonsets/csi-azuredisk-node`);
      await mustInstall("upgrade", {});
    });

    it("makes a PodMonitor once the cluster has its definition", async () => {
      await create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definitionOfPodMonitor);
      const { code, output } = await server.kubectl(
        "wait",
        "--for=condition=Established",
        "crd/podmonitors.monitoring.coreos.com",
      );
      assert.equal(code, 0, output);
      await mustInstall("upgrade", { metrics: { podMonitor: { enabled: true } } });
      assert.equal((await read(POD_MONITOR)).code, 200);
      await mustInstall("upgrade", {});
      assert.equal((await read(POD_MONITOR)).code, 404);
    });

    it("keeps all objects that describe disks on uninstall, and finds them on reinstall", async () => {
      const spec = {
        volumeName: "pvc-1",
        capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
        disk: { skuName: "Premium_LRS", sizeGiB: 1, maxShares: 1, tags: {} },
        maxMountReplicaCount: 0,
        volumeContext: {},
        deleteRequested: false,
      };
      await create(`/apis/disk.csi.azure.com/v1/namespaces/${OBJECTS}/azvolumes`, {
        apiVersion: "disk.csi.azure.com/v1",
        kind: "AzVolume",
        metadata: { name: "pvc-1", labels: claimLabels({ namespace: "shop", name: "data" }) },
        spec,
      });
      const printed = await server.kubectl("get", "azv", "--namespace", OBJECTS);
      assert.match(printed.output, /^NAME +CLAIMNAMESPACE +CLAIM +STATE .* ERROR +AGE\npvc-1 +shop +data +/u);
      const { uid } = (await read(VOLUME)).body.metadata;

      await helm("uninstall", RELEASE.name);
      assert.equal((await read(CONTROLLER)).code, 404);
      assert.equal((await read(CSI_DRIVER)).code, 404);
      assert.equal((await read(VOLUME)).body.metadata.uid, uid);
      assert.equal((await read(`/api/v1/namespaces/${OBJECTS}`)).code, 200);

      await mustInstall("install", {});
      assert.equal((await read(VOLUME)).body.metadata.uid, uid);
      assert.equal((await read(CONTROLLER)).code, 200);
    });

    it("installs under another driver name beside all that AKS's add-on has left", async () => {
      await helm("uninstall", RELEASE.name);
      const left = [
        {
          path: "/apis/storage.k8s.io/v1/csidrivers",
          name: "disk.csi.azure.com",
          content: { spec: { attachRequired: true } },
        },
        ...LEFT_BY_ADD_ON.map(({ path, name, ...content }) => ({ path, name, content })),
      ];
      for (const { path, name, content } of left)
        await create(path, { metadata: { name, labels: ADD_ON }, ...content });

      assert.match(
        await refusal("install", { driver: RENAMED.driver }),
        /StorageClass managed-csi has provisioner disk\.csi\.azure\.com, not disk2\.csi\.azure\.com/u,
      );
      await mustInstall("install", RENAMED);
      assert.equal((await read(CSI_DRIVER_RENAMED)).body.spec["attachRequired"], true);
      assert.equal((await read(CONTROLLER_RENAMED)).code, 200);
      for (const { path, name } of left) {
        const { labels = {}, annotations = {} } = (await read(`${path}/${name}`)).body.metadata;
        assert.deepEqual([labels, annotations], [ADD_ON, {}], `${path}/${name} is AKS's`);
      }
      assert.equal((await read(VOLUME)).code, 200);
    });
  },
);
