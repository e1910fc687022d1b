/**
 * What a command says in words of its own: `text` without the paths that its caller has named. A path may
 * have the name of a volume in it, and a volume any name.
 */
export function ownWords(text: string, ...paths: readonly string[]): string {
  // The longest first: one path may begin another.
  const named = paths.filter((path) => path.length > 1).toSorted((left, right) => right.length - left.length);
  return named.reduce((left, path) => left.replaceAll(path, ""), text);
}
