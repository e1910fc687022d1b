import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { ARM_ROUTES } from "../../src/emulator/model/api/routes.ts";

const API = join(
  dirname(fileURLToPath(import.meta.resolve("@azure/arm-compute/package.json"))),
  "dist/esm/api",
);
const DOCUMENT = join(import.meta.dirname, "../../docs/emulator.md");
/** What the document calls a resource, and the folders of the SDK with its operations. */
const RESOURCES: Readonly<Record<string, readonly string[]>> = {
  snapshots: ["snapshots"],
  disks: ["disks"],
  "disk encryption sets": ["diskEncryptionSets"],
  "disk accesses": ["diskAccesses"],
  "virtual machines": [
    "virtualMachines",
    "virtualMachineExtensions",
    "virtualMachineRunCommands",
    "virtualMachineDiagnosticRunCommands",
  ],
  "scale sets": [
    "virtualMachineScaleSets",
    "virtualMachineScaleSetExtensions",
    "virtualMachineScaleSetLifeCycleHookEvents",
    "virtualMachineScaleSetRollingUpgrades",
  ],
  "instances of uniform scale sets": [
    "virtualMachineScaleSetVMs",
    "virtualMachineScaleSetVMExtensions",
    "virtualMachineScaleSetVMRunCommands",
    "virtualMachineScaleSetVMDiagnosticRunCommands",
  ],
  "availability sets": ["availabilitySets"],
};

it("the document names each operation that the emulator leaves out", async () => {
  const served = new Set(ARM_ROUTES.map(({ method, pattern }) => `${method} ${shapeOf(pattern)}`));
  const leftOut = await Promise.all(
    Object.entries(RESOURCES).map(async ([resource, folders]) => {
      const operations = (await Promise.all(folders.map(operationsIn))).flat();
      assert.ok(operations.length > 5, resource);
      const missing = operations.filter(({ method, path }) => !served.has(`${method} ${shapeOf(path)}`));
      return [resource, [...new Set(missing.map(({ path }) => lastNameOf(path)))].sort()] as const;
    }),
  );
  assert.deepEqual(
    Object.fromEntries(leftOut.filter(([, names]) => names.length > 0)),
    documented(await readFile(DOCUMENT, "utf8")),
  );
});

/** `const path = expandUrlTemplate("/…{?api%2Dversion}", …); return context.path(path).get(…)` */
async function operationsIn(
  folder: string,
): Promise<readonly { readonly method: string; readonly path: string }[]> {
  const source = await readFile(join(API, folder, "operations.js"), "utf8");
  const calls = source.matchAll(
    /expandUrlTemplate\("([^"]+?)\{\?[^"]*".*?context\s*\.path\(path\)\s*\.(\w+)\(/gs,
  );
  return Array.from(calls, ([, path = "", method = ""]) => ({ method: method.toUpperCase(), path }));
}

function shapeOf(path: string): string {
  return path.replaceAll(/\{\w+\}/g, "{}").toLowerCase();
}

/** `extensions` of `…/extensions/{vmExtensionName}`. */
function lastNameOf(path: string): string {
  return (
    path
      .split("/")
      .filter((part) => !part.startsWith("{"))
      .at(-1) ?? ""
  );
}

/** The rows of the table, each with its operations. */
function documented(text: string): Readonly<Record<string, readonly string[]>> {
  const [, table = ""] =
    /\| resource \| operations left out \|\n\| --- \| --- \|\n((?:\|.*\|\n)+)/.exec(text) ?? [];
  return Object.fromEntries(
    table
      .trim()
      .split("\n")
      .map((row) => {
        const [resource = "", names = ""] = row
          .slice(1, -1)
          .split("|")
          .map((cell) => cell.trim());
        return [resource, names.split(", ").sort()] as const;
      }),
  );
}
