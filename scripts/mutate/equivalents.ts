import type { Mutant } from "./source/mutant.ts";
import { describeChange } from "./source/mutant.ts";

/** A mutant that no test can notice, since it changes nothing that the program promises. */
export interface Equivalent {
  readonly file: string;
  /**
   * The changed source line, without surrounding space. The line may move; the same change of another line
   * is another mutant.
   */
  readonly line: string;
  /** The change as the list of survivors prints it. */
  readonly change: string;
  /** Why nothing changes. */
  readonly because: string;
}

/** All known equivalents. An entry that matches no mutant is an error. */
const equivalents: readonly Equivalent[] = ["left.vmId", "left.nodeName"].map((compared) => {
  const other = compared.replace("left", "right");
  return {
    file: "src/core/writer/record/record-nodes.ts",
    line:
      "return left.nodeName === right.nodeName ? left.vmId < right.vmId : " +
      "left.nodeName < right.nodeName;",
    change: `${compared} < ${other} -> ${compared} <= ${other}`,
    because: "the two differ: another node of the same name has another vmId",
  };
});

/** Why a mutant is known to be equivalent; undefined if it is not. */
export function whyEquivalent(mutant: Mutant, source: string, known = equivalents): string | undefined {
  return known.find((entry) => isAbout(entry, mutant, source))?.because;
}

/** The entries about these files that match no mutant. */
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
