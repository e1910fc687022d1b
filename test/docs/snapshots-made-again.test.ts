import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { run } from "../../testbed/lab/units/run.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import type { ApiServer } from "../kubernetes-store/api-server.ts";
import { commandsOf } from "../second-cluster/install-page.ts";

const DEFINITIONS = fileURLToPath(new URL("../../deploy/chart/files/snapshot-crds", import.meta.url));
const KINDS = ["volumesnapshots", "volumesnapshotcontents"].map((kind) => `${kind}.snapshot.storage.k8s.io`);
const ANNOTATION = "snapshot.storage.kubernetes.io";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const API = "snapshot.storage.k8s.io/v1";
const SETTLED_MAX_MS = 60_000;

const aSnapshot = (name: string): object => ({
  apiVersion: API,
  kind: "VolumeSnapshot",
  metadata: {
    namespace: "default",
    name,
    finalizers: [`${ANNOTATION}/volumesnapshot-bound-protection`],
    labels: { app: "shop" },
    annotations: { "velero.io/backup": "nightly" },
  },
  spec: { source: { persistentVolumeClaimName: "data" }, volumeSnapshotClassName: "kept" },
  status: { boundVolumeSnapshotContentName: `of-${name}`, readyToUse: true },
});
/** Of another driver, whose sidecar needs a secret to delete the snapshot, and serves one node alone. */
const aContent = (name: string): object => ({
  apiVersion: API,
  kind: "VolumeSnapshotContent",
  metadata: {
    name: `of-${name}`,
    finalizers: [`${ANNOTATION}/volumesnapshotcontent-bound-protection`],
    labels: { [`${ANNOTATION}/managed-by`]: "node-a" },
    annotations: {
      [`${ANNOTATION}/deletion-secret-name`]: "secret",
      [`${ANNOTATION}/deletion-secret-namespace`]: "rook-ceph",
      [`${ANNOTATION}/volumesnapshot-being-deleted`]: "yes",
    },
  },
  spec: {
    deletionPolicy: "Delete",
    driver: "rook-ceph.rbd.csi.ceph.com",
    source: { volumeHandle: "volume" },
    sourceVolumeMode: "Filesystem",
    volumeSnapshotClassName: "kept",
    volumeSnapshotRef: { kind: "VolumeSnapshot", namespace: "default", name, uid: "1" },
  },
  status: { snapshotHandle: `handle-${name}`, readyToUse: true },
});
const NAMES = ["nightly.2026-11-30", "second"];

interface Found {
  readonly metadata: {
    readonly name: string;
    readonly labels?: object;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: object;
}

const jq = await findCommand("jq");
const reason = jq === undefined ? "jq is not installed" : ((await whyNoApiServer()) ?? false);

/** The commands of docs/install.md are run as they stand there. */
describe("VolumeSnapshots by docs/install.md", { skip: reason, timeout: FIRST_START_TIMEOUT_MS }, () => {
  let server: ApiServer;
  let folder: string;
  let blocks: readonly string[];
  before(async () => {
    blocks = await commandsOf("### Definitions of snapshots that are being deleted");
    server = await startApiServer((line) => console.log(line));
    folder = await mkdtemp(join(tmpdir(), "snapshots-made-again-"));
    for (const name of ["bin", "saved"]) await mkdir(join(folder, name));
    await symlink(server.programFile("kubectl"), join(folder, "bin/kubectl"));
    await define();
    for (const object of NAMES.flatMap((name) => [aContent(name), aSnapshot(name)]))
      for (const options of ["create", "replace --subresource=status"])
        await follow(`kubectl ${options} -f -`, JSON.stringify(object));
    await follow(`kubectl delete crd ${KINDS.join(" ")} --wait=false`);
  });
  after(async () => {
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function define(): Promise<void> {
    await follow(`kubectl apply --server-side -f ${DEFINITIONS}`);
    await follow(`kubectl wait --for=condition=Established crd ${KINDS.join(" ")}`);
  }

  function follow(commands: string | undefined, input?: string): Promise<string> {
    assert.ok(commands !== undefined, "the page has fewer blocks");
    return run(["bash", "-c", `cd ${join(folder, "saved")}\n${commands}`], {
      env: {
        KUBECONFIG: server.kubeconfigFile,
        PATH: `${join(folder, "bin")}${delimiter}${process.env["PATH"] ?? ""}`,
      },
      ...(input === undefined ? {} : { input }),
    });
  }

  async function listed(kind: string): Promise<readonly Found[]> {
    const found = await follow(`kubectl get ${kind} -A -o json`);
    return (JSON.parse(found) as { readonly items: readonly Found[] }).items;
  }

  it("stay saved where all commands are repeated after a stop", async () => {
    const [save, release = ""] = blocks;
    const counts = "2\n2\n";
    assert.equal(await follow(save), counts);
    const files = (): Promise<string[]> =>
      Promise.all(
        ["snapshots", "contents"].map((name) => readFile(join(folder, `saved/${name}.json`), "utf8")),
      );
    const saved = await files();
    const [first = ""] = release.split("\ndone\n");
    await follow(`${first}\ndone`);
    assert.equal(await follow(save), counts);
    await waitUntil("the definitions to be gone", { timeoutMs: SETTLED_MAX_MS }, async () => {
      const left = await follow(`${release}\ntrue`);
      return KINDS.some((kind) => left.includes(kind)) ? undefined : true;
    });
    assert.equal(await follow(save), counts);
    assert.deepEqual(await files(), saved);
  });

  it("are made again as other drivers need them", async () => {
    await define();
    await follow(blocks[2]);
    const [snapshots, contents] = await Promise.all(KINDS.map((kind) => listed(kind)));
    const stated = ({ metadata: { name, labels, annotations = {} }, spec }: Found): object => ({
      name,
      labels,
      annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== LAST_APPLIED)),
      spec,
    });
    assert.deepEqual(
      contents?.map((content) => stated(content)),
      NAMES.map((name) => ({
        name: `of-${name}`,
        labels: { [`${ANNOTATION}/managed-by`]: "node-a" },
        annotations: {
          [`${ANNOTATION}/deletion-secret-name`]: "secret",
          [`${ANNOTATION}/deletion-secret-namespace`]: "rook-ceph",
        },
        spec: {
          deletionPolicy: "Delete",
          driver: "rook-ceph.rbd.csi.ceph.com",
          source: { snapshotHandle: `handle-${name}` },
          sourceVolumeMode: "Filesystem",
          volumeSnapshotClassName: "kept",
          volumeSnapshotRef: { namespace: "default", name },
        },
      })),
    );
    assert.deepEqual(
      snapshots?.map((snapshot) => stated(snapshot)),
      NAMES.map((name) => ({
        name,
        labels: { app: "shop" },
        annotations: { "velero.io/backup": "nightly" },
        spec: { volumeSnapshotClassName: "kept", source: { volumeSnapshotContentName: `of-${name}` } },
      })),
    );
  });
});
