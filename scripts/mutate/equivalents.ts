import type { Mutant } from "./mutant.ts";
import { describeChange } from "./mutant.ts";

/** A mutant that no test can notice, since nothing that the program promises changes. */
export interface Equivalent {
  readonly file: string;
  /** As the list of survivors prints it. */
  readonly change: string;
  /** Why nothing changes. */
  readonly because: string;
}

/** Every known one. An entry that fits no mutant any more is an error. */
const equivalents: readonly Equivalent[] = [];

/** The reason why a mutant is known to be equivalent, if it is. */
export function whyEquivalent(mutant: Mutant, source: string, known = equivalents): string | undefined {
  const change = describeChange(mutant, source);
  return known.find((entry) => entry.file === mutant.file && entry.change === change)?.because;
}

/** The entries about these files that fit no mutant. */
export function outdatedEquivalents(sources: ReadonlyMap<string, string>, mutants: readonly Mutant[], known = equivalents): readonly Equivalent[] {
  const changes = new Set(mutants.map((mutant) => `${mutant.file} ${describeChange(mutant, sources.get(mutant.file) ?? "")}`));
  return known.filter(({ file, change }) => sources.has(file) && !changes.has(`${file} ${change}`));
}
