import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { applyEdits } from "./apply-edits.ts";
import { editsOf, mutationNamed } from "./mutations.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * Makes this thread load the driver's sources without a rule, from here on: what is to be mutated must be
 * imported afterwards, dynamically. Throws at once if an edit does not fit its file, or if a file to be
 * edited has been imported already, as far as this module can know. Threads and child processes each call
 * it.
 */
export function loadMutated(name: string): void {
  const edits = Map.groupBy(editsOf(mutationNamed(name)), ({ file }) => new URL(file, ROOT).href);
  const sources = new Map(
    [...edits].map(([url, ofFile]) => [url, applyEdits(readFileSync(fileURLToPath(url), "utf8"), ofFile)]),
  );
  registerHooks({
    load: (url, context, nextLoad) => {
      const source = sources.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: "module-typescript", source, shortCircuit: true };
    },
  });
}
