import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ApiClient } from "../../src/adapters/kubernetes/api-client.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import type { ApiServer } from "../kubernetes-store/api-server.ts";
import { RELEASE } from "./render-chart.ts";
import { CHART, runHelm } from "./run-helm.ts";

const OBJECTS = "azure-disk-csi";
const CSI_DRIVER = "/apis/storage.k8s.io/v1/csidrivers/disk.csi.azure.com";
const DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/azvolumes.disk.csi.azure.com";
const VOLUME = `/apis/disk.csi.azure.com/v1/namespaces/${OBJECTS}/azvolumes/pvc-1`;
const CONTROLLER = `/apis/apps/v1/namespaces/${RELEASE.namespace}/deployments/csi-azuredisk-controller`;
const never = new AbortController().signal;
/** This API server allows no privileged pods, and has no controllers: the lab's suites have both. */
const base = { linux: { enabled: false } };

interface Read {
  readonly code: number;
  readonly body: { readonly metadata: { readonly uid: string }; readonly spec: Readonly<Record<string, unknown>> };
}

describe("the chart in its life", { skip: (await whyNoApiServer()) ?? false, timeout: FIRST_START_TIMEOUT_MS }, () => {
  let server: ApiServer;
  let admin: ApiClient;

  before(async () => {
    server = await startApiServer((line) => console.log(line));
    admin = server.connect();
    // The chart brings its own.
    const { code, output } = await server.kubectl("delete", "crd", "--all");
    assert.equal(code, 0, output);
  });
  after(async () => server?.close());

  async function helm(...args: readonly string[]): Promise<string> {
    const { code, output } = await runHelm([...args, "--namespace", RELEASE.namespace, "--kubeconfig", server.kubeconfigFile]);
    assert.equal(code, 0, `helm ${args.join(" ")}: ${output}`);
    return output;
  }

  async function install(
    command: "install" | "upgrade",
    values: object,
    ...flags: readonly string[]
  ): Promise<{ readonly code: number | undefined; readonly output: string }> {
    const args = [command, RELEASE.name, CHART, "--namespace", RELEASE.namespace, "--kubeconfig", server.kubeconfigFile, ...flags];
    return runHelm(args, { ...base, ...values });
  }

  async function mustInstall(command: "install" | "upgrade", values: object, ...flags: readonly string[]): Promise<void> {
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

  it("is not laid over V1 by accident, and takes over what is left of V1 once its workloads are gone", async () => {
    const metadata = { name: "csi-azuredisk-controller", namespace: RELEASE.namespace };
    const labels = { app: "csi-azuredisk-controller" };
    const template = { metadata: { labels }, spec: { containers: [{ name: "csi-snapshotter", image: "of-v1" }] } };
    await create(`/apis/apps/v1/namespaces/${RELEASE.namespace}/deployments`, { metadata, spec: { replicas: 2, selector: { matchLabels: labels }, template } });
    const spec = { attachRequired: true, podInfoOnMount: false, fsGroupPolicy: "ReadWriteOnceWithFSType" };
    await create("/apis/storage.k8s.io/v1/csidrivers", { metadata: { name: "disk.csi.azure.com" }, spec });

    const refused = await install("install", {});
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /invalid ownership metadata/u);

    const { code, output } = await server.kubectl("delete", "deployment", "csi-azuredisk-controller", "--namespace", RELEASE.namespace);
    assert.equal(code, 0, output);
    await mustInstall("install", {}, "--take-ownership", "--force-conflicts");
    assert.equal((await read(CSI_DRIVER)).body.spec["fsGroupPolicy"], "File");
    assert.equal((await read(CONTROLLER)).code, 200);
  });

  it("keeps its CSIDriver through an upgrade, makes it anew where `attach` changes, and goes back by rollback", async () => {
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
    const outdated = await admin.call({ method: "PATCH", path: DEFINITION, body: remove, contentType: "application/json-patch+json" }, never);
    assert.ok(outdated.ok && outdated.value.code === 200, JSON.stringify(outdated));
    await mustInstall("upgrade", {}, "--force-conflicts");
    const { versions } = (await read(DEFINITION)).body.spec as { readonly versions: readonly { readonly additionalPrinterColumns?: readonly unknown[] }[] };
    assert.ok((versions[0]?.additionalPrinterColumns ?? []).length > 0, "the columns are missing");
  });

  it("leaves everything that describes disks when it is uninstalled, and finds it again when it is installed anew", async () => {
    const spec = {
      volumeName: "pvc-1",
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
      requiredBytes: 0,
      limitBytes: 0,
      parameters: {},
      maxShares: 1,
      maxMountReplicaCount: 0,
      deleteRequested: false,
    };
    await create(`/apis/disk.csi.azure.com/v1/namespaces/${OBJECTS}/azvolumes`, {
      apiVersion: "disk.csi.azure.com/v1",
      kind: "AzVolume",
      metadata: { name: "pvc-1" },
      spec,
    });
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
});
