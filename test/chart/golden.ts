import { fileURLToPath } from "node:url";
import { listPermissions } from "./list-permissions.ts";
import { renderChart, renderText } from "./render-chart.ts";
import { VALUE_SETS } from "./value-sets.ts";

/** A file that the chart's rendering is compared with. */
export interface GoldenFile {
  readonly path: string;
  readonly content: string;
}

const FOLDER = fileURLToPath(new URL("golden/", import.meta.url));
const HEADER = "# Written by `npm run golden`. Never edited by hand: what differs here, differs for users.\n";
const GENERATED = /^(?:kind: (?:CustomResourceDefinition|PrometheusRule)| {2}name: \S+-dashboard)$/mu;
const DOCUMENT_START = /^---\n/mu;
const RULES_HEADER = `<!-- Written by \`npm run golden\`. Never edited by hand. -->

# What each service account may do

Each line is a right, and needs a reason. The policies of the chart restrict further what a node plug-in's token may do,
and what a controller's may change of a Node.

| service account | where | what |
| --- | --- | --- |
`;

/** The content of every golden file for the present chart. */
export async function goldenFiles(): Promise<readonly GoldenFile[]> {
  const files: GoldenFile[] = [];
  for (const [name, values] of Object.entries(VALUE_SETS))
    files.push({
      path: `${FOLDER}${name}.yaml`,
      content: HEADER + withoutGenerated(await renderText(values)),
    });
  for (const attach of ["kubernetes", "driver"]) {
    const permissions = listPermissions(await renderChart({ attach }));
    files.push({
      path: `${FOLDER}permissions-attach-${attach}.md`,
      content: `${RULES_HEADER}${permissions.join("\n")}\n`,
    });
  }
  return files;
}

/** Definitions of the custom resources, alerts and the dashboard are generated, and compared elsewhere. */
function withoutGenerated(text: string): string {
  return text
    .split(DOCUMENT_START)
    .filter((document) => document.trim() !== "" && !GENERATED.test(document))
    .map((document) => `---\n${document}`)
    .join("");
}
