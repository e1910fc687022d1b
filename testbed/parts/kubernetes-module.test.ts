import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { parse } from "yaml";
import { kubernetesModule } from "./kubernetes-module.ts";

const CHART_VALUES = new URL("../../deploy/chart/values.yaml", import.meta.url);

it("builds the very versions that the chart installs by default", async () => {
  const { version, sidecars } = await kubernetesModule();
  const { image } = parse(await readFile(CHART_VALUES, "utf8")) as { image: Record<string, { tag: string }> };
  const built = Object.fromEntries([...sidecars, { name: "kube-scheduler", version }].map((each) => [each.name, each.version]));
  assert.deepEqual(built, {
    "csi-attacher": image["csiAttacher"]?.tag,
    "csi-provisioner": image["csiProvisioner"]?.tag,
    "csi-resizer": image["csiResizer"]?.tag,
    "kube-scheduler": image["kubeScheduler"]?.tag,
  });
});
