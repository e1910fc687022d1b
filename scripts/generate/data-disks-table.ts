import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LUNS_MAX } from "../../src/core/azure/choose-luns.ts";
import { parseVmSizeName } from "../../src/core/azure/data-disks-max.ts";
import { dataDisksTable } from "../../src/core/azure/gen/data-disks-table.ts";
import type { GeneratedFile } from "./generated-file.ts";

/** Data disks by vCPUs, by series, such as `d#s_v5` → 8 → 16. */
export type Table = Map<string, Map<number, number>>;

/** The part of an answer of Azure's Resource SKUs API that the table is made from. */
interface ListedSku {
  readonly name: string;
  readonly resourceType: string;
  readonly capabilities?: readonly { readonly name: string; readonly value: string }[] | null;
}

const PATH = "src/core/azure/gen/data-disks-table.ts";

/** What `az vm list-skus --all -o json` has printed, or the REST API's answer, and when that was. */
export interface SkusAnswer {
  readonly text: string;
  /** Such as `2026-08`. */
  readonly month: string;
}

/**
 * The table of data disks by VM size, in its normal form. With an answer, the sizes in there are added to
 * the present ones or replace them: a subscription sees only sizes that it may use, so one that is missing
 * there stays. Throws for an answer of another form, or for one that names no VM size.
 */
export async function dataDisksFile(root: string, answer?: SkusAnswer): Promise<GeneratedFile> {
  if (answer === undefined) {
    const present = await readFile(join(root, PATH), "utf8");
    const month = /\bof (\d{4}-\d{2})\b/u.exec(present)?.[1] ?? "";
    return { path: PATH, content: fileOf(parseTable(dataDisksTable), month) };
  }
  return { path: PATH, content: fileOf(withAnswer(parseTable(dataDisksTable), answer.text), answer.month) };
}

/** The table with what an answer says: its numbers replace the present ones, be they higher or lower. */
export function withAnswer(table: Table, text: string): Table {
  const merged: Table = new Map(table);
  for (const [series, sizes] of tableOf(virtualMachineSkus(text)))
    merged.set(series, new Map([...(merged.get(series) ?? []), ...sizes]));
  return merged;
}

/** Reads the rows of the file. */
export function parseTable(text: string): Table {
  return new Map(
    text
      .trim()
      .split("\n")
      .filter((row) => row !== "")
      .map((row) => {
        const [series = "", groups = ""] = row.split("=");
        const sizes = groups.split(" ").flatMap((group) => {
          const [disks = "", vCpus = ""] = group.split(":");
          return vCpus.split(",").map((each) => [Number(each), Number(disks)] as const);
        });
        return [series, new Map(sizes)] as const;
      }),
  );
}

function virtualMachineSkus(text: string): readonly ListedSku[] {
  const answer = JSON.parse(text) as readonly ListedSku[] | { readonly value: readonly ListedSku[] };
  const skus = "value" in answer ? answer.value : answer;
  const sizes = skus.filter(({ resourceType }) => resourceType === "virtualMachines");
  if (sizes.length === 0) throw new Error("no resource of the type virtualMachines in the list of SKUs");
  return sizes;
}

/** Of one answer. Where regions or the parts of a size differ in it, the lower number counts. */
function tableOf(skus: readonly ListedSku[]): Table {
  const table: Table = new Map();
  for (const { name, capabilities } of skus) {
    const text = capabilities?.find((capability) => capability.name === "MaxDataDiskCount")?.value;
    const size = parseVmSizeName(name);
    if (text === undefined || size === undefined) continue;
    const disks = Number(text);
    if (!Number.isSafeInteger(disks) || disks < 0 || disks > LUNS_MAX)
      throw new Error(`MaxDataDiskCount of ${name} is ${text}, not 0 to ${LUNS_MAX}`);
    const sizes = table.get(size.series) ?? new Map<number, number>();
    sizes.set(size.vCpus, Math.min(disks, sizes.get(size.vCpus) ?? Infinity));
    table.set(size.series, sizes);
  }
  return table;
}

/** The file's text: one for each table, however its parts were found. */
export function fileOf(table: Table, month: string): string {
  const rows = [...table]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([series, sizes]) => `${series}=${groupsOf(sizes)}\n`);
  return `${headerOf(month)}export const dataDisksTable = \`\n${rows.join("")}\`;\n`;
}

function groupsOf(sizes: ReadonlyMap<number, number>): string {
  const vCpusByDisks = Map.groupBy(
    [...sizes.keys()].toSorted((a, b) => a - b),
    (vCpus) => sizes.get(vCpus) ?? 0,
  );
  return [...vCpusByDisks]
    .toSorted(([a], [b]) => a - b)
    .map(([disks, vCpus]) => `${disks}:${vCpus.join(",")}`)
    .join(" ");
}

function headerOf(month: string): string {
  return `// Written by \`npm run generate\` from public answers of Azure's Resource SKUs API (capability
// MaxDataDiskCount of virtualMachines) of ${month}. Never edited by hand; with an answer in a file:
// \`az vm list-skus --all -o json > skus.json && npm run generate -- --vm-skus skus.json\`.

/**
 * How many data disks VM sizes take, a series a row: \`d#s_v5=4:2 8:4\` says that Standard_D2s_v5 takes 4
 * and Standard_D4s_v5 takes 8. Searched as it is.
 */
`;
}
