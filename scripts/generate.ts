import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Options, Values } from "../src/cli/options.ts";
import { undefinedIf } from "../src/core/primitives/error-code.ts";
import { fileProblem } from "./file-problem.ts";
import { azureRoles } from "./generate/azure-role.ts";
import { chartSchema } from "./generate/chart/chart-schema.ts";
import { chartValuesPage } from "./generate/chart/chart-values-page.ts";
import { crdManifests } from "./generate/crd-manifests.ts";
import { currentStubs, presentStubs } from "./generate/csi-stubs.ts";
import { type SkusAnswer, dataDisksFile } from "./generate/data-disks-table.ts";
import type { GeneratedFile } from "./generate/generated-file.ts";
import { alertRules } from "./generate/monitoring/alert-rules.ts";
import { dashboard } from "./generate/monitoring/dashboard.ts";
import { alertsPage } from "./generate/reference/alerts-page.ts";
import { failuresPage } from "./generate/reference/failures-page.ts";
import { metricsPage } from "./generate/reference/metrics-page.ts";
import { snapshotClassPage } from "./generate/reference/snapshot-class-page.ts";
import { storageClassPage } from "./generate/reference/storage-class-page.ts";
import { v1ParityPage } from "./generate/reference/v1-parity/v1-parity-page.ts";
import { volumeAttributesClassPage } from "./generate/reference/volume-attributes-class-page.ts";
import { runProgram } from "./run-program.ts";

const options = {
  check: {
    kind: "flag",
    help: "Write nothing; fail if a generated file differs from what would be written",
  },
  "vm-skus": {
    kind: "text",
    problem: fileProblem,
    help: "File with Azure's VM sizes to add to the table of data disks, from az vm list-skus --all -o json",
  },
} as const satisfies Options;

/** Directories that hold generated files only: every other file there is left over. */
const GENERATED_DIRECTORIES = ["src/csi/gen", "deploy/azure", "deploy/crds", "deploy/chart/files/crds"];

async function presentFiles(root: string): Promise<readonly string[]> {
  const lists = await Promise.all(
    GENERATED_DIRECTORIES.map(async (directory) => {
      await mkdir(join(root, directory), { recursive: true });
      const entries = await readdir(join(root, directory), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
    }),
  );
  return lists.flat();
}

async function differences(
  root: string,
  files: readonly GeneratedFile[],
): Promise<{ readonly outdated: readonly GeneratedFile[]; readonly leftOver: readonly string[] }> {
  const outdated: GeneratedFile[] = [];
  for (const file of files) {
    if ((await readFile(join(root, file.path), "utf8").catch(undefinedIf("ENOENT"))) !== file.content)
      outdated.push(file);
  }
  const expected = new Set(files.map((file) => file.path));
  return { outdated, leftOver: (await presentFiles(root)).filter((path) => !expected.has(path)) };
}

async function write(root: string, found: Awaited<ReturnType<typeof differences>>): Promise<void> {
  for (const file of found.outdated) {
    await mkdir(dirname(join(root, file.path)), { recursive: true });
    await writeFile(join(root, file.path), file.content);
    console.log(`written: ${file.path}`);
  }
  for (const path of found.leftOver) {
    await rm(join(root, path));
    console.log(`removed: ${path}`);
  }
}

/** Reports what differs; returns how many files do. */
function report({ outdated, leftOver }: Awaited<ReturnType<typeof differences>>): number {
  for (const file of outdated) console.error(`out of date: ${file.path}`);
  for (const path of leftOver) console.error(`left over: ${path}`);
  const count = outdated.length + leftOver.length;
  if (count > 0)
    console.error(`${count} generated files differ: run \`npm run generate\` and commit the result`);
  return count;
}

async function skusAnswer(file: string | undefined): Promise<SkusAnswer | undefined> {
  if (file === undefined) return undefined;
  const [text, { mtime }] = await Promise.all([readFile(file, "utf8"), stat(file)]);
  return { text, month: mtime.toISOString().slice(0, 7) };
}

async function main(values: Values<typeof options>): Promise<number> {
  const isCheck = values.check;
  const root = join(import.meta.dirname, "..");
  const files = [
    ...(await (isCheck ? presentStubs(root) : currentStubs(root))),
    ...crdManifests(),
    chartSchema(),
    await chartValuesPage(root),
    storageClassPage(),
    snapshotClassPage(),
    volumeAttributesClassPage(),
    v1ParityPage(),
    metricsPage(),
    alertsPage(),
    alertRules(),
    dashboard(),
    failuresPage(),
    ...azureRoles(),
    await dataDisksFile(root, await skusAnswer(values.vmSkus)),
  ];
  const found = await differences(root, files);
  if (isCheck) return report(found) > 0 ? 1 : 0;
  await write(root, found);
  return 0;
}

const usage = "npm run generate [-- flags]\n\nWrites every generated file.";
await runProgram({ name: "npm run generate", usage, options }, main);
