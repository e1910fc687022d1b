import { type MetricName, metricTable } from "../../../src/adapters/observe/metric-table.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { type Alert, metricAlerts } from "../monitoring/metric-alerts.ts";
import { runbooks } from "../monitoring/runbooks.ts";
import { markdownTable } from "./markdown-table.ts";

const COLUMNS = 120;

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/monitoring. Never edited by hand. -->

# Alerts

A runbook for each alert of the chart (\`metrics.prometheusRule\`); [metrics](metrics.md#alerts) has them in one table.
Commands have the names of an install with the default values. Severities: \`critical\` needs a person now, \`warning\`
today, \`info\` at leisure.

\`metrics.prometheusRule.runbookUrl\` is the address of this page where your people find it, such as a copy in a wiki.
Each alert then has the annotation \`runbook_url\` with its section.

`;

/** Where the runbook of an alert is, on its page. */
export function alertAnchor(name: Alert["name"]): string {
  return `AzureDisk${name}`.toLowerCase();
}

/** The page of runbooks. Throws where an alert has none: it would page a person who finds nothing. */
export function alertsPage(): GeneratedFile {
  const alerts = (Object.keys(metricTable) as readonly MetricName[]).flatMap((name) => metricAlerts[name]);
  const sections = alerts.map(sectionOf).join("").trimEnd();
  return { path: "docs/reference/alerts.md", content: `${INTRODUCTION}${sections}\n` };
}

function sectionOf({ name, expr, for: lasts, severity, summary }: Alert): string {
  const runbook = runbooks[name];
  if (runbook === undefined) throw new Error(`scripts/generate/monitoring/runbooks.ts has no ${name}`);
  const when = `\`${expr.replaceAll("|", "\\|")}\` for ${lasts}`;
  const table = markdownTable(["severity", "when"], [`| ${severity} | ${when} |`]);
  const steps = runbook.steps.map((step, index) => wrapped(step, `${index + 1}. `));
  return [
    `## AzureDisk${name}`,
    wrapped(summary),
    table,
    wrapped(`**Impact**: ${runbook.impact}`),
    steps.join("\n"),
    "",
  ].join("\n\n");
}

/** Text in lines of a document, the further ones below its first word. A command stays in one line. */
function wrapped(text: string, bullet = ""): string {
  const words = text.match(/(?:`[^`]*`|[^\s`])+/gu) ?? [];
  const lines: string[] = [];
  let line = bullet;
  for (const word of words) {
    if (line.trim() !== bullet.trim() && line.length + word.length > COLUMNS) {
      lines.push(line.trimEnd());
      line = " ".repeat(bullet.length);
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()].join("\n");
}
