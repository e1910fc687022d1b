/** After these a change may be under way, or made: external-resizer repeats it until it is certain. */
export const uncertainCodes: readonly string[] = [
  "CANCELLED",
  "DEADLINE_EXCEEDED",
  "UNAVAILABLE",
  "ABORTED",
  "RESOURCE_EXHAUSTED",
];
