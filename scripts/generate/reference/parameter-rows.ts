import type { ParameterValue } from "../../../src/core/volume/parameters/parameter-value.ts";
import { allowedOf } from "./allowed-values.ts";
import { markdownTable } from "./markdown-table.ts";

/** What a page says of a supported parameter, besides its row in the parser's table. */
export interface ParameterNotes {
  readonly meaning: string;
  readonly absent: string;
  /** One value that the parser accepts, alone or with the parameters of `needs`. */
  readonly example: string;
  readonly needs?: Readonly<Record<string, string>>;
  /** The parameter in the V1 driver. */
  readonly inV1: string;
}

/** The table of a page's parameters: those of `names`, in that order. */
export function parameterRows<Name extends string>(
  names: readonly Name[],
  table: Readonly<Record<Name, ParameterValue>>,
  notes: Readonly<Record<Name, ParameterNotes>>,
): string {
  return markdownTable(
    ["parameter", "allowed", "if absent", "meaning", "example", "in V1"],
    names.map((name) => {
      const { meaning, absent, example, inV1 } = notes[name];
      const allowed = allowedOf(table[name]);
      return `| \`${name}\` | ${allowed} | ${absent} | ${meaning} | \`${example}\` | ${inV1} |`;
    }),
  );
}

/** The same for a page on which an absent parameter changes nothing, and which V1 does not decide. */
export function changeRows<Name extends string>(
  names: readonly Name[],
  table: Readonly<Record<Name, ParameterValue>>,
  notes: Readonly<Record<Name, ParameterNotes>>,
): string {
  return markdownTable(
    ["parameter", "allowed", "meaning", "example"],
    names.map((name) => {
      const { meaning, example } = notes[name];
      return `| \`${name}\` | ${allowedOf(table[name])} | ${meaning} | \`${example}\` |`;
    }),
  );
}
