/**
 * An error with another message, and else with what tells its kind: name, code and status. The caught one stays
 * as it is, since others may hold it, too. What is no error is returned as it is.
 */
export function reworded(caught: unknown, wordsOf: (message: string) => string): unknown {
  if (!(caught instanceof Error)) return caught;
  const { name } = caught;
  return Object.assign(new Error(wordsOf(caught.message), { cause: caught }), { ...caught, name });
}
