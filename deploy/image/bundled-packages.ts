import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Metafile } from "esbuild";

/** An npm package with code in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As in its package.json; empty if there is none. */
  readonly license: string;
  /** The text that its licence requires to be kept; empty if there is none. */
  readonly licenseText: string;
}

const PACKAGE_FOLDER = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/u;
const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/iu;

/** The npm packages whose code is in a bundle, sorted by name. */
export async function bundledPackages(root: string, metafile: Metafile): Promise<readonly BundledPackage[]> {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? (PACKAGE_FOLDER.exec(path) ?? []) : [],
  );
  const packages = await Promise.all([...new Set(folders)].map((folder) => readPackage(join(root, folder))));
  return packages.toSorted((left, right) =>
    `${left.name} ${left.version}` < `${right.name} ${right.version}` ? -1 : 1,
  );
}

async function readPackage(folder: string): Promise<BundledPackage> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const licenses = (await readdir(folder)).filter((file) => LICENSE_FILE.test(file)).toSorted();
  const texts = await Promise.all(licenses.map((file) => readFile(join(folder, file), "utf8")));
  return { name, version, license: license ?? "", licenseText: texts.join("\n") };
}
