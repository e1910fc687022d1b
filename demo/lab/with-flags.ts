/** Flags (`--name=value`) with further ones, which take the place of those of the same name. */
export function withFlags(flags: readonly string[], further: readonly string[]): readonly string[] {
  const replaced = new Set(further.map(nameOf));
  return [...flags.filter((flag) => !replaced.has(nameOf(flag))), ...further];
}

function nameOf(flag: string): string | undefined {
  return flag.split("=")[0];
}
