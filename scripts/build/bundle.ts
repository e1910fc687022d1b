import { join } from "node:path";
import { build } from "esbuild";
import type { BuildResult, Metafile } from "esbuild";

/** A program of the project: an entry and the name of its file in dist/, without ending. */
export interface Program {
  readonly entry: string;
  readonly name: string;
}

/** What can be installed and run without TypeScript and node_modules. */
export const PROGRAMS: readonly Program[] = [
  { entry: "src/main.ts", name: "azuredisk-csi-driver" },
  { entry: "src/emulator/main.ts", name: "azure-compute-emulator" },
];

/** Packages written for CommonJS call `require` for Node's own modules. */
const REQUIRE = 'import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);';
/** Native add-ons can't be bundled; the emulator's data plane loads it when it is used. */
const EXTERNAL = ["koffi"];

/**
 * Bundles programs into `outdir`, one file each and chunks beside them. What a role loads by dynamic import stays in chunks of its own,
 * so that the node role neither reads nor parses the Azure SDK. ES modules, since only they can be split.
 */
export async function bundle(
  root: string,
  programs: readonly Program[],
  options: { readonly outdir: string; readonly write: boolean },
): Promise<BuildResult & { metafile: Metafile }> {
  return build({
    absWorkingDir: root,
    entryPoints: programs.map(({ entry, name }) => ({ in: entry, out: name })),
    outdir: join(root, options.outdir),
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minify: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "external",
    banner: { js: REQUIRE },
    external: EXTERNAL,
    metafile: true,
    write: options.write,
    logLevel: "warning",
  });
}
