import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  type ApiServer,
  FIRST_START_TIMEOUT_MS,
  startApiServer,
  whyNoApiServer,
} from "../kubernetes-store/api-server.ts";
import { type Manifest, renderChart } from "./render-chart.ts";
import { VALUE_SETS } from "./value-sets.ts";

interface Pod {
  readonly containers: readonly {
    readonly name: string;
    readonly resources?: { readonly requests?: { readonly cpu?: string; readonly memory?: string } };
  }[];
}

const KINDS = ["DaemonSet", "Deployment"];

describe(
  "the chart's workloads",
  { skip: (await whyNoApiServer()) ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    let server: ApiServer;
    let folder: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "workloads-"));
      server = await startApiServer((line) => console.log(line));
    });
    after(async () => {
      await server?.close();
      await rm(folder, { recursive: true });
    });

    /** What the API server says to the objects, field by field, without keeping them. */
    async function answerTo(items: readonly unknown[]) {
      const file = join(folder, "list.json");
      await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
      return server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", file);
    }

    async function workloads(values: object): Promise<readonly Manifest[]> {
      return (await renderChart(values)).filter(({ kind }) => KINDS.includes(kind));
    }

    for (const [name, values] of Object.entries(VALUE_SETS))
      it(`have fields and combinations that Kubernetes knows, with values ${name}`, async () => {
        const items = await workloads(values);
        assert.ok(items.length > 0);
        const { code, output } = await answerTo(items);
        assert.equal(code, 0, output);
      });

    it("request processor time and memory in each container, the preflight's too", async () => {
      for (const values of Object.values(VALUE_SETS)) {
        const manifests = await renderChart(values);
        const pods = manifests.flatMap(({ kind, metadata, spec }): readonly [string, Pod][] => {
          if (kind === "Pod") return [[metadata.name, spec as Pod]];
          return KINDS.includes(kind)
            ? [[metadata.name, (spec as { readonly template: { readonly spec: Pod } }).template.spec]]
            : [];
        });
        assert.ok(pods.some(([name]) => name.endsWith("-preflight")));
        const without = pods.flatMap(([name, { containers }]) =>
          containers
            .filter(({ resources }) => !resources?.requests?.cpu || !resources.requests.memory)
            .map((container) => `${name}/${container.name}`),
        );
        assert.deepEqual(without, []);
      }
    });

    it("of Windows are host processes, refused without the host's network", async () => {
      const [item] = (await workloads(VALUE_SETS["windows"] ?? {})).filter(({ metadata }) =>
        metadata.name.endsWith("-win"),
      );
      const { code, output } = await answerTo([
        JSON.parse(JSON.stringify(item).replace('"hostNetwork":true', '"hostNetwork":false')),
      ]);
      assert.notEqual(code, 0);
      assert.match(output, /hostNetwork: Invalid value: false: hostNetwork must be true/u);
    });
  },
);
