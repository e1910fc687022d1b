import { describeChange, type Mutant } from "../source/mutant.ts";
import type { ByModel } from "./judge-by-models.ts";
import type { ModelVerdict } from "./model-protocol.ts";

type Kind = ModelVerdict["kind"];

const KINDS: readonly Kind[] = ["killed", "passed", "same", "unasked"];
const NAME_WIDTH = 30;
const WIDTH = 10;

/**
 * One line for each change that gives a model other answers and that no model kills. With `showsKilled`
 * also the killed ones, with the path to the fault.
 */
export function modelLines(
  byModel: ByModel,
  sources: ReadonlyMap<string, string>,
  { showsKilled }: { readonly showsKilled: boolean },
): readonly string[] {
  return mutantsOf(byModel).flatMap((mutant) => {
    const verdicts = [...byModel].flatMap(([name, ofModel]) => ({ name, verdict: ofModel.get(mutant) }));
    const place =
      `${mutant.file}:${mutant.line}:${mutant.column}: ` +
      `${mutant.operator}: ${describeChange(mutant, sources.get(mutant.file) ?? "")}`;
    const killed = verdicts.flatMap(({ name, verdict }) =>
      verdict?.kind === "killed" ? [`killed: ${place}\n  by ${name}: ${verdict.why}`] : [],
    );
    if (killed.length > 0) return showsKilled ? killed : [];
    const passedBy = verdicts.flatMap(({ name, verdict }) => (verdict?.kind === "passed" ? [name] : []));
    return passedBy.length > 0 ? [`passed by ${passedBy.join(", ")}: ${place}`] : [];
  });
}

/** A table with a row for each model, and one for all of them: killed by any, asked by any. */
export function modelTable(byModel: ByModel): string {
  const rows = [...byModel].map(([name, ofModel]) =>
    row(
      name,
      [...ofModel.values()].map(({ kind }) => kind),
    ),
  );
  const best = mutantsOf(byModel).map(
    (mutant) =>
      KINDS.find((kind) => [...byModel.values()].some((ofModel) => ofModel.get(mutant)?.kind === kind)) ??
      "unasked",
  );
  return [cells("", KINDS), ...rows, row("any", best)].join("\n");
}

function mutantsOf(byModel: ByModel): readonly Mutant[] {
  return [...new Set([...byModel.values()].flatMap((ofModel) => [...ofModel.keys()]))];
}

function row(name: string, kinds: readonly Kind[]): string {
  return cells(
    name,
    KINDS.map((kind) => String(kinds.filter((each) => each === kind).length)),
  );
}

function cells(first: string, others: readonly string[]): string {
  return first.padEnd(NAME_WIDTH) + others.map((text) => text.padStart(WIDTH)).join("");
}
