import { faultClasses } from "./faults/fault-classes.ts";
import { faultNames } from "./faults/fault-names.ts";
import { mutations } from "./mutations/mutations.ts";
import { regressionSeeds } from "./run/regression-seeds.ts";

/** The page with its tables as generated from the code. Throws if the page has no place for one. */
export function withTables(page: string): string {
  const lessons = regressionSeeds().map(
    ({ seed, faults, storm, lesson }) =>
      `* ${seed}${faults === undefined ? "" : ` (${faults.join(", ")})`}${storm === undefined ? "" : ` [${storm}]`}: ${lesson}`,
  );
  const rules = [`${mutations.length} safety rules can be taken away (\`npm run sim -- --mutate list\`).`];
  return withPart(withPart(withPart(page, "faults", faultTable()), "lessons", lessons), "rules", rules);
}

/** The page with that part replaced. Throws if there is none of that name. */
export function withPart(page: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name}: npm run sim:proof -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/assurance/simulation.md has no part ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n${lines.join("\n")}\n${page.slice(to)}`;
}

function faultTable(): readonly string[] {
  const rows = faultNames.map(
    (name) =>
      `| \`${name}\` | ${faultClasses[name].about} | ${Object.keys(faultClasses[name].variants).join(", ")} |`,
  );
  return ["| class | what goes wrong | variants |", "| --- | --- | --- |", ...rows];
}
