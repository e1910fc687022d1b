import type { Metafile } from "esbuild";

/**
 * The source files in the chunks that are loaded with the chunk of `entry`: its own and those it imports
 * statically, but none that it imports later. `entry` is a program's entry or a module that something
 * imports dynamically.
 */
export function loadedModules(metafile: Metafile, entry: string): readonly string[] {
  const start = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entry)?.[0];
  if (start === undefined)
    throw new Error(`no chunk begins with ${entry}; these begin chunks: ${entriesOf(metafile).join(", ")}`);
  const waiting = [start];
  const chunks = new Set<string>();
  for (let chunk = waiting.pop(); chunk !== undefined; chunk = waiting.pop()) {
    if (chunks.has(chunk)) continue;
    chunks.add(chunk);
    for (const { path, kind, external } of metafile.outputs[chunk]?.imports ?? []) {
      if (kind !== "dynamic-import" && external !== true) waiting.push(path);
    }
  }
  const modules = [...chunks].flatMap((chunk) => Object.entries(metafile.outputs[chunk]?.inputs ?? {}));
  return [
    ...new Set(modules.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)),
  ].toSorted();
}

function entriesOf(metafile: Metafile): readonly string[] {
  return Object.values(metafile.outputs).flatMap(({ entryPoint }) =>
    entryPoint === undefined ? [] : [entryPoint],
  );
}
