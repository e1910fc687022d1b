/**
 * The most names in one sentence. It stands in a condition of an object, which has 1.5 MiB at most, and is
 * written again with each change. A cluster may have thousands of pods that wait for one volume.
 */
const NAMES_MAX = 10;

/** The first ten names by comma, and how many more there are: `a, b`, or `a, … and 7 more`. */
export function nameList(names: readonly string[]): string {
  if (names.length <= NAMES_MAX) return names.join(", ");
  return `${names.slice(0, NAMES_MAX).join(", ")} and ${names.length - NAMES_MAX} more`;
}
