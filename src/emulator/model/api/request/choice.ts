/** The choice that a text names; undefined: none. The service does not distinguish its case. */
export function choiceOf<T extends string>(choices: readonly T[], text: string | undefined): T | undefined {
  return choices.find((known) => known.toLowerCase() === text?.toLowerCase());
}
