/** What happened, for people and for comparing two runs of one seed. */
export interface Trace {
  /**
   * Notes an event: `about` is the volume, node or process it concerns, `what` a short sentence in the
   * present tense. Cheap while the trace is not read.
   */
  note(about: string, what: string): void;
  /** All that was noted, `<virtual seconds> <about> <what>` a line. Bounded: the oldest leave first. */
  lines(): readonly string[];
  /** A number that two runs share only if they noted the same, also of what has left. */
  digest(): string;
}
