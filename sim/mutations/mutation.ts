import type { Invariant } from "../history/violation.ts";
import type { DirectedStorm } from "../scenario/storm/directed-storm.ts";

/** One change of a source file: `find` occurs exactly once in it. */
export interface SourceEdit {
  /** Relative to the project. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * A further layer of defence that would hide the missing rule. Removed alone it breaks nothing in the
 * storm of that rule.
 */
export interface Mask {
  readonly name: string;
  /** What it removes, in one sentence. */
  readonly removes: string;
  readonly edits: SourceEdit | readonly SourceEdit[];
}

/** One safety rule of the driver, removed by edits of the sources that ship. */
export interface Mutation {
  readonly name: string;
  /** What is removed, in one sentence. */
  readonly removes: string;
  readonly edits: SourceEdit | readonly SourceEdit[];
  /** Names of masks that are removed with it: otherwise the next layer would replace the rule. */
  readonly alsoRemoves?: readonly string[];
  /** Promises of which at least one must be seen broken. */
  readonly breaks: readonly Invariant[];
  /** The storm that shows it. With all its rules the driver passes it. */
  readonly storm: DirectedStorm;
  /**
   * A seed of that storm that has shown it, tried before all others so that the test need not search.
   * Default: 1.
   */
  readonly shownBy?: number;
  /** The events that it requires, in one sentence. */
  readonly takes: string;
  /** A test file that fails without the rule: proof that the edits remove it. */
  readonly noticedBy: string;
}
