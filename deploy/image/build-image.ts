import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, PROGRAMS } from "../../scripts/build/bundle.ts";
import { holdLock } from "../../scripts/child/hold-lock.ts";
import { DEBIAN_ARCHITECTURES, ownArchitecture } from "./binaries/architecture.ts";
import type { Architecture } from "./binaries/architecture.ts";
import { elfNeeds } from "./binaries/elf-needs.ts";
import { nodePackage } from "./binaries/node-package.ts";
import { bundledPackages } from "./bundled-packages.ts";
import type { BundledPackage } from "./bundled-packages.ts";
import { fetchDebianPackages } from "./debian-packages.ts";
import type { DebianPackage } from "./debian-packages.ts";
import { PACKAGE_CHOICES, RUNTIME_PACKAGES } from "./image-programs.ts";
import { IMAGE_CONFIG, IMAGE_PATHS, IMAGE_USER, launcherScript } from "./launcher.ts";
import { writeOciImage } from "./oci-archive.ts";
import type { OciImage } from "./oci-archive.ts";
import { sbomOf } from "./sbom.ts";
import { systemFiles } from "./system-files.ts";
import type { TarEntry } from "./tar-entry.ts";
import { contentBytes } from "./tar-header.ts";
import { withFolders } from "./with-folders.ts";

/** The image to build. */
export interface ImageRequest {
  /** Default: a name that no registry serves, with the driver's version. */
  readonly name?: string | undefined;
  /** Default: this machine's. */
  readonly architecture?: Architecture | undefined;
}

/** An image that was built now or before. */
export interface BuiltImage {
  readonly name: string;
  /** OCI layout in a tar file. */
  readonly archive: string;
  readonly digest: string;
  readonly sizeBytes: number;
  /** SPDX, also in the image. */
  readonly sbom: string;
}

/** The layers from the bottom up, and what is in them. */
export interface ImageLayers {
  readonly system: readonly TarEntry[];
  readonly program: readonly TarEntry[];
  readonly sbom: string;
  readonly key: string;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE_FOLDER = join(ROOT, ".cache/image");
const DRIVER = "azuredisk-csi-driver";
const KEY_CHARS = 16;

/**
 * No registry serves this name: every node must be given the image, and no other party can publish under
 * it.
 */
const DEFAULT_IMAGE_REPOSITORY = "localhost/azuredisk-csi-driver";

/**
 * Builds the driver's image from Debian's packages, Node's binary from npm and our bundle, or finds the
 * image built of the same inputs. The same content gives the same digest.
 */
export async function buildImage({
  name,
  architecture = ownArchitecture(),
}: ImageRequest = {}): Promise<BuiltImage> {
  await using _lock = await lockCache();
  const layers = await gatherLayers(architecture);
  const version = await driverVersion();
  const fullName = name ?? `${DEFAULT_IMAGE_REPOSITORY}:${version}`;
  const folder = join(
    CACHE_FOLDER,
    createHash("sha256").update(`${layers.key}\n${fullName}`).digest("hex").slice(0, KEY_CHARS),
  );
  const [archive, sbom, about] = [
    join(folder, "image.tar"),
    join(folder, "sbom.spdx.json"),
    join(folder, "image.json"),
  ];
  const earlier = await readFile(about, "utf8").catch(() => undefined);
  if (earlier !== undefined)
    return {
      ...(JSON.parse(earlier) as { readonly digest: string; readonly sizeBytes: number }),
      name: fullName,
      archive,
      sbom,
    };

  await mkdir(folder, { recursive: true });
  const written = await writeOciImage(ociImage(layers, architecture, fullName, version), archive);
  await writeFile(sbom, layers.sbom);
  // Written last, since it marks the rest as complete.
  await writeFile(about, JSON.stringify(written));
  return { ...written, name: fullName, archive, sbom };
}

/** The image's layers: those that seldom change are below those that change with every build. */
export async function imageLayers(architecture: Architecture = ownArchitecture()): Promise<ImageLayers> {
  await using _lock = await lockCache();
  return await gatherLayers(architecture);
}

/** For one process at a time: apt fails where another has locked the folder of its downloads. */
async function lockCache(): Promise<AsyncDisposable> {
  await mkdir(CACHE_FOLDER, { recursive: true });
  return holdLock(join(CACHE_FOLDER, "build.lock"), new AbortController().signal);
}

async function gatherLayers(architecture: Architecture): Promise<ImageLayers> {
  const packages = await fetchDebianPackages(
    [...RUNTIME_PACKAGES, ...PACKAGE_CHOICES.map((choice) => choice.package)],
    CACHE_FOLDER,
    architecture,
  );
  const node = await nodePackage(ROOT, CACHE_FOLDER, architecture);
  const { entries: nodeEntries, needs } = await nodeBinary(node.folder);
  const debian = await systemFiles(architecture, packages, PACKAGE_CHOICES, [needs]);
  const { files, metafile } = await bundle(
    ROOT,
    PROGRAMS.filter(({ name }) => name === DRIVER),
    "dist",
  );
  const npm = await bundledPackages(ROOT, metafile);
  const version = await driverVersion();
  const key = await keyOf([
    ...debian.packages.map(({ name, sha256 }) => `${name} ${sha256}`),
    `${node.name} ${node.version}`,
    version,
    ...files.map(({ path, text }) => `${path}\n${text}`),
  ]);
  const sbom = sbomOf({
    version,
    key,
    debianRelease: await debianRelease(packages),
    debianPackages: debian.packages,
    npmPackages: npm,
    node: { packageName: node.name, version: node.version },
  });
  const sbomText = `${JSON.stringify(sbom, undefined, 1)}\n`;
  const program = [
    textFile(IMAGE_PATHS.launcher, launcherScript(), 0o755),
    ...files.map(({ path, text }) =>
      textFile(join(IMAGE_PATHS.program, path.slice(join(ROOT, "dist/").length)), text),
    ),
    textFile(IMAGE_PATHS.sbom, sbomText),
    textFile(join(IMAGE_PATHS.documents, "copyright"), await readFile(join(ROOT, "LICENSE"), "utf8")),
    textFile(join(IMAGE_PATHS.documents, "third-party-licenses.txt"), licenseTexts(npm)),
  ];
  const system = [
    ...debian.entries,
    ...debian.packages.map(dpkgStatus),
    ...nodeEntries,
    ...settings(debian.entries),
  ];
  return { system: withFolders(system), program: withFolders(program), sbom: sbomText, key };
}

/** The total size of a layer's files, in bytes. */
export function layerBytes(entries: readonly TarEntry[]): number {
  return entries.reduce((sum, entry) => sum + contentBytes(entry), 0);
}

function ociImage(
  { system, program }: ImageLayers,
  architecture: Architecture,
  name: string,
  version: string,
): OciImage {
  return {
    names: [name],
    architecture: DEBIAN_ARCHITECTURES[architecture],
    layers: [system, program],
    config: {
      ...IMAGE_CONFIG,
      WorkingDir: "/",
      Labels: {
        "org.opencontainers.image.title": DRIVER,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
  };
}

async function nodeBinary(folder: string): Promise<{
  readonly entries: readonly TarEntry[];
  readonly needs: NonNullable<ReturnType<typeof elfNeeds>>;
}> {
  const binary = join(folder, "bin/node");
  const bytes = await readFile(binary);
  const needs = elfNeeds(bytes);
  if (needs === undefined) throw new Error(`${binary} is no program`);
  const license = await readFile(join(folder, "LICENSE"), "utf8");
  return {
    needs,
    entries: [
      {
        kind: "File",
        path: IMAGE_PATHS.node,
        mode: 0o755,
        content: { kind: "Disk", path: binary, sizeBytes: bytes.length },
      },
      textFile("usr/share/doc/node/copyright", license),
    ],
  };
}

/** What Debian's installation scripts would have written, as far as programs use it. */
function settings(files: readonly TarEntry[]): readonly TarEntry[] {
  // Only x64 has lib64, where its loader is.
  const merged = ["bin", "sbin", "lib", "lib64"].filter((folder) =>
    files.some(({ path }) => path.startsWith(`usr/${folder}/`)),
  );
  return [
    textFile(
      "etc/passwd",
      `root:x:0:0:root:/root:/usr/bin/sh\n` +
        `nonroot:x:${IMAGE_USER}:${IMAGE_USER}:nonroot:/nonexistent:/usr/bin/false\n`,
    ),
    textFile("etc/group", `root:x:0:\nnonroot:x:${IMAGE_USER}:\n`),
    textFile("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    { kind: "SymbolicLink", path: "etc/mtab", target: "../proc/self/mounts" },
    ...merged.map((path): TarEntry => ({
      kind: "SymbolicLink",
      path,
      target: `usr/${path}`,
    })),
    ...["dev", "proc", "sys", "run", "root"].map((path): TarEntry => ({ kind: "Folder", path, mode: 0o755 })),
    { kind: "Folder", path: "tmp", mode: 0o1777 },
  ];
}

/** Where vulnerability scanners look in images that have no package manager. */
function dpkgStatus({ name, control }: DebianPackage): TarEntry {
  return textFile(`var/lib/dpkg/status.d/${name}`, `${control.trimEnd()}\nStatus: install ok installed\n`);
}

function licenseTexts(packages: readonly BundledPackage[]): string {
  return packages
    .map(
      ({ name, version, license, licenseText }) =>
        `${name} ${version} (${license})\n\n${licenseText.trim()}\n`,
    )
    .join(`\n${"-".repeat(80)}\n\n`);
}

async function keyOf(parts: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const sources = (await readdir(import.meta.dirname, { recursive: true }))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .toSorted();
  for (const source of sources) hash.update(await readFile(join(import.meta.dirname, source)));
  hash.update(launcherScript());
  for (const part of parts) hash.update(part).update("\n");
  return hash.digest("hex").slice(0, KEY_CHARS);
}

async function debianRelease(packages: readonly DebianPackage[]): Promise<string> {
  const base = packages.find(({ name }) => name === "base-files");
  return base === undefined
    ? ""
    : (await readFile(join(base.folder, "etc/debian_version"), "utf8")).trim().replace(/\..*$/u, "");
}

async function driverVersion(): Promise<string> {
  return (JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { readonly version: string })
    .version;
}

function textFile(path: string, text: string, mode = 0o644): TarEntry {
  return { kind: "File", path, mode, content: { kind: "Bytes", bytes: Buffer.from(text) } };
}
