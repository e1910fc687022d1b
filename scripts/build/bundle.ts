import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { build, transform } from "esbuild";
import type { Metafile, Plugin } from "esbuild";

/** A program of the project: an entry and the name of its file in dist/, without extension. */
export interface Program {
  readonly entry: string;
  readonly name: string;
  /** Other packages import it; it is not run. */
  readonly isImported?: true;
}

/** The programs that run without TypeScript and node_modules. */
export const PROGRAMS: readonly Program[] = [
  { entry: "src/main.ts", name: "azuredisk-csi-driver" },
  { entry: "src/emulator/main.ts", name: "azure-compute-emulator" },
];

/** The modules that other packages can import, as in `exports` of package.json. */
export const LIBRARIES: readonly Program[] = [
  { entry: "src/emulator/index.ts", name: "emulator", isImported: true },
];

/** How one chunk names another. */
const CHUNK_REFERENCE = /"\.{1,2}\/(?:chunks\/)?[\w.-]+-[A-Z0-9]{8}\.mjs"/gu;
/** Native add-ons can't be bundled; the emulator's data plane loads this one when it needs it. */
const EXTERNAL = ["koffi"];

/**
 * Globals of Node that the Azure SDK asks for with each request and that the driver never passes to it. The
 * first question would make Node load its `fetch` with a parser in WebAssembly: 17 MiB and 60 ms.
 */
const WITHOUT = { FormData: "undefined" };

/** The groups of the SDK's operations that the driver calls. */
const CALLED_OPERATIONS: ReadonlySet<string> = new Set([
  "disks",
  "resourceSkus",
  "snapshots",
  "usage",
  "virtualMachines",
  "virtualMachineScaleSetVMs",
]);

/**
 * Leaves out the other groups, two thirds of the SDK: its client constructs all of them, and the package
 * exports no operation by itself. 3 MiB of the idle controller.
 */
const withoutOtherOperations: Plugin = {
  name: "without-other-operations",
  setup: (builder) =>
    // esbuild reads the pattern as Go's, which has no flag u.
    builder.onLoad(
      { filter: new RegExp("arm-compute.dist.esm.classic.[^.]+.index[.]js$") },
      async ({ path }) => {
        if (CALLED_OPERATIONS.has(basename(dirname(path)))) return undefined;
        const [, name] = /^export function (_get\w+Operations)\(/mu.exec(await readFile(path, "utf8")) ?? [];
        if (name === undefined) throw new Error(`${path} exports no group of operations`);
        return { contents: `export const ${name} = () => undefined;` };
      },
    ),
};

/** Lets npm link a program's file and the shell run it. */
const SHEBANG = "#!/usr/bin/env node\n";

/** The oldest Node that has what the programs use; esbuild's target names it, too. */
const NODE_MIN = 24;

/** The files of a build, ready to be written, and their metadata. */
export interface Bundle {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Of the chunks: file names end in `.mjs` there and in `.cjs` in `files`. */
  readonly metafile: Metafile;
}

/**
 * Bundles programs into `outdir`, one file each, with chunks beside them. Dynamic imports stay in chunks of
 * their own, so that the node role neither reads nor parses the Azure SDK. esbuild splits ES modules only.
 * Each chunk is then converted to CommonJS, with which the node role uses 7 MiB less.
 */
export async function bundle(root: string, programs: readonly Program[], outdir: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: programs.map(({ entry, name }) => ({ in: entry, out: name })),
    outdir: join(root, outdir),
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: `node${NODE_MIN}`,
    external: EXTERNAL,
    define: WITHOUT,
    plugins: [withoutOtherOperations],
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const isProgram = (path: string): boolean =>
    programs.some(({ name, isImported }) => isImported !== true && basename(path) === `${name}.mjs`);
  const files = outputFiles.map(async ({ path, text }) => ({
    path: toCommonJsName(path),
    text:
      (isProgram(path) ? SHEBANG + refusalOfOlderNode(basename(path, ".mjs")) : "") +
      (await toCommonJs(text)),
  }));
  return { files: await Promise.all(files), metafile };
}

/**
 * Ends a program under an older Node, which the system may have while the packages bring this one: it would
 * fail by the first function that it lacks, and name that.
 */
function refusalOfOlderNode(program: string): string {
  const sentence =
    `${program} needs Node ${NODE_MIN} or newer, and this is " + process.version + ` +
    `" (" + process.execPath + "): in the clone, npm exec -- ${program} finds it`;
  return (
    `if (Number.parseInt(process.version.slice(1), 10) < ${NODE_MIN}) { ` +
    `process.stderr.write("${sentence}\\n"); process.exit(1); }\n`
  );
}

async function toCommonJs(text: string): Promise<string> {
  const { code } = await transform(text, {
    format: "cjs",
    platform: "node",
    target: `node${NODE_MIN}`,
    // `import()` would start Node's ES module loader for chunks that are CommonJS.
    supported: { "dynamic-import": false },
    minify: true,
    // A dependency uses an ES module's own address.
    define: { "import.meta.url": "undefined" },
    legalComments: "none",
    logLevel: "warning",
  });
  return code.replaceAll(CHUNK_REFERENCE, (reference) => toCommonJsName(reference));
}

function toCommonJsName(path: string): string {
  return path.replace(/\.mjs(?="?$)/u, ".cjs");
}
