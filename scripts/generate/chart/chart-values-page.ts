import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { isRecord } from "../../../src/core/primitives/is-record.ts";
import type { GeneratedFile } from "../generated-file.ts";
import type { ChartValue, ChartValues } from "./chart-value.ts";
import { chartValues } from "./chart-values.ts";

const VALUES_FILE = "deploy/chart/values.yaml";
const LONG = 60;
/** A role's own settings have a page of their own. */
const SETTINGS = "settings";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/chart/chart-values.ts and
deploy/chart/values.yaml. Never edited by hand. -->

# Values of the chart

What can be given to \`deploy/chart\`, with its default. Helm refuses an unknown name, and a value that is not
allowed, before it changes anything. Names that V1's chart has, too, mean the same. Values of V1 that are missing
here are in [Install](../install.md#values-of-v1-that-are-gone). The \`settings\` of a role are its
[settings](settings.md), by the same names. One of them weakens a protection:
[\`controller.settings.trust-nodes-without-provider-id\`](../install.md#two-clusters-and-vms-that-are-no-nodes).

`;

/** The documentation page of all values: name, type, default, meaning. */
export async function chartValuesPage(root: string): Promise<GeneratedFile> {
  const defaults: unknown = parse(await readFile(join(root, VALUES_FILE), "utf8"));
  const rows = rowsOf(chartValues(), defaults, "");
  const table = ["| value | allowed | default | meaning |", "| --- | --- | --- | --- |", ...rows];
  return { path: "docs/reference/chart-values.md", content: `${INTRODUCTION}${table.join("\n")}\n` };
}

function rowsOf(values: ChartValues, defaults: unknown, prefix: string): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = prefix + name;
    const given = isRecord(defaults) ? defaults[name] : undefined;
    if (name === SETTINGS)
      return [
        `| \`${path}\` | by name | | ` +
          "Further settings of the role, by their names in [settings.md](settings.md) |",
      ];
    if (value.kind === "group") return rowsOf(value.values, given, `${path}.`);
    if (value.kind === "named") {
      const names = Object.keys(isRecord(given) ? given : {});
      const own = `| \`${path}\` | by name | ${names.map((each) => `\`${each}\``).join(", ")} | ${value.about} |`;
      return [
        own,
        ...(value.of.kind === "group" ? rowsOf(value.of.values, undefined, `${path}.<name>.`) : []),
      ];
    }
    return [`| \`${path}\` | ${allowed(value)} | ${shown(given)} | ${value.about.replaceAll("|", "\\|")} |`];
  });
}

function allowed(value: ChartValue): string {
  switch (value.kind) {
    case "text":
      return value.choices === undefined ? "text" : value.choices.map((each) => `\`${each}\``).join(", ");
    case "flag":
      return "`true`, `false`";
    case "number":
      return `${value.min} to ${value.max}`;
    case "texts":
      return "list of texts";
    case "textsByName":
      return value.own.length === 0 ? "texts by name" : "texts by name, but for the chart's own names";
    case "objects":
    case "variables":
      return "list of objects";
    case "either":
      return value.of.map(allowed).join(", or ");
    case "object":
    case "group":
    case "named":
      return "object";
  }
}

function shown(given: unknown): string {
  if (given === undefined || given === "" || given === null) return "";
  const text = typeof given === "string" ? given : JSON.stringify(given);
  if (text === "{}" || text === "[]") return "";
  return text.length > LONG ? "see values.yaml" : `\`${text.replaceAll("|", "\\|")}\``;
}
