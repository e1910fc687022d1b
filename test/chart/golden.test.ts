import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { describe, it } from "node:test";
import { reasonAgainstKubernetes } from "../cluster/older-kubernetes.ts";
import { goldenFiles } from "./golden.ts";
import { renderChart } from "./render-chart.ts";
import { CHART, runHelm, whyNoHelm } from "./run-helm.ts";
import { VALUE_SETS } from "./value-sets.ts";

const BUILD_TIMEOUT_MS = 1_500_000;

describe("the chart", { skip: (await whyNoHelm()) ?? false, timeout: BUILD_TIMEOUT_MS }, () => {
  const skip = reasonAgainstKubernetes("1.37", "golden files") ?? false;
  it("renders exactly the golden files (`npm run golden` rewrites them)", { skip }, async () => {
    const files = await goldenFiles();
    for (const { path, content } of files)
      assert.equal(await readFile(path, "utf8"), content, basename(path));
    const folder = dirname(files[0]?.path ?? "");
    assert.deepEqual((await readdir(folder)).toSorted(), files.map(({ path }) => basename(path)).toSorted());
  });

  // kustomize refuses an id that comes twice.
  it("renders each object once", async () => {
    for (const name of ["defaults", "everything"]) {
      const ids = (await renderChart(VALUE_SETS[name] ?? {})).map(
        ({ apiVersion, kind, metadata }) =>
          `${apiVersion.replace(/\/.*$/u, "")} ${kind} ${metadata.namespace ?? ""} ${metadata.name}`,
      );
      assert.deepEqual(ids.toSorted(), [...new Set(ids)].toSorted(), name);
      assert.ok(ids.includes("apiextensions.k8s.io CustomResourceDefinition  azvolumes.disk.csi.azure.com"));
    }
  });

  it("passes Helm's own linter", async () => {
    for (const [name, values] of Object.entries(VALUE_SETS)) {
      const { code, output } = await runHelm(
        ["lint", CHART, "--namespace", "kube-system", "--strict"],
        values,
      );
      assert.equal(code, 0, `${name}: ${output}`);
    }
  });
});
