/**
 * A disk's tags with changes by name: undefined removes. Azure compares names without case, so a tag that is
 * there keeps its spelling (Learn, Use tags to organize your Azure resources).
 */
export function mergeTags(
  present: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const names = new Map(Object.keys(present).map((name) => [name.toLowerCase(), name]));
  const merged = new Map<string, string>(Object.entries(present));
  for (const [stated, value] of Object.entries(changes)) {
    const name = names.get(stated.toLowerCase()) ?? stated;
    names.set(stated.toLowerCase(), name);
    if (value === undefined) merged.delete(name);
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
}
