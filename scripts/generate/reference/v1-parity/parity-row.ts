import { markdownTable } from "../markdown-table.ts";

/** One name or claim of V1, and what became of it. */
export interface ParityRow {
  readonly name: string;
  /**
   * `yes`: it acts as in V1, or better. `built`: so it should, and has not been run where it belongs.
   * `renamed`, `not needed`: V1's name is refused, and what it asks for is here. `refused`: it is refused by
   * name, or is not there, for a reason.
   */
  readonly state: "yes" | "built" | "renamed" | "not needed" | "refused";
  /** Where it is served, or the reason. */
  readonly remark: string;
}

/** A row that is served. */
export const yes = (name: string, remark: string): ParityRow => ({ name, state: "yes", remark });

/** A row of Windows. */
export const builtForWindows = (name: string): ParityRow => ({
  name,
  state: "built",
  remark:
    "built, not yet run on Windows: tested on Linux with doubles, and off by default (`windows.enabled`; " +
    "[Windows nodes](../windows.md))",
});

/** A row of a name that is refused, with the one that has its place. */
export const renamed = (name: string, here: string): ParityRow => ({ name, state: "renamed", remark: here });

/** A row of a name that is refused, since what it asks for is so in any case. */
export const notNeeded = (name: string, remark: string): ParityRow => ({ name, state: "not needed", remark });

/** A row that is not, with the reason. */
export const refused = (name: string, remark: string): ParityRow => ({ name, state: "refused", remark });

/** The table of rows. */
export function parityTable(what: string, rows: readonly ParityRow[]): string {
  return markdownTable(
    [what, "here", "where, or why"],
    rows.map(({ name, state, remark }) => `| ${name} | ${state} | ${remark} |`),
  );
}
