/**
 * The most names in one sentence. It stands in a condition of an object, which has 1.5 MiB at most, and is
 * written again with each change. A cluster may have thousands of pods that wait for one volume.
 */
const NAMES_MAX = 10;

/** The first names by comma, and how many more there are: `a, b`, or `a, … and 7 more`. */
export function nameList(names: readonly (string | number)[], namesMax: number = NAMES_MAX): string {
  if (names.length <= namesMax) return names.join(", ");
  return `${names.slice(0, namesMax).join(", ")} and ${names.length - namesMax} more`;
}
