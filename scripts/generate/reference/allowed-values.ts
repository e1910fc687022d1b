import { type ParameterValue, wordsOf } from "../../../src/core/volume/parameters/parameter-value.ts";

/** What a parameter takes, in a cell of a table. */
export function allowedOf(parameter: ParameterValue): string {
  switch (parameter.kind) {
    case "choice":
      return parameter.choices.map((choice) => `\`${choice}\``).join(", ");
    case "count":
      return `whole number, ${parameter.min} to ${parameter.max}`;
    case "number":
      return parameter.numbers.map((number) => `\`${number}\``).join(", ");
    case "flag":
      return Object.values(wordsOf(parameter))
        .flat()
        .map((word) => `\`${word}\``)
        .join(", ");
    case "pattern":
      return `text; ${parameter.rule}`;
    case "text":
      return "text";
  }
}
