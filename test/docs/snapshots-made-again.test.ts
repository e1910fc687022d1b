import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { run } from "../../testbed/lab/units/run.ts";
import { commandsOf } from "../second-cluster/install-page.ts";

const SNAPSHOTS = "volumesnapshots.snapshot.storage.k8s.io";
const CONTENTS = "volumesnapshotcontents.snapshot.storage.k8s.io";
const OF_SNAPSHOTS = "snapshot.storage.kubernetes.io";
const API = "snapshot.storage.k8s.io/v1";
const reasonAgainstJq = spawnSync("jq", ["--version"]).error === undefined ? false : "jq is not installed";

/**
 * A cluster as far as the page uses it: a file for each kind, whose objects go with their finalizers. What
 * is applied is kept as it was given.
 */
const KUBECTL = `#!/bin/bash
set -eu
cd "$CLUSTER"
kindFile() { [ -e "$1.json" ] || { echo "the server doesn't have a resource type \\"$1\\"" >&2; exit 1; }; }
case "$*" in
  "get crd") ls | sed -n 's/[.]json$//p' ;;
  get*) kindFile "$2"; cat "$2.json" ;;
  *patch*)
    [ "$1" = -n ] && { namespace=$2; shift 2; }
    kindFile "$2"
    jq --arg name "$3" --arg namespace "\${namespace-}" 'del(.items[] | select(.metadata.name == $name and
      (.metadata.namespace // "") == $namespace))' "$2.json" > left
    mv left "$2.json"
    if [ "$(jq '.items | length' "$2.json")" = 0 ]; then rm "$2.json"; fi ;;
  apply*) cat >> applied ;;
  *) echo "not known: $*" >&2; exit 1 ;;
esac
`;

const snapshot = {
  apiVersion: API,
  kind: "VolumeSnapshot",
  metadata: {
    namespace: "shop",
    name: "nightly.2026-11-30",
    uid: "1",
    finalizers: [`${OF_SNAPSHOTS}/volumesnapshot-bound-protection`],
    labels: { app: "shop" },
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", "velero.io/backup": "b" },
  },
  spec: { source: { persistentVolumeClaimName: "data" }, volumeSnapshotClassName: "kept" },
  status: { boundVolumeSnapshotContentName: "snapcontent-1", readyToUse: true },
};
/** Of another driver, whose sidecar needs a secret to delete the snapshot, and serves one node's alone. */
const content = {
  apiVersion: API,
  kind: "VolumeSnapshotContent",
  metadata: {
    name: "snapcontent-1",
    finalizers: [`${OF_SNAPSHOTS}/volumesnapshotcontent-bound-protection`],
    labels: { [`${OF_SNAPSHOTS}/managed-by`]: "node-a" },
    annotations: {
      [`${OF_SNAPSHOTS}/deletion-secret-name`]: "secret",
      [`${OF_SNAPSHOTS}/deletion-secret-namespace`]: "rook-ceph",
      [`${OF_SNAPSHOTS}/volumesnapshot-being-deleted`]: "yes",
    },
  },
  spec: {
    deletionPolicy: "Delete",
    driver: "rook-ceph.rbd.csi.ceph.com",
    source: { volumeHandle: "volume" },
    volumeSnapshotClassName: "kept",
    volumeSnapshotRef: {
      apiVersion: API,
      kind: "VolumeSnapshot",
      namespace: "shop",
      name: "nightly",
      uid: "1",
    },
  },
  status: { snapshotHandle: "snapshot", readyToUse: true },
};

/** The commands of docs/install.md are run as they stand there. */
describe("making VolumeSnapshots again by docs/install.md", { skip: reasonAgainstJq }, () => {
  let folder: string;
  let work: string;
  let blocks: readonly string[];
  before(async () => {
    blocks = await commandsOf("### Definitions of snapshots that are being deleted");
    folder = await mkdtemp(join(tmpdir(), "snapshots-made-again-"));
    work = join(folder, "work");
    for (const name of ["bin", "cluster", "work"]) await mkdir(join(folder, name));
    await writeFile(join(folder, "bin/kubectl"), KUBECTL);
    await chmod(join(folder, "bin/kubectl"), 0o755);
    await put(SNAPSHOTS, [snapshot, { ...snapshot, metadata: { ...snapshot.metadata, name: "second" } }]);
    await put(CONTENTS, [content]);
  });
  after(() => rm(folder, { recursive: true }));

  async function put(kind: string, items: readonly object[]): Promise<void> {
    await writeFile(join(folder, "cluster", `${kind}.json`), JSON.stringify({ items }));
  }

  function follow(commands: string | undefined): Promise<string> {
    return run(["bash", "-c", `cd ${work}\n${commands ?? assert.fail("the page has fewer blocks")}\ntrue`], {
      env: {
        CLUSTER: join(folder, "cluster"),
        PATH: `${join(folder, "bin")}${delimiter}${process.env["PATH"] ?? ""}`,
      },
    });
  }

  it("keeps what is saved where all commands are repeated after a stop", async () => {
    const [save, release = ""] = blocks;
    assert.equal(await follow(save), "2\n1\n");
    const saved = await readFile(join(work, "snapshots.json"), "utf8");
    const [first = ""] = release.split("\ndone\n");
    await follow(`${first}\ndone`);
    assert.equal(await follow(save), "2\n1\n");
    assert.equal(await follow(release), "");
    assert.equal(await follow(save), "2\n1\n");
    assert.equal(await readFile(join(work, "snapshots.json"), "utf8"), saved);
  });

  it("makes objects of other drivers as these need them", async () => {
    await follow(blocks[2]?.split("\n").slice(0, -2).join("\n"));
    const text = await readFile(join(folder, "cluster/applied"), "utf8");
    const [contents, snapshots] = text
      .trim()
      .split(/\n(?=\{)/u)
      .map((each) => (JSON.parse(each) as { readonly items: readonly object[] }).items);
    const { metadata, spec } = content;
    const { [`${OF_SNAPSHOTS}/volumesnapshot-being-deleted`]: _, ...annotations } = metadata.annotations;
    assert.deepEqual(contents, [
      {
        apiVersion: API,
        kind: "VolumeSnapshotContent",
        metadata: { name: metadata.name, labels: metadata.labels, annotations },
        spec: {
          deletionPolicy: "Delete",
          driver: spec.driver,
          volumeSnapshotClassName: "kept",
          source: { snapshotHandle: "snapshot" },
          volumeSnapshotRef: { namespace: "shop", name: "nightly" },
        },
      },
    ]);
    assert.deepEqual(snapshots?.[0], {
      apiVersion: API,
      kind: "VolumeSnapshot",
      metadata: {
        namespace: "shop",
        name: snapshot.metadata.name,
        labels: { app: "shop" },
        annotations: { "velero.io/backup": "b" },
      },
      spec: { volumeSnapshotClassName: "kept", source: { volumeSnapshotContentName: "snapcontent-1" } },
    });
  });
});
