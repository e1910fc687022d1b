/** What tells the kind of an error of the credentials. */
const FACTS = ["name", "code", "statusCode"] as const;

/**
 * An error with another message, and else with what tells its kind. The caught one stays as it is, since
 * others may hold it, too. What is no error is returned as it is.
 */
export function reworded(caught: unknown, wordsOf: (message: string) => string): unknown {
  if (!(caught instanceof Error)) return caught;
  const error = new Error(wordsOf(caught.message), { cause: caught });
  for (const fact of FACTS) if (fact in caught) Reflect.set(error, fact, Reflect.get(caught, fact));
  return error;
}
