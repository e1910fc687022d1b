import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Mutant } from "./source/mutant.ts";

/** The final outcome of a mutant. */
export type Outcome =
  | {
      readonly kind: "killed";
      readonly by: { readonly file: string; readonly title: string };
      readonly why: string;
    }
  /** The tests did not end. */
  | { readonly kind: "timeout" }
  | { readonly kind: "survived" }
  /** No test notices it, and it does not compile. */
  | { readonly kind: "refused" }
  /** No test runs the line. */
  | { readonly kind: "unreached" };

/** Outcomes of earlier runs, by file. */
export interface VerdictCache {
  /**
   * The outcomes of a file, as far as it was judged, if neither it nor any of its tests nor anything that
   * they load has changed.
   */
  valid(file: string, hash: string): ReadonlyMap<string, Outcome> | undefined;
  /** The test that killed a mutant in the latest run: the one to try first. */
  lastKiller(mutant: Mutant): { readonly file: string; readonly title: string } | undefined;
  /** Whether no test noticed a mutant in that run. */
  wasUnnoticed(mutant: Mutant): boolean;
  /** Stores outcomes of a file, also before all of it is judged. */
  put(file: string, hash: string, outcomes: ReadonlyMap<string, Outcome>): Promise<void>;
}

type Stored = Record<string, { readonly hash: string; readonly outcomes: Record<string, Outcome> }>;

/** A mutant within its file. */
export function mutantKey({ operator, edit }: Mutant): string {
  return `${edit.start}-${edit.end} ${operator} ${edit.text}`;
}

/** Reads the cache of an earlier run; an unreadable file counts as empty. */
export async function openVerdictCache(path: string): Promise<VerdictCache> {
  const stored = await readFile(path, "utf8").then(
    (text) => JSON.parse(text) as Stored,
    (): Stored => ({}),
  );
  const earlier: Stored = { ...stored };
  let last = Promise.resolve();
  const write = async (): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, JSON.stringify(stored));
    await rename(`${path}.new`, path);
  };
  return {
    valid: (file, hash) => {
      const present = stored[file];
      return present?.hash === hash ? new Map(Object.entries(present.outcomes)) : undefined;
    },
    lastKiller: (mutant) => {
      const outcome = earlier[mutant.file]?.outcomes[mutantKey(mutant)];
      return outcome?.kind === "killed" ? outcome.by : undefined;
    },
    wasUnnoticed: (mutant) => {
      const outcome = earlier[mutant.file]?.outcomes[mutantKey(mutant)];
      return outcome?.kind === "survived" || outcome?.kind === "unreached";
    },
    put: (file, hash, outcomes) => {
      stored[file] = { hash, outcomes: Object.fromEntries(outcomes) };
      last = last.then(write);
      return last;
    },
  };
}
