import type { Invariant } from "../history/violation.ts";
import type { DirectedStorm } from "../scenario/directed-storm.ts";

/** One change of a source file: `find` occurs exactly once in it. */
export interface SourceEdit {
  /** Relative to the project. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * A further layer of defence that would hide that a rule is gone. Taken away alone it breaks nothing in the
 * storm of that rule.
 */
export interface Mask {
  readonly name: string;
  /** What it takes away, in one sentence. */
  readonly removes: string;
  readonly edits: readonly SourceEdit[];
}

/** One safety rule of the driver, taken away by edits of the sources that ship. */
export interface Mutation {
  readonly name: string;
  /** What is taken away, in one sentence. */
  readonly removes: string;
  readonly edits: readonly SourceEdit[];
  /** Names of masks that are taken away with it: without them the next layer would stand in for the rule. */
  readonly alsoRemoves: readonly string[];
  /** Promises of which at least one must be seen broken. */
  readonly breaks: readonly Invariant[];
  /** The storm that shows it. The driver with all its rules comes through it. */
  readonly storm: DirectedStorm;
  /** What has to happen for that, in one sentence. */
  readonly takes: string;
  /** A test file that fails without the rule: the edits do take it away. */
  readonly noticedBy: string;
}
