import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { it } from "node:test";
import { parse } from "yaml";
import { kubernetesOfTests } from "./build-kubernetes.ts";
import { kubernetesModule, OLDER_KUBERNETES, olderKubernetesModule } from "./kubernetes-module.ts";

const OLDER = new URL("../older-kubernetes", import.meta.url);
const CHART = new URL("../../deploy/chart/Chart.yaml", import.meta.url);
const CHART_VALUES = new URL("../../deploy/chart/values.yaml", import.meta.url);

// The second scheduler has the cluster's own version.
it("builds the sidecars in the versions that the chart installs by default", async () => {
  const { sidecars } = await kubernetesModule();
  const { image } = parse(await readFile(CHART_VALUES, "utf8")) as { image: Record<string, { tag: string }> };
  const tags = [
    "csiAttacher",
    "csiProvisioner",
    "csiResizer",
    "csiSnapshotter",
    "csiSnapshotController",
    "kubeScheduler",
  ].map((name) => image[name]?.tag);
  const built = new Map(sidecars.map(({ name, version }) => [name, version]));
  assert.deepEqual(tags, [
    built.get("csi-attacher"),
    built.get("csi-provisioner"),
    built.get("csi-resizer"),
    built.get("csi-snapshotter"),
    built.get("snapshot-controller"),
    "",
  ]);
});

it("knows each older Kubernetes that is pinned, by its minor version", async () => {
  assert.deepEqual(await readdir(OLDER), [...OLDER_KUBERNETES].toSorted());
  for (const minor of OLDER_KUBERNETES) {
    const { version, programs } = await olderKubernetesModule(minor);
    assert.ok(version.startsWith(`v${minor}.`), `${minor}: ${version}`);
    const variables = programs.map((program) => Object.entries(program.variables ?? {}));
    for (const each of variables)
      assert.ok(
        each.some(([name, value]) => name.endsWith(".gitVersion") && value === version),
        minor,
      );
  }
});

it("has the oldest Kubernetes that the chart takes", async () => {
  const { kubeVersion } = parse(await readFile(CHART, "utf8")) as { readonly kubeVersion: string };
  assert.ok(OLDER_KUBERNETES.some((minor) => kubeVersion === `>=${minor}.0-0`));
});

it("reads which version tests are to run from the environment", () => {
  assert.equal(kubernetesOfTests({}), undefined);
  assert.equal(kubernetesOfTests({ AZUREDISK_KUBERNETES: "" }), undefined);
  assert.equal(kubernetesOfTests({ AZUREDISK_KUBERNETES: "1.32" }), "1.32");
  assert.throws(() => kubernetesOfTests({ AZUREDISK_KUBERNETES: "1.31" }), {
    message: 'AZUREDISK_KUBERNETES: got "1.31"; expected 1.32, or nothing for the newest version',
  });
});
