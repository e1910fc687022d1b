import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { parseAllDocuments } from "yaml";

interface Workload {
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly containers: readonly { readonly name: string; readonly args?: readonly string[] }[];
      };
    };
  };
}

const NAMES = [
  "csi-provisioner",
  "csi-attacher",
  "csi-resizer",
  "csi-snapshotter",
  "csi-snapshot-controller",
] as const;

// By default client-go sends 5 calls a second: snapshots of many volumes at once would wait for a minute.
it("every sidecar with many workers may call the API server as often as they need", async () => {
  const text = await readFile(new URL("golden/everything.yaml", import.meta.url), "utf8");
  const containers = parseAllDocuments(text).flatMap(
    (document) => (document.toJS() as Workload | null)?.spec?.template?.spec.containers ?? [],
  );
  const rates = NAMES.map((name) => {
    const { args = [] } = containers.find((container) => container.name === name) ?? {};
    return [name, numberIn(args, "kube-api-qps"), numberIn(args, "kube-api-burst")];
  });
  assert.deepEqual(rates, [
    ["csi-provisioner", 50, 100],
    ["csi-attacher", 200, 400],
    ["csi-resizer", 50, 100],
    ["csi-snapshotter", 100, 200],
    ["csi-snapshot-controller", 100, 200],
  ]);
});

function numberIn(args: readonly string[], flag: string): number {
  return Number(args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(flag.length + 3));
}
