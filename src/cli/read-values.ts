import { closestName } from "../core/primitives/closest-name.ts";
import { fieldOf, type Option, type Options, type Values } from "./options.ts";

/** What the flags and the settings file of a program give, by the names of its options. */
export type GivenValues = ReadonlyMap<string, GivenValue>;

/** The texts given for one option, and how messages name it: the flag, and the file that it is in. */
export interface GivenValue {
  readonly label: string;
  readonly texts: readonly string[];
}

/** A value, or a sentence that begins with the flag. */
type ReadValue = { readonly value: unknown } | { readonly problem: string };

/**
 * The values of options, with defaults for what is not given. Without a problem they are complete. A problem
 * is a sentence that begins with the flag, and says what was given and what is allowed.
 */
export function readValues<const T extends Options>(
  options: T,
  given: GivenValues,
): { readonly values: Values<T>; readonly problems: readonly string[] } {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, option] of Object.entries(options)) {
    const read = readValue(option, given.get(name) ?? { label: `--${name}`, texts: [] });
    if ("problem" in read) problems.push(read.problem);
    else values[fieldOf(name)] = read.value;
  }
  return { values: values as Values<T>, problems };
}

/** "; did you mean …?" if a known name is close to what was given. */
export function suggestion(given: string, known: readonly string[], prefix = ""): string {
  const meant = closestName(given, known);
  return meant === undefined ? "" : `; did you mean ${prefix}${meant}?`;
}

/** What a value of the option may be, as messages say it. */
export function expectation(option: Option): string {
  switch (option.kind) {
    case "flag":
      return "true or false";
    case "number":
      return `a ${option.isWhole === true ? "whole " : ""}number ${rangeOf(option)}`;
    case "choice":
      return `one of ${option.choices.join(", ")}`;
    case "list":
      return option.choices === undefined
        ? "texts, by comma"
        : `some of ${option.choices.join(", ")}, by comma`;
    case "text":
      return "a value";
  }
}

/** The range of a number, as messages and help say it. */
export function rangeOf({ min, max }: { readonly min: number; readonly max: number }): string {
  return max >= Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
}

function readValue(option: Option, { label, texts }: GivenValue): ReadValue {
  if (texts.length > 0) return readGiven(option, label, texts);
  if (option.kind === "flag") return { value: false };
  return option.kind === "text" && option.required === true
    ? { problem: `${label}: must be given: ${option.help}` }
    : { value: option.default };
}

function readGiven(option: Option, label: string, texts: readonly string[]): ReadValue {
  const different = [...new Set(texts)];
  // The last one would win without a word, as it does where a script or a manifest has lost track.
  if (option.kind !== "list" && different.length > 1) {
    const given = different.map((text) => JSON.stringify(text)).join(" and ");
    return { problem: `${label}: got ${given}; expected one value` };
  }
  const last = texts.at(-1) ?? "";
  const refuse = (given: string, hint = ""): ReadValue => ({
    problem: `${label}: got ${JSON.stringify(given)}; expected ${expectation(option)}${hint}`,
  });
  switch (option.kind) {
    case "text": {
      const problem = option.problem?.(last);
      return problem === undefined
        ? { value: last }
        : { problem: `${label}: got ${JSON.stringify(last)}; ${problem}` };
    }
    case "list": {
      const items = texts.flatMap((text) => text.split(",")).filter((item) => item !== "");
      const wrong = items.find((item) => option.choices?.includes(item) === false);
      return wrong === undefined ? { value: items } : refuse(wrong, suggestion(wrong, option.choices ?? []));
    }
    case "number":
      return isWithin(option, last) ? { value: Number(last) } : refuse(last);
    case "choice":
      return option.choices.includes(last) ? { value: last } : refuse(last, suggestion(last, option.choices));
    case "flag":
      return last === "true" || last === "false" ? { value: last === "true" } : refuse(last);
  }
}

function isWithin(
  { min, max, isWhole }: { readonly min: number; readonly max: number; readonly isWhole?: true },
  text: string,
): boolean {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < min || value > max) return false;
  return isWhole !== true || Number.isSafeInteger(value);
}
