const GAP = " … ";

/**
 * The text in at most so many bytes of UTF-8, in whole characters. What was tried is at the beginning of a
 * sentence, and what came of it at the end: of one that is too long, both are kept.
 */
export function shortened(text: string, maxBytes: number): string {
  const characters = Array.from(text.toWellFormed());
  if (bytesIn(characters) <= maxBytes) return characters.join("");
  const halfBytes = Math.floor((maxBytes - bytesIn(Array.from(GAP))) / 2);
  const beginning = characters.slice(0, fitting(characters, halfBytes));
  const end = characters.slice(characters.length - fitting(characters.toReversed(), halfBytes));
  return [...beginning, GAP, ...end].join("");
}

/** How many of the first characters are in so many bytes together. */
function fitting(characters: readonly string[], maxBytes: number): number {
  let count = 0;
  for (let left = maxBytes; count < characters.length; count++) {
    left -= bytesOf(characters[count] ?? "");
    if (left < 0) break;
  }
  return count;
}

function bytesIn(characters: readonly string[]): number {
  return characters.reduce((sum, character) => sum + bytesOf(character), 0);
}

/** The bytes of one character. */
function bytesOf(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x1_0000 ? 3 : 4;
}
