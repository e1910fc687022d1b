import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { parse } from "yaml";
import { kubernetesModule } from "./kubernetes-module.ts";

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
