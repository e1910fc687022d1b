import { changedSite } from "./mutant.ts";
import type { Mutant } from "./mutant.ts";

/** A mutant with the number that switches it on. */
export interface NumberedMutant {
  readonly id: number;
  readonly mutant: Mutant;
}

/** A place with its mutants, and the places inside it. */
interface Site {
  readonly start: number;
  readonly end: number;
  readonly kind: Mutant["site"]["kind"];
  readonly mutants: NumberedMutant[];
  readonly inner: Site[];
}

/** The function that the instrumented source calls to ask whether a mutant is switched on. */
export const SWITCH_NAME = "__isMutant";

/**
 * A source that contains all its mutants, each switched on by its number. Without any it does what the
 * original does.
 */
export function instrument(source: string, mutants: readonly NumberedMutant[]): string {
  const root: Site = { start: 0, end: source.length, kind: "statement", mutants: [], inner: [] };
  const outermostFirst = mutants.toSorted(
    ({ mutant: { site: left } }, { mutant: { site: right } }) =>
      left.start - right.start || right.end - left.end,
  );
  for (const numbered of outermostFirst) addTo(root, numbered);
  return withInner(root, source);
}

function addTo(parent: Site, numbered: NumberedMutant): void {
  const { site } = numbered.mutant;
  const around = parent.inner.find(({ start, end }) => start <= site.start && site.end <= end);
  if (around === undefined) parent.inner.push({ ...site, mutants: [numbered], inner: [] });
  else if (around.start === site.start && around.end === site.end) around.mutants.push(numbered);
  else addTo(around, numbered);
}

function withInner({ start, end, inner }: Site, source: string): string {
  let text = "";
  let at = start;
  for (const site of inner) {
    text += source.slice(at, site.start) + switched(site, source);
    at = site.end;
  }
  return text + source.slice(at, end);
}

function switched(site: Site, source: string): string {
  const original = withInner(site, source);
  if (site.kind === "statement") {
    const conditions = site.mutants.map(({ id }) => `!${SWITCH_NAME}(${id})`);
    // The braces keep a following `else` with the `if` before it.
    return `{ if (${conditions.join(" && ")}) { ${original} } }`;
  }
  const choices = site.mutants.map(
    ({ id, mutant }) => `${SWITCH_NAME}(${id}) ? (${changedSite(mutant, source)}) : `,
  );
  return `(${choices.join("")}(${original}))`;
}
