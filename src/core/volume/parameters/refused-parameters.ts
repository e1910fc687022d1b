/** A parameter of V1 that is refused. */
export interface RefusedParameter {
  /** Values that ask for nothing, in lower case: they are accepted. An empty value is one in any case. */
  readonly harmless: readonly string[];
  /** Why, in words that follow the field and the value. */
  readonly problem: string;
}

/**
 * Parameters of V1 that a class is refused for, each with the reason: none is dropped silently. They tune,
 * and protect nothing. So a PersistentVolume of V1 that has one is served without it: its attributes can't
 * be changed, and its pods would wait for ever.
 */
export const refusedParameters = {
  userAgent: {
    harmless: [],
    problem:
      "is not served: all calls share one client, and so one call budget; the tags of a disk name the " +
      "claim that it was made for",
  },
  attachDiskInitialDelay: {
    harmless: ["0"],
    problem:
      "is not served: attaches to one VM share its updates without a delay, since those that arrive during " +
      "an update wait for its end together",
  },
} as const satisfies Readonly<Record<string, RefusedParameter>>;

/** The row of a name, in any case. */
export function refusedParameter(name: string): RefusedParameter | undefined {
  const key = name.toLowerCase();
  const rows: readonly (readonly [string, RefusedParameter])[] = Object.entries(refusedParameters);
  return rows.find(([refused]) => key === refused.toLowerCase())?.[1];
}

/** Whether a value of a refused parameter asks for nothing. */
export function isHarmless({ harmless }: RefusedParameter, value: string): boolean {
  return value === "" || harmless.includes(value.toLowerCase());
}
