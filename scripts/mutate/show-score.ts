import { describeChange } from "./source/mutant.ts";
import type { Mutant } from "./source/mutant.ts";
import type { Target } from "./targets.ts";
import type { Outcome } from "./verdict-cache.ts";

/** A mutant and how it ended. */
export interface JudgedMutant {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  /** Why it is known to change nothing. */
  readonly equivalent: string | undefined;
}

/** Counts of one file, or of all. */
export interface Score {
  readonly killed: number;
  readonly survived: number;
  readonly unreached: number;
  /** Mutants that no test notices and the compiler refuses; not counted. */
  readonly refused: number;
  readonly equivalent: number;
  /** The killed share of those that compile and are not equivalent, in percent; 100 if there are none. */
  readonly percent: number;
}

/** Counts how mutants ended. A killed mutant that is listed as equivalent counts as a fault of the list. */
export function scoreOf(judged: readonly JudgedMutant[]): Score {
  const listed = judged.filter(({ equivalent }) => equivalent !== undefined);
  const counted = judged.filter(
    ({ equivalent, outcome }) => equivalent === undefined && outcome.kind !== "refused",
  );
  const count = (...kinds: readonly Outcome["kind"][]): number =>
    counted.filter(({ outcome }) => kinds.includes(outcome.kind)).length;
  const killed = count("killed", "timeout");
  return {
    killed,
    survived: count("survived"),
    unreached: count("unreached"),
    refused: judged.length - listed.length - counted.length,
    equivalent: listed.length,
    percent: counted.length === 0 ? 100 : (killed / counted.length) * 100,
  };
}

/** Whether a mutant survived although a test should have noticed it. */
export function isSurvivor({ outcome, equivalent }: JudgedMutant): boolean {
  return equivalent === undefined && (outcome.kind === "survived" || outcome.kind === "unreached");
}

/** Whether a mutant is listed as equivalent, and a test has noticed it. */
export function isWronglyListed({ outcome, equivalent }: JudgedMutant): boolean {
  return equivalent !== undefined && (outcome.kind === "killed" || outcome.kind === "timeout");
}

/** `file:line: change`, with the operator and why it was not noticed. */
export function describeMutant(
  { mutant, outcome }: Pick<JudgedMutant, "mutant" | "outcome">,
  source: string,
): string {
  const { file, line, column, operator } = mutant;
  return (
    `${file}:${line}:${column}: ${operator}` +
    `${outcome.kind === "unreached" ? ", no test runs it" : ""}: ${describeChange(mutant, source)}`
  );
}

/** A table with a row for each file, and one for each target. */
export function scoreTable(
  targets: readonly (Target & { readonly paths: readonly string[] })[],
  judged: readonly JudgedMutant[],
): string {
  const rows = targets.flatMap(({ name, paths, killedMin }) => {
    const ofTarget = judged.filter(({ mutant }) => paths.includes(mutant.file));
    if (ofTarget.length === 0) return [];
    const files = paths.filter((file) => ofTarget.some(({ mutant }) => mutant.file === file));
    const ofFile = files.map((file) =>
      row(`  ${file}`, scoreOf(ofTarget.filter(({ mutant }) => mutant.file === file))),
    );
    return [row(`${name} (at least ${killedMin} %)`, scoreOf(ofTarget)), ...ofFile];
  });
  return [HEADINGS, ...rows, row("all", scoreOf(judged))].map(cells).join("\n");
}

const HEADINGS = ["", "killed", "survived", "unreached", "refused", "equivalent", "score"] as const;
const FIRST_WIDTH = 52;
const WIDTH = 11;

function row(
  name: string,
  { killed, survived, unreached, refused, equivalent, percent }: Score,
): readonly string[] {
  return [
    name,
    String(killed),
    String(survived),
    String(unreached),
    String(refused),
    String(equivalent),
    `${percent.toFixed(1)} %`,
  ];
}

function cells([first = "", ...others]: readonly string[]): string {
  return first.padEnd(FIRST_WIDTH) + others.map((text) => text.padStart(WIDTH)).join("");
}
