import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { metricAlerts } from "../../scripts/generate/monitoring/metric-alerts.ts";
import { runbooks } from "../../scripts/generate/monitoring/runbooks.ts";
import { metricsPage } from "../../scripts/generate/reference/metrics-page.ts";
import { metricTable } from "../../src/adapters/observe/metric-table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NEW_METRIC = /new (?:Counter|Gauge|Histogram|Summary)\(/u;
const THE_FACTORY = "src/adapters/observe/create-metric.ts";

/** The product's sources, without tests. */
async function sources(): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const found: { readonly path: string; readonly text: string }[] = [];
  for await (const path of glob("src/**/*.ts", { cwd: ROOT }))
    if (!/\.test\.ts$|\/(?:gen|testing)\//u.test(path))
      found.push({ path, text: await readFile(join(ROOT, path), "utf8") });
  return found;
}

describe("docs/reference/alerts.md", () => {
  it("has a runbook of each alert, and none of another", () => {
    const alerts = Object.values(metricAlerts).flatMap((each) => each.map(({ name }) => name));
    assert.deepEqual(Object.keys(runbooks).toSorted(), alerts.toSorted());
  });
});

describe("docs/reference/metrics.md", () => {
  it("explains every label", () => {
    const { content } = metricsPage();
    const explained = content.slice(content.indexOf("## Labels"), content.indexOf("## Alerts"));
    for (const { labels } of Object.values(metricTable))
      for (const label of labels) assert.ok(explained.includes(`\n| \`${label}\` |`), label);
  });

  it("lists no metric that the code does not register, and misses none", async () => {
    const files = await sources();
    assert.deepEqual(
      files.filter(({ text }) => NEW_METRIC.test(text)).map(({ path }) => path),
      [THE_FACTORY],
      "metrics are made from the table only",
    );
    const users = files.filter(({ path }) => !path.endsWith("metric-table.ts")).map(({ text }) => text);
    for (const name of Object.keys(metricTable))
      assert.ok(
        users.some((text) => text.includes(`"${name}"`)),
        `no code registers ${name}`,
      );
  });

  it("names units as Prometheus does", () => {
    for (const [name, { type, help }] of Object.entries(metricTable)) {
      assert.equal(type === "counter", name.endsWith("_total"), name);
      assert.equal(type === "histogram", name.endsWith("_duration_seconds"), name);
      assert.match(help, /^[\dA-Z].*\.$/u, name);
    }
  });
});
