/** One small change of a source file, which a test should notice. */
export interface Mutant {
  /** Relative to the project. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** The kind of change, for example `negate`. */
  readonly operator: string;
  /** The replaced part of the source, and its replacement. */
  readonly edit: SourceSpan & { readonly text: string };
  /** The expression or statement around which the switch between original and changed text is put. */
  readonly site: SourceSpan & { readonly kind: "expression" | "statement" };
}

/** A part of a source: the offsets of its first character and of the first one after it. */
export interface SourceSpan {
  readonly start: number;
  readonly end: number;
}

/** What a mutant changes, in one line: `a && b -> a`. */
export function describeChange({ edit, site }: Mutant, source: string): string {
  const [before, after] = [source.slice(site.start, site.end), changedSite({ edit, site }, source)];
  // Of long sites only the text around the change is shown.
  const isShort = before.length <= SITE_LENGTH_SHOWN;
  const shown = isShort ? `${before} -> ${after}` : `${source.slice(edit.start, edit.end)} -> ${edit.text}`;
  return shown.replaceAll(/\s+/gu, " ").trim();
}

const SITE_LENGTH_SHOWN = 90;

/** The text of a mutant's site after the change. */
export function changedSite({ edit, site }: Pick<Mutant, "edit" | "site">, source: string): string {
  return source.slice(site.start, edit.start) + edit.text + source.slice(edit.end, site.end);
}
