import type { Mutant } from "./source/mutant.ts";
import { describeChange } from "./source/mutant.ts";

/** A mutant that no test can notice, since nothing that the program promises changes. */
export interface Equivalent {
  readonly file: string;
  /**
   * The line of the source that is changed, without the space around it: it may move, and the same change
   * elsewhere is another.
   */
  readonly line: string;
  /** As the list of survivors prints it. */
  readonly change: string;
  /** Why nothing changes. */
  readonly because: string;
}

/** Every known one. An entry that fits no mutant any more is an error. */
const equivalents: readonly Equivalent[] = [];

/** The reason why a mutant is known to be equivalent, if it is. */
export function whyEquivalent(mutant: Mutant, source: string, known = equivalents): string | undefined {
  return known.find((entry) => isAbout(entry, mutant, source))?.because;
}

/** The entries about these files that fit no mutant. */
export function outdatedEquivalents(
  sources: ReadonlyMap<string, string>,
  mutants: readonly Mutant[],
  known = equivalents,
): readonly Equivalent[] {
  const fits = (entry: Equivalent): boolean =>
    mutants.some((mutant) => isAbout(entry, mutant, sources.get(mutant.file) ?? ""));
  return known.filter((entry) => sources.has(entry.file) && !fits(entry));
}

function isAbout({ file, line, change }: Equivalent, mutant: Mutant, source: string): boolean {
  if (file !== mutant.file || change !== describeChange(mutant, source)) return false;
  return source.split("\n")[mutant.line - 1]?.trim() === line;
}
