import { markdownTable } from "../markdown-table.ts";

/** One name or claim of V1, and what became of it. */
export interface ParityRow {
  readonly name: string;
  /** `yes`: it acts as in V1, or better. `refused`: it is refused by name, or is not there, for a reason. */
  readonly state: "yes" | "refused";
  /** Where it is served, or the reason. */
  readonly remark: string;
}

/** A row that is served. */
export const yes = (name: string, remark: string): ParityRow => ({ name, state: "yes", remark });

/** A row that is not, with the reason. */
export const refused = (name: string, remark: string): ParityRow => ({ name, state: "refused", remark });

/** The table of rows. */
export function parityTable(what: string, rows: readonly ParityRow[]): string {
  return markdownTable(
    [what, "here", "where, or why"],
    rows.map(({ name, state, remark }) => `| ${name} | ${state} | ${remark} |`),
  );
}
