import { faultClasses } from "./faults/fault-classes.ts";
import { faultNames } from "./faults/fault-names.ts";
import { mutations } from "./mutations/mutations.ts";
import { regressionSeeds } from "./run/regression-seeds.ts";

const tables = { faults: faultTable, mutations: mutationTable, lessons: lessonTable } as const;

/** The pages in docs/assurance with tables from the code, and the names of these tables. */
export const proofPages: readonly {
  readonly name: string;
  readonly tables: readonly (keyof typeof tables)[];
}[] = [
  { name: "simulation.md", tables: ["faults", "mutations"] },
  { name: "defects.md", tables: ["lessons"] },
];

/** A page with its tables as generated from the code. Throws if it has no place for one. */
export function withTables(page: (typeof proofPages)[number], text: string): string {
  return page.tables.reduce((present, name) => withPart(present, name, tables[name]()), text);
}

/** The page with that part replaced. Throws if there is none of that name. */
export function withPart(page: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name}: npm run sim:proof -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no part ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n${lines.join("\n")}\n${page.slice(to)}`;
}

function faultTable(): readonly string[] {
  const rows = faultNames.map(
    (name) =>
      `| \`${name}\` | ${faultClasses[name].about} | ` +
      `${Object.keys(faultClasses[name].variants).join(", ")} |`,
  );
  return ["| class | what goes wrong | variants |", "| --- | --- | --- |", ...rows];
}

function mutationTable(): readonly string[] {
  const rows = mutations.map(({ name, removes, storm, takes }) => {
    const strikes = Object.keys(storm.strikes).map((strike) => `\`${strike}\``);
    const where = storm.second === undefined ? "" : ", with a second cluster";
    return `| \`${name}\` | ${removes} | ${takes} | ${strikes.join(", ")}${where} |`;
  });
  return [
    `${mutations.length} rules can be removed:`,
    "",
    "| name | rule | what its absence needs to show | strikes of its storm |",
    "| --- | --- | --- | --- |",
    ...rows,
  ];
}

function lessonTable(): readonly string[] {
  const rows = regressionSeeds().map(
    ({ seed, faults = [], storm, lesson }) =>
      `| ${seed} | ${storm === undefined ? faults.join(", ") : `\`${storm}\``} | ${lesson} |`,
  );
  return ["| seed | faults or storm | lesson |", "| --- | --- | --- |", ...rows];
}
