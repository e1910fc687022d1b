import { refuseArgument } from "../../failure/frequent-failures.ts";
import { unreachable } from "../../failure/invariant.ts";
import { fail, ok, type Result } from "../../failure/result.ts";
import { closestName } from "../../primitives/closest-name.ts";

export type ParameterValue =
  /** One of `choices`, once `normalize` has read it; `anyCase`: written in any case. */
  | {
      readonly kind: "choice";
      readonly choices: readonly string[];
      readonly default?: string;
      readonly anyCase?: true;
      readonly normalize?: (value: string) => string;
    }
  /** A whole number from `min` to `max`, both included. */
  | { readonly kind: "count"; readonly min: number; readonly max: number; readonly default?: number }
  | { readonly kind: "number"; readonly numbers: readonly number[] }
  /** `true` or `false`, in any case; `isAlsoShort`: or `t`, `1`, `f` or `0`, as Go's ParseBool reads it. */
  | { readonly kind: "flag"; readonly isAlsoShort?: true }
  /** A text that `pattern` matches once `normalize` has read it; `rule` states it, after field and value. */
  | {
      readonly kind: "pattern";
      readonly pattern: RegExp;
      readonly rule: string;
      readonly normalize?: (value: string) => string;
    }
  /** A text; `volume-tags.ts` checks its form. */
  | { readonly kind: "text"; readonly default?: string };

/** The refusal of a class's parameter: its sentence is the name, the value and `problem`, in this order. */
export function refuseParameter(
  name: string,
  value: string | number,
  problem: string,
): ReturnType<typeof refuseArgument> {
  return refuseArgument(`parameters.${name}`, value, problem);
}

/** Why a name is refused that no class may have. `known`: names that may have been meant. */
export function unknownParameter(
  name: string,
  { allowed, known = allowed }: { readonly allowed: readonly string[]; readonly known?: readonly string[] },
): string {
  const meant = closestName(name, known);
  const hint = meant === undefined ? "." : `; did you mean ${meant}?`;
  return `is no parameter of this driver${hint} Allowed: ${allowed.join(", ")}`;
}

/** What volume attributes state by a name, in any case; undefined: nothing. */
export function statedIn(
  attributes: Readonly<Record<string, string>>,
  attribute: string,
): string | undefined {
  const key = attribute.toLowerCase();
  return Object.entries(attributes).find(([name]) => name.toLowerCase() === key)?.[1];
}

/** The words of a flag, in lower case, the usual one first. */
export function wordsOf({ isAlsoShort }: ParameterValue & { readonly kind: "flag" }): {
  readonly trues: readonly string[];
  readonly falses: readonly string[];
} {
  return isAlsoShort === true
    ? { trues: ["true", "t", "1"], falses: ["false", "f", "0"] }
    : { trues: ["true"], falses: ["false"] };
}

/** Reads a value as its row says. Fails with the problem, in words that follow the field and the value. */
export function readValue(row: ParameterValue, stated: string): Result<string | number | boolean, string> {
  switch (row.kind) {
    case "choice": {
      const { choices, anyCase = false } = row;
      const value = row.normalize?.(stated) ?? stated;
      const choice = choices.find((candidate) => candidate === (anyCase ? value.toLowerCase() : value));
      if (choice !== undefined) return ok(choice);
      const meant = closestName(stated, choices);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return fail(`must be one of ${choices.join(", ")}${hint}`);
    }
    case "count": {
      const { min, max } = row;
      const count = /^[0-9]{1,9}$/u.test(stated) ? Number(stated) : Number.NaN;
      return count >= min && count <= max ? ok(count) : fail(`must be a whole number from ${min} to ${max}`);
    }
    case "number": {
      const number = row.numbers.find((candidate) => String(candidate) === stated);
      return number === undefined ? fail(`must be one of ${row.numbers.join(", ")}`) : ok(number);
    }
    case "flag": {
      const { trues, falses } = wordsOf(row);
      const word = stated.toLowerCase();
      if (trues.includes(word)) return ok(true);
      return falses.includes(word) ? ok(false) : fail(`must be ${trues.join(", ")} or ${falses.join(", ")}`);
    }
    case "pattern": {
      const value = row.normalize?.(stated) ?? stated;
      return row.pattern.test(value) ? ok(value) : fail(row.rule);
    }
    case "text":
      return ok(stated);
    default:
      return unreachable(row);
  }
}
