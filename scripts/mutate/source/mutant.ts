/** One small change of a source file, which a test should notice. */
export interface Mutant {
  /** Relative to the project. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** What kind of change it is, for example `negate`. */
  readonly operator: string;
  /** What of the source is replaced, and by what. */
  readonly edit: SourceSpan & { readonly text: string };
  /** The expression or statement that a switch between the original and the changed text is put around. */
  readonly site: SourceSpan & { readonly kind: "expression" | "statement" };
}

/** A part of a source: offsets of its first character, and of the first after it. */
export interface SourceSpan {
  readonly start: number;
  readonly end: number;
}

/** What a mutant changes, in one line: `a && b -> a`. */
export function describeChange({ edit, site }: Mutant, source: string): string {
  const [before, after] = [source.slice(site.start, site.end), changedSite({ edit, site }, source)];
  // Long sites are shown around the change only.
  const isShort = before.length <= SITE_LENGTH_SHOWN;
  const shown = isShort ? `${before} -> ${after}` : `${source.slice(edit.start, edit.end)} -> ${edit.text}`;
  return shown.replaceAll(/\s+/gu, " ").trim();
}

const SITE_LENGTH_SHOWN = 90;

/** The text of a mutant's site after the change. */
export function changedSite({ edit, site }: Pick<Mutant, "edit" | "site">, source: string): string {
  return source.slice(site.start, edit.start) + edit.text + source.slice(edit.end, site.end);
}
