import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  type ApiServer,
  FIRST_START_TIMEOUT_MS,
  startApiServer,
  whyNoApiServer,
} from "../kubernetes-store/api-server.ts";
import { type Manifest, renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";
import { VALUE_SETS } from "./value-sets.ts";

/** Kinds whose definitions this API server lacks. */
const OF_PROMETHEUS = ["PodMonitor", "PrometheusRule"];

/**
 * GitOps tools compare what a chart renders with what the API server shows. Fields that it adds are none of
 * theirs; one that it drops or changes is a difference for ever.
 */
describe(
  "what the API server keeps of the chart",
  { skip: (await whyNoHelm()) ?? (await whyNoApiServer()) ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    let server: ApiServer;
    before(async () => {
      server = await startApiServer((line) => console.log(line));
      const { code, output } = await server.kubectl("create", "namespace", "azure-disk-csi");
      assert.equal(code, 0, output);
    });
    after(async () => server?.close());

    for (const [name, values] of Object.entries(VALUE_SETS))
      it(`is all of it, with the values ${name}`, async () => {
        const objects = (await renderChart(values)).filter(isCompared);
        const file = join(dirname(server.kubeconfigFile), `${name}.json`);
        await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
        const flags = ["--server-side", "--force-conflicts", "--dry-run=server", "--output", "json"];
        const applied = await server.kubectl("apply", "-f", file, ...flags);
        assert.equal(applied.code, 0, applied.output);
        const { items } = JSON.parse(applied.output.slice(applied.output.indexOf("{\n"))) as {
          readonly items: readonly Manifest[];
        };
        assert.equal(items.length, objects.length);
        const differences = objects.flatMap((object, index) =>
          differencesOf(object, items[index], `${object.kind} ${object.metadata.name}`),
        );
        assert.deepEqual(differences, []);
      });
  },
);

/** Hooks, which are no part of a release, and kinds that this API server lacks are not. */
function isCompared({ kind, metadata: { annotations = {} } }: Manifest): boolean {
  return !OF_PROMETHEUS.includes(kind) && annotations["helm.sh/hook"] === undefined;
}

/** Where a value that is wanted is missing or another one. */
function differencesOf(wanted: unknown, shown: unknown, where: string): readonly string[] {
  if (typeof wanted !== "object" || wanted === null || typeof shown !== "object" || shown === null)
    return wanted === shown ? [] : [`${where}: ${JSON.stringify(wanted)}, shown as ${JSON.stringify(shown)}`];
  if (Array.isArray(wanted) && wanted.length !== (shown as readonly unknown[]).length)
    return [`${where}: ${wanted.length} entries, shown as ${JSON.stringify(shown)}`];
  return Object.entries(wanted).flatMap(([key, value]) =>
    differencesOf(value, (shown as Readonly<Record<string, unknown>>)[key], `${where}.${key}`),
  );
}
