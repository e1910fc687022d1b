/** The most edits that still count as a misspelling. */
const EDITS_MAX = 3;
/** Longer names are no misspellings, and comparing them would take long. */
const NAME_MAX_CHARS = 64;

/** The candidate that `name` is most likely a misspelling of, in any case; undefined if none is close. */
export function closestName(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > NAME_MAX_CHARS) return undefined;
  const distances = candidates.map((candidate) => ({
    candidate,
    edits: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  }));
  const closest = distances.toSorted((left, right) => left.edits - right.edits)[0];
  if (closest === undefined || closest.edits > Math.min(EDITS_MAX, Math.floor(name.length / 3)))
    return undefined;
  return closest.candidate;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (const [index, character] of Array.from(left).entries()) {
    const next = [index + 1];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = at(row, column - 1) + (right[column - 1] === character ? 0 : 1);
      next.push(Math.min(substitution, at(row, column) + 1, at(next, column - 1) + 1));
    }
    row = next;
  }
  return at(row, right.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
