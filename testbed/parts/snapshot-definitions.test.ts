import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";

const MODULE = "github.com/kubernetes-csi/external-snapshotter/client/v8";
const FOLDER = fileURLToPath(new URL("../kubernetes", import.meta.url));
const CHART = fileURLToPath(new URL("../../deploy/chart/files/snapshot-crds", import.meta.url));
const DOWNLOAD_MAX_MS = 600_000;

it("ships the definitions of snapshots in the version that the lab builds", async (t) => {
  const go = await findCommand("go");
  if (go === undefined) return t.skip("needs Go: the definitions are in a Go module");
  const { code, output } = await runCommand(go, ["mod", "download", "-json", MODULE], {
    cwd: FOLDER,
    timeoutMs: DOWNLOAD_MAX_MS,
  });
  assert.equal(code, 0, output);
  // Go may write about a download before its answer.
  const answer = output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1);
  const { Dir: module } = JSON.parse(answer) as { readonly Dir: string };
  for (const kind of ["volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots"]) {
    const file = `snapshot.storage.k8s.io_${kind}.yaml`;
    const theirs = await readFile(join(module, "config/crd", file), "utf8");
    assert.equal(await readFile(join(CHART, file), "utf8"), theirs, file);
  }
});
